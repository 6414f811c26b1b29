import { defineFunction } from './define.ts';

export const startsWith = defineFunction({
  name: 'starts_with',
  group: 'logic',
  about: 'True when a text begins with another one.',
  input: 'text',
  output: 'boolean',
  args: [{ name: 'part', kind: 'text', about: 'what to look for' }],
  examples: [{ input: 'id:744', call: 'starts_with("id:")', output: true }],
  run: (value, part) => value.startsWith(part),
});
