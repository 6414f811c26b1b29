import { defineFunction } from './define.ts';

export const replacePattern = defineFunction({
  name: 'replace_pattern',
  group: 'text',
  about: 'Replaces whatever a regular expression (RE2 syntax, linear time) finds; `$1` stands for its first group.',
  input: 'text',
  output: 'text',
  args: [
    { name: 'pattern', kind: 'pattern', about: 'regular expression' },
    { name: 'by', kind: 'text', about: 'what to put there' },
  ],
  grows: true,
  examples: [{ input: 'A 12 / B 3', call: 'replace_pattern("[0-9]+", "#")', output: 'A # / B #' }],
  run: (value, pattern, by) => pattern.matcher(value).replaceAll(by),
});
