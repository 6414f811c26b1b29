import { defineFunction } from './define.ts';

export const matchPattern = defineFunction({
  name: 'match',
  group: 'text',
  about:
    'The part a regular expression (RE2 syntax, linear time) finds: its first group, or all of it; empty when it finds nothing.',
  input: 'text',
  output: 'text',
  args: [{ name: 'pattern', kind: 'pattern', about: 'regular expression' }],
  examples: [
    { input: 'Size: 42 EU', call: 'match("Size: ([0-9]+)")', output: '42' },
    { input: 'none', call: 'match("[0-9]+")', output: null },
  ],
  run: (value, pattern) => {
    const matcher = pattern.matcher(value);
    if (!matcher.find()) return null;
    return matcher.groupCount() > 0 ? matcher.group(1) : matcher.group();
  },
});
