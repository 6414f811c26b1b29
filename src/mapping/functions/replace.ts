import { defineFunction } from './define.ts';

export const replace = defineFunction({
  name: 'replace',
  group: 'text',
  about: 'Puts a text wherever another one stands.',
  input: 'text',
  output: 'text',
  args: [
    { name: 'search', kind: 'text', about: 'what to look for, exactly' },
    { name: 'by', kind: 'text', about: 'what to put there' },
  ],
  grows: true,
  examples: [{ input: 'a-b-c', call: 'replace("-", " ")', output: 'a b c' }],
  run: (value, search, by) => (search === '' ? value : value.replaceAll(search, () => by)),
});
