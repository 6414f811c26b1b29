import { parseTimestamp, wallToUtc } from '../../canonical/time.ts';
import { readFormatted } from '../../canonical/time-format.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

const REASONS = {
  unreadable: ['bad-time', 'is not a point in time that can be read'],
  impossible: ['bad-time', 'is no day or hour of the calendar'],
  'zone-missing': ['zone-missing', 'does not say its zone; name it in the mapping: timestamp("Europe/Berlin")'],
} as const;

export const timestamp = defineFunction({
  name: 'timestamp',
  group: 'time',
  about:
    'Reads a point in time. The zone (IANA name) is that of texts which have no offset of their own; without it they are rejected. The format is needed for anything but ISO 8601.',
  input: 'text',
  output: 'timestamp',
  args: [
    { name: 'zone', kind: 'zone', about: 'IANA zone, such as "Europe/Berlin" or "UTC"', optional: true },
    { name: 'format', kind: 'format', about: 'such as "dd.MM.yyyy HH:mm"', optional: true },
  ],
  examples: [
    { input: '2026-11-20T10:00:00+01:00', call: 'timestamp', output: '2026-11-20T09:00:00.000Z' },
    {
      input: '20.07.2026 10:00',
      call: 'timestamp("Europe/Berlin", "dd.MM.yyyy HH:mm")',
      output: '2026-07-20T08:00:00.000Z',
    },
    { input: '2026-11-20 10:00', call: 'timestamp', fault: 'zone-missing' },
  ],
  run: (value, zone, format) => {
    const wall = format === undefined ? null : readFormatted(value, format);
    if (format !== undefined && wall === null)
      return value.trim() === '' ? null : new Fault('bad-time', `is not written as ${format.source}`, value);
    const found = wall === null ? parseTimestamp(value, zone ?? null) : wallToUtc(wall, zone ?? 'UTC');
    if (found !== 'unreadable' && found !== 'impossible' && found !== 'zone-missing') return found;
    if (value.trim() === '') return null;
    const [code, message] = REASONS[found];
    return new Fault(code, message, value);
  },
});
