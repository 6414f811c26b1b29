import { currencyCode, minorDigits } from '../../canonical/money.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const fromMinor = defineFunction({
  name: 'from_minor',
  group: 'number',
  about: 'An amount in minor units (cents) as a decimal of its currency.',
  input: 'integer',
  output: 'decimal',
  args: [{ name: 'currency', kind: 'text', about: 'ISO code, or a path to it' }],
  examples: [
    { input: 1990, call: 'from_minor("EUR")', output: '19.90' },
    { input: 1990, call: 'from_minor("JPY")', output: '1990' },
  ],
  run: (value, currency) => {
    const code = currencyCode(currency);
    if (code === null) return new Fault('unknown-currency', 'is no currency', currency);
    const digits = minorDigits(code);
    if (digits === 0) return String(value);
    const written = String(Math.abs(value)).padStart(digits + 1, '0');
    return `${value < 0 ? '-' : ''}${written.slice(0, -digits)}.${written.slice(-digits)}`;
  },
});
