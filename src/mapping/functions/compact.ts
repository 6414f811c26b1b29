import { defineFunction } from './define.ts';

export const compact = defineFunction({
  name: 'compact',
  group: 'list',
  about: 'Drops empty elements.',
  input: 'list',
  output: 'list',
  args: [],
  examples: [{ input: ['a', null, ''], call: 'compact', output: ['a'] }],
  run: (value) => value.filter((element) => element !== null && element !== ''),
});
