import { defineFunction } from './define.ts';

export const matches = defineFunction({
  name: 'matches',
  group: 'logic',
  about: 'True when a regular expression (RE2 syntax, linear time) finds something in the text.',
  input: 'text',
  output: 'boolean',
  args: [{ name: 'pattern', kind: 'pattern', about: 'regular expression' }],
  examples: [{ input: 'AB-12', call: 'matches("^[A-Z]+-[0-9]+$")', output: true }],
  run: (value, pattern) => pattern.matcher(value).find(),
});
