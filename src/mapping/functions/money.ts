import { readDecimal } from '../../canonical/decimal.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const money = defineFunction({
  name: 'money',
  group: 'number',
  about:
    'Reads an amount written with its currency ("€ 1.234,50", "12.00 USD") and gives the number. The argument is the decimal sign.',
  input: 'text',
  output: 'decimal',
  args: [{ name: 'sign', kind: 'choice', about: 'the decimal sign', values: ['.', ','] }],
  examples: [
    { input: '€ 1.234,50', call: 'money(",")', output: '1234.50' },
    { input: '12.00 USD', call: 'money(".")', output: '12.00' },
    { input: 'free', call: 'money(".")', fault: 'not-a-number' },
  ],
  run: (value, sign) => {
    const amount = value
      .trim()
      .replace(/^[-+]?[\p{L}\p{Sc}]{1,3}\.?\s*|\s*[\p{L}\p{Sc}]{1,3}\.?$/gu, (mark) =>
        mark.startsWith('-') ? '-' : '',
      );
    return readDecimal(amount, sign) ?? new Fault('not-a-number', 'is not an amount', value);
  },
});
