import { type Rounding, roundDecimal } from '../../canonical/decimal.ts';
import { defineFunction } from './define.ts';

const MODES: readonly Rounding[] = ['half_up', 'half_even', 'down'];

export const round = defineFunction({
  name: 'round',
  group: 'number',
  about: 'Rounds to so many digits behind the point.',
  input: 'decimal',
  output: 'decimal',
  args: [
    { name: 'places', kind: 'integer', about: 'digits behind the point', min: 0, max: 20 },
    {
      name: 'mode',
      kind: 'choice',
      about: 'what happens to a half; half_up if left out',
      values: ['half_up', 'half_even', 'down'],
      optional: true,
    },
  ],
  examples: [
    { input: '2.345', call: 'round(2)', output: '2.35' },
    { input: '2.345', call: 'round(2, "half_even")', output: '2.34' },
    { input: '-1.9', call: 'round(0, "down")', output: '-1' },
  ],
  run: (value, places, mode) => roundDecimal(value, places, MODES.find((known) => known === mode) ?? 'half_up'),
});
