import { fromEpoch } from '../../canonical/time.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const epoch = defineFunction({
  name: 'epoch',
  group: 'time',
  about: 'Reads seconds or milliseconds since 1970.',
  input: 'decimal',
  output: 'timestamp',
  args: [{ name: 'unit', kind: 'choice', about: 'what is counted', values: ['s', 'ms'] }],
  examples: [
    { input: 1795168800, call: 'epoch("s")', output: '2026-11-20T10:00:00.000Z' },
    { input: '1e400', call: 'epoch("s")', fault: 'not-a-number' },
  ],
  run: (value, unit) => {
    const time = fromEpoch(Math.trunc(Number(value) * (unit === 's' ? 1000 : 1)));
    return time === 'impossible' ? new Fault('bad-time', 'is no point in time', value) : time;
  },
});
