import { defineFunction } from './define.ts';

export const nullIf = defineFunction({
  name: 'null_if',
  group: 'empty',
  about: 'Empty when the value is one of the arguments ("N/A", "-", 0).',
  input: 'any',
  output: 'same',
  args: [{ name: 'values', kind: 'any', about: 'what counts as empty', rest: true }],
  examples: [
    { input: 'N/A', call: 'null_if("N/A", "-")', output: null },
    { input: '7', call: 'null_if("N/A", "-")', output: '7' },
  ],
  run: (value, ...values) =>
    typeof value !== 'object' && values.some((one) => String(one) === String(value)) ? null : value,
});
