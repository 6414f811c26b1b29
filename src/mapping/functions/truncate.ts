import { defineFunction } from './define.ts';

export const truncate = defineFunction({
  name: 'truncate',
  group: 'text',
  about: 'Cuts a text that is longer than so many characters.',
  input: 'text',
  output: 'text',
  args: [{ name: 'length', kind: 'integer', about: 'most characters to keep', min: 1, max: 1000000 }],
  examples: [{ input: 'Everlasting', call: 'truncate(4)', output: 'Ever' }],
  run: (value, length) => (value.length <= length ? value : Array.from(value).slice(0, length).join('')),
});
