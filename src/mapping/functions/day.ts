import { dayIn } from '../../canonical/time.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const day = defineFunction({
  name: 'day',
  group: 'time',
  about: 'The day that clocks in a zone show at a point in time.',
  input: 'timestamp',
  output: 'date',
  args: [{ name: 'zone', kind: 'zone', about: 'IANA zone' }],
  examples: [{ input: '2026-11-20T23:30:00.000Z', call: 'day("Europe/Berlin")', output: '2026-11-21' }],
  run: (value, zone) => dayIn(value, zone) ?? new Fault('bad-time', 'is no day there that can be written', value),
});
