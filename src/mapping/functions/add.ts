import { addDecimals } from '../../canonical/decimal.ts';
import { defineFunction } from './define.ts';

export const add = defineFunction({
  name: 'add',
  group: 'number',
  about: 'Adds a number, exactly.',
  input: 'decimal',
  output: 'decimal',
  args: [{ name: 'number', kind: 'decimal', about: 'what to add; negative subtracts' }],
  examples: [{ input: '1.10', call: 'add(2.2)', output: '3.30' }],
  run: (value, number) => addDecimals(value, number),
});
