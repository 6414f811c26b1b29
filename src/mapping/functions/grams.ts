import { toGrams, WEIGHT_UNITS } from '../../canonical/weight.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const grams = defineFunction({
  name: 'grams',
  group: 'number',
  about: 'A weight in grams. The unit is a constant or a path to the column that has it.',
  input: 'decimal',
  output: 'decimal',
  args: [{ name: 'unit', kind: 'text', about: 'mg, g, kg, t, oz or lb' }],
  examples: [
    { input: '1.25', call: 'grams("kg")', output: '1250' },
    { input: '2', call: 'grams("lb")', output: '907.18474' },
  ],
  run: (value, unit) =>
    toGrams(value, unit) ??
    new Fault('unknown-unit', `is no weight unit (${WEIGHT_UNITS.slice(0, 5).join(', ')} …)`, unit),
});
