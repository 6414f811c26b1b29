import { gtinDigits } from '../../canonical/normalise.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const gtin = defineFunction({
  name: 'gtin',
  group: 'identifier',
  about: 'An EAN, UPC or ISBN-13 whose check digit is right: its digits with their leading zeros.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: '0 36000 29145 2', call: 'gtin', output: '036000291452' },
    { input: '036000291453', call: 'gtin', fault: 'bad-gtin' },
  ],
  run: (value) => (value.trim() === '' ? null : (gtinDigits(value) ?? new Fault('bad-gtin', 'is no GTIN (8, 12, 13 or 14 digits with a right check digit)', value))),
});
