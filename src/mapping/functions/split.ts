import { defineFunction } from './define.ts';

export const split = defineFunction({
  name: 'split',
  group: 'list',
  about: 'Cuts a text into a list; parts lose the space around them, empty ones are dropped.',
  input: 'text',
  output: 'list',
  args: [{ name: 'separator', kind: 'text', about: 'where to cut' }],
  examples: [{ input: 'Pot, Plants,', call: 'split(",")', output: ['Pot', 'Plants'] }],
  run: (value, separator) =>
    (separator === '' ? [value] : value.split(separator)).map((part) => part.trim()).filter((part) => part !== ''),
});
