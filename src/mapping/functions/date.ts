import { parseDate } from '../../canonical/time.ts';
import { readFormatted } from '../../canonical/time-format.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const date = defineFunction({
  name: 'date',
  group: 'time',
  about: 'Reads a day without a time: YYYY-MM-DD, or in the format named.',
  input: 'text',
  output: 'date',
  args: [{ name: 'format', kind: 'format', about: 'such as "dd.MM.yyyy"', optional: true }],
  examples: [
    { input: '20.11.2026', call: 'date("dd.MM.yyyy")', output: '2026-11-20' },
    { input: '2026-02-30', call: 'date', fault: 'bad-time' },
  ],
  run: (value, format) => {
    if (value.trim() === '') return null;
    const wall = format === undefined ? null : readFormatted(value, format);
    const pad = (number: number, length: number): string => String(number).padStart(length, '0');
    const text =
      format === undefined
        ? value
        : wall === null
          ? ''
          : `${pad(wall.year, 4)}-${pad(wall.month, 2)}-${pad(wall.day, 2)}`;
    return (
      parseDate(text) ??
      new Fault(
        'bad-time',
        format === undefined ? 'is no day (YYYY-MM-DD)' : `is no day written as ${format.source}`,
        value,
      )
    );
  },
});
