import { asText } from '../runtime.ts';
import { defineFunction } from './define.ts';

export const toText = defineFunction({
  name: 'text',
  group: 'text',
  about: 'A number, truth value or time as text.',
  input: 'any',
  output: 'text',
  args: [],
  examples: [
    { input: 42, call: 'text', output: '42' },
    { input: true, call: 'text', output: 'true' },
    { input: ['a'], call: 'text', fault: 'not-text' },
  ],
  run: (value) => (typeof value === 'boolean' ? String(value) : asText(value)),
});
