import { defineFunction } from './define.ts';

export const padStart = defineFunction({
  name: 'pad_start',
  group: 'text',
  about: 'Fills a text up at its beginning.',
  input: 'text',
  output: 'text',
  args: [
    { name: 'length', kind: 'integer', about: 'characters it shall have', min: 1, max: 1000 },
    { name: 'fill', kind: 'text', about: 'what to put in front' },
  ],
  grows: true,
  examples: [{ input: '42', call: 'pad_start(5, "0")', output: '00042' }],
  run: (value, length, fill) => value.padStart(length, fill),
});
