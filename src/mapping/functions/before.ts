import { defineFunction } from './define.ts';

export const before = defineFunction({
  name: 'before',
  group: 'text',
  about: 'What stands before the first occurrence of a text; all of it when there is none.',
  input: 'text',
  output: 'text',
  args: [{ name: 'mark', kind: 'text', about: 'where to cut' }],
  examples: [
    { input: 'SKU-1:red', call: 'before(":")', output: 'SKU-1' },
    { input: 'SKU-1', call: 'before(":")', output: 'SKU-1' },
  ],
  run: (value, mark) => {
    const at = value.indexOf(mark);
    return at < 0 ? value : value.slice(0, at);
  },
});
