import { MAX_DIGITS, multiplyDecimals } from '../../canonical/decimal.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const multiply = defineFunction({
  name: 'multiply',
  group: 'number',
  about: 'Multiplies by a number, exactly.',
  input: 'decimal',
  output: 'decimal',
  args: [{ name: 'number', kind: 'decimal', about: 'the factor' }],
  examples: [{ input: '1.5', call: 'multiply(1.19)', output: '1.785' }],
  run: (value, number) => {
    const product = multiplyDecimals(value, number);
    return product.length > MAX_DIGITS
      ? new Fault('out-of-range', 'has too many digits when multiplied', value)
      : product;
  },
});
