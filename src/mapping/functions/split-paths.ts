import { defineFunction } from './define.ts';

export const splitPaths = defineFunction({
  name: 'split_paths',
  group: 'list',
  about: 'Cuts a list of category paths ("Clothing > Hoodies, Sale") into paths written "A > B".',
  input: 'text',
  output: 'list',
  args: [
    { name: 'separator', kind: 'text', about: 'between paths' },
    { name: 'level', kind: 'text', about: 'between the levels of a path' },
  ],
  examples: [
    { input: 'Clothing>Hoodies, Sale', call: 'split_paths(",", ">")', output: ['Clothing > Hoodies', 'Sale'] },
  ],
  run: (value, separator, level) =>
    (separator === '' ? [value] : value.split(separator))
      .map((path) =>
        (level === '' ? [path] : path.split(level))
          .map((name) => name.trim())
          .filter((name) => name !== '')
          .join(' > '),
      )
      .filter((path) => path !== ''),
});
