import { defineFunction } from './define.ts';

export const lastElement = defineFunction({
  name: 'last',
  group: 'list',
  about: 'The last element that is not empty.',
  input: 'list',
  output: 'element',
  args: [],
  examples: [{ input: ['a', 'b', null], call: 'last', output: 'b' }],
  run: (value) => value.findLast((element) => element !== null && element !== '') ?? null,
});
