import { currencyCode } from '../../canonical/money.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const currency = defineFunction({
  name: 'currency',
  group: 'number',
  about: 'The ISO 4217 code of a currency name or unambiguous sign.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: 'eur', call: 'currency', output: 'EUR' },
    { input: '€', call: 'currency', output: 'EUR' },
    { input: '$', call: 'currency', fault: 'unknown-currency' },
  ],
  run: (value) => {
    const code = currencyCode(value);
    return code !== null || value.trim() === ''
      ? code
      : new Fault('unknown-currency', 'is no ISO 4217 currency', value);
  },
});
