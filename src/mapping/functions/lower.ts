import { defineFunction } from './define.ts';

export const lower = defineFunction({
  name: 'lower',
  group: 'text',
  about: 'Small letters.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [{ input: 'ÄBC', call: 'lower', output: 'äbc' }],
  run: (value) => value.toLowerCase(),
});
