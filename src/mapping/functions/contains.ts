import { defineFunction } from './define.ts';

export const contains = defineFunction({
  name: 'contains',
  group: 'logic',
  about: 'True when a text contains another one.',
  input: 'text',
  output: 'boolean',
  args: [{ name: 'part', kind: 'text', about: 'what to look for' }],
  examples: [{ input: 'simple, virtual', call: 'contains("virtual")', output: true }],
  run: (value, part) => value.includes(part),
});
