import { defineFunction } from './define.ts';

export const firstElement = defineFunction({
  name: 'first',
  group: 'list',
  about: 'The first element that is not empty.',
  input: 'list',
  output: 'element',
  args: [],
  examples: [
    { input: [null, 'a', 'b'], call: 'first', output: 'a' },
    { input: [], call: 'first', output: null },
  ],
  run: (value) => value.find((element) => element !== null && element !== '') ?? null,
});
