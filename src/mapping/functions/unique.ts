import { defineFunction } from './define.ts';

export const unique = defineFunction({
  name: 'unique',
  group: 'list',
  about: 'Drops elements that occurred before.',
  input: 'list',
  output: 'list',
  args: [],
  examples: [{ input: ['a', 'b', 'a'], call: 'unique', output: ['a', 'b'] }],
  run: (value) => {
    const seen = new Set<string>();
    return value.filter((element) => {
      const written = JSON.stringify(element);
      return seen.has(written) ? false : seen.add(written) !== undefined;
    });
  },
});
