import { cut } from '../cut.ts';
import { defineFunction } from './define.ts';

export const split = defineFunction({
  name: 'split',
  group: 'list',
  about: 'Cuts a text into a list; parts lose the space around them, empty ones are dropped.',
  input: 'text',
  output: 'list',
  args: [
    { name: 'separator', kind: 'text', about: 'where to cut' },
    { name: 'escape', kind: 'text', about: 'what stands before a separator that is part of the text', optional: true },
  ],
  examples: [
    { input: 'Pot, Plants,', call: 'split(",")', output: ['Pot', 'Plants'] },
    { input: 'Pots\\, Plants, Sale', call: 'split(",", "\\\\")', output: ['Pots, Plants', 'Sale'] },
  ],
  run: (value, separator, sign) =>
    cut(value, separator, sign)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
});
