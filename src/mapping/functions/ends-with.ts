import { defineFunction } from './define.ts';

export const endsWith = defineFunction({
  name: 'ends_with',
  group: 'logic',
  about: 'True when a text ends with another one.',
  input: 'text',
  output: 'boolean',
  args: [{ name: 'part', kind: 'text', about: 'what to look for' }],
  examples: [{ input: 'a.png', call: 'ends_with(".png")', output: true }],
  run: (value, part) => value.endsWith(part),
});
