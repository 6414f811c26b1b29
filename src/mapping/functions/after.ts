import { defineFunction } from './define.ts';

export const after = defineFunction({
  name: 'after',
  group: 'text',
  about: 'What stands behind the first occurrence of a text; empty when there is none.',
  input: 'text',
  output: 'text',
  args: [{ name: 'mark', kind: 'text', about: 'where to cut' }],
  examples: [
    { input: 'id:744', call: 'after("id:")', output: '744' },
    { input: '744', call: 'after("id:")', output: null },
  ],
  run: (value, mark) => {
    const at = value.indexOf(mark);
    return at < 0 ? null : value.slice(at + mark.length);
  },
});
