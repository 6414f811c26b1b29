import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const integer = defineFunction({
  name: 'integer',
  group: 'number',
  about: 'Reads a whole number; "5.0" is one, "5.5" is not (use round first).',
  input: 'decimal',
  output: 'integer',
  args: [],
  examples: [
    { input: '42', call: 'integer', output: 42 },
    { input: '5.0', call: 'integer', output: 5 },
    { input: '5.5', call: 'integer', fault: 'not-whole' },
  ],
  run: (value) => {
    const plain = Number(value);
    if (Number.isSafeInteger(plain) && !value.includes('.')) return plain;
    const whole = /^-?\d+(?=\.0+$|$)/.exec(value)?.[0];
    if (whole === undefined) return new Fault('not-whole', 'is not a whole number', value);
    const number = Number(whole);
    return Number.isSafeInteger(number) ? number : new Fault('out-of-range', 'is beyond 2^53', value);
  },
});
