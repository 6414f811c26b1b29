import { addDecimals, normaliseDecimal } from '../../canonical/decimal.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const sum = defineFunction({
  name: 'sum',
  group: 'number',
  about: 'The sum of a list of numbers; empty elements count as nothing.',
  input: 'list',
  output: 'decimal',
  args: [],
  examples: [
    { input: ['1.50', null, 2], call: 'sum', output: '3.50' },
    { input: ['x'], call: 'sum', fault: 'not-a-number' },
  ],
  run: (value) => {
    let total = '0';
    for (const element of value) {
      if (element === null || element === '') continue;
      const number = typeof element === 'object' ? null : normaliseDecimal(String(element));
      if (number === null) return new Fault('not-a-number', 'is not a number', element);
      total = addDecimals(total, number);
    }
    return total;
  },
});
