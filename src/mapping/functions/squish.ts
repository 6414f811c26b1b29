import { defineFunction } from './define.ts';

export const squish = defineFunction({
  name: 'squish',
  group: 'text',
  about: 'Removes space at both ends and makes every run of space inside one blank.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [{ input: ' Blue \n  mug ', call: 'squish', output: 'Blue mug' }],
  run: (value) => value.trim().replace(/\s+/g, ' '),
});
