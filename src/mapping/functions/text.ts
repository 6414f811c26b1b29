import { Fault } from '../fault.ts';
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
  run: (value) =>
    value !== null && typeof value === 'object' ? new Fault('not-text', 'is not a single value', value) : String(value),
});
