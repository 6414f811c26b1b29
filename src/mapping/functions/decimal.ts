import { isDecimal, readDecimal } from '../../canonical/decimal.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const decimal = defineFunction({
  name: 'decimal',
  group: 'number',
  about:
    'Reads a number exactly. With the argument "," the comma is the decimal sign and the point groups thousands; otherwise the other way round.',
  input: 'any',
  output: 'decimal',
  args: [{ name: 'sign', kind: 'choice', about: 'the decimal sign', values: ['.', ','], optional: true }],
  examples: [
    { input: '1,234.50', call: 'decimal', output: '1234.50' },
    { input: '1.234,5', call: 'decimal(",")', output: '1234.5' },
    { input: 7, call: 'decimal', output: '7' },
    { input: '12,5', call: 'decimal', fault: 'not-a-number' },
  ],
  run: (value, sign) => {
    if (typeof value !== 'string' && typeof value !== 'number')
      return new Fault('not-a-number', 'is not a number', value);
    if (sign !== ',' && typeof value === 'string' && isDecimal(value)) return value;
    const text = String(value);
    if (text.trim() === '') return null;
    // A number of the source's own JSON always has a point.
    return (
      readDecimal(text, typeof value === 'number' ? '.' : sign) ?? new Fault('not-a-number', 'is not a number', value)
    );
  },
});
