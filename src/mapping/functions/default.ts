import { defineFunction } from './define.ts';

export const defaultTo = defineFunction({
  name: 'default',
  group: 'empty',
  about: 'The argument when there is no value.',
  input: 'any',
  output: 'same',
  args: [{ name: 'value', kind: 'any', about: 'what to take instead' }],
  takesEmpty: true,
  examples: [
    { input: null, call: 'default("EUR")', output: 'EUR' },
    { input: 'USD', call: 'default("EUR")', output: 'USD' },
  ],
  run: (value, fallback) => value ?? fallback,
});
