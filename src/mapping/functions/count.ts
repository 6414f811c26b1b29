import { defineFunction } from './define.ts';

export const count = defineFunction({
  name: 'count',
  group: 'list',
  about: 'How many elements a list has.',
  input: 'list',
  output: 'integer',
  args: [],
  examples: [{ input: ['a', 'b'], call: 'count', output: 2 }],
  run: (value) => value.length,
});
