import { gtinDigits } from '../../canonical/normalise.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const gtin = defineFunction({
  name: 'gtin',
  group: 'identifier',
  about:
    'An EAN, UPC or ISBN-13 whose check digit is right: its digits with their leading zeros. Others are rejected; with "empty" they count as none (columns that also hold a shop\'s own codes).',
  input: 'text',
  output: 'text',
  args: [
    {
      name: 'otherwise',
      kind: 'choice',
      about: 'what becomes of anything else',
      values: ['reject', 'empty'],
      optional: true,
    },
  ],
  examples: [
    { input: '0 36000 29145 2', call: 'gtin', output: '036000291452' },
    { input: '036000291453', call: 'gtin', fault: 'bad-gtin' },
    { input: 'SHELF-7', call: 'gtin("empty")', output: null },
  ],
  run: (value, otherwise) => {
    if (value.trim() === '') return null;
    const digits = gtinDigits(value);
    if (digits !== null || otherwise === 'empty') return digits;
    return new Fault('bad-gtin', 'is no GTIN (8, 12, 13 or 14 digits with a right check digit)', value);
  },
});
