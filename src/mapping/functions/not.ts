import { defineFunction } from './define.ts';

export const negate = defineFunction({
  name: 'not',
  group: 'logic',
  about: 'True becomes false, false becomes true.',
  input: 'boolean',
  output: 'boolean',
  args: [],
  examples: [{ input: true, call: 'not', output: false }],
  run: (value) => !value,
});
