import { defineFunction } from './define.ts';

export const upper = defineFunction({
  name: 'upper',
  group: 'text',
  about: 'Capital letters.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [{ input: 'eur', call: 'upper', output: 'EUR' }],
  run: (value) => value.toUpperCase(),
});
