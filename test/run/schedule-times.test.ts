import { describe, expect, it } from 'vitest';
import { isSchedule } from '../../src/config/durations.ts';
import { MOST_COUNTED, parseSchedule, type Schedule } from '../../src/run/schedule-times.ts';

/** The next due times after `from`, in UTC. */
function dues(every: string, timezone: string, from: string, count: number): (string | undefined)[] {
  const schedule = scheduleOf(every, timezone);
  const found: (string | undefined)[] = [];
  let at: Date | null = new Date(from);
  while (found.length < count && at) {
    at = schedule.next(at);
    found.push(at?.toISOString().slice(0, 16));
  }
  return found;
}

function scheduleOf(every: string, timezone: string): Schedule {
  const schedule = parseSchedule(every, timezone);
  if (!schedule) throw new Error(`${every} is never due`);
  return schedule;
}

/** Fields of expressions, right and wrong ones. */
const FIELDS = [
  ...['*', '*/5', '*/90', '5/10', '50-10', '1-5/2', '1-', 'mon', 'jan', 'MON-fri', 'sep-nov', 'sat,sun', '1,jan'],
  ...['7', '0', '07', '31', '30-31', '*/31', '60', '24', '1-3,5', 'l', '?', '', '*/0', 'mon/2', '1-2-3'],
];
const DAYS = ['30 2', '31 4', '31 2,3', '31 feb', '30-31 feb-apr', '29 2', '31 sep-nov', '*/30 2', '31 4,6'];

describe('what the configuration takes for a schedule', () => {
  const expressions = [
    ...[0, 1, 2, 3, 4].flatMap((at) => FIELDS.map((field) => ['*', '*', '*', '*', '*'].with(at, field).join(' '))),
    ...DAYS.map((day) => `0 0 ${day} *`),
    ...['', '* * * *', '* * * * * *', ' *  * * * *', '@daily'],
  ];
  // Of what cron itself takes, these are not for us.
  const unusual = /[?lL]/;

  it('is one that comes, and nothing else is', () => {
    const comes = (every: string): boolean => {
      try {
        return (parseSchedule(every, 'UTC')?.next(new Date('2026-11-21T12:00:00Z')) ?? null) !== null;
      } catch {
        return false;
      }
    };
    const told = expressions.map((every) => `${every}: ${isSchedule(every)}`);
    expect(told).toEqual(expressions.map((every) => `${every}: ${comes(every) && !unusual.test(every)}`));
    expect(expressions.filter(isSchedule).length).toBeGreaterThan(40);
  });
});

describe('words', () => {
  it.each([
    ['real_time', ['2026-11-21T12:15', '2026-11-21T12:30', '2026-11-21T12:45']],
    ['15m', ['2026-11-21T12:15', '2026-11-21T12:30', '2026-11-21T12:45']],
    ['30m', ['2026-11-21T12:30', '2026-11-21T13:00', '2026-11-21T13:30']],
    ['hourly', ['2026-11-21T13:00', '2026-11-21T14:00', '2026-11-21T15:00']],
    ['daily', ['2026-11-22T00:00', '2026-11-23T00:00', '2026-11-24T00:00']],
    ['10 6 * * mon', ['2026-11-23T06:10', '2026-11-30T06:10', '2026-12-07T06:10']],
  ])('%s comes at its times', (every, expected) => {
    expect(dues(every, 'UTC', '2026-11-21T12:00:30Z', 3)).toEqual(expected);
  });

  it('a due time is not due again right after itself', () => {
    expect(dues('hourly', 'UTC', '2026-11-21T13:00:00Z', 1)).toEqual(['2026-11-21T14:00']);
  });

  it('manual is never due', () => {
    expect(parseSchedule('manual', 'UTC')).toBeNull();
  });
});

describe('zones', () => {
  it('a time of day is that of its zone', () => {
    expect(dues('daily', 'Asia/Tokyo', '2026-11-21T12:00:00Z', 2)).toEqual(['2026-11-21T15:00', '2026-11-22T15:00']);
    expect(dues('0 7 * * *', 'America/New_York', '2026-11-21T00:00:00Z', 1)).toEqual(['2026-11-21T12:00']);
    expect(dues('0 7 * * *', 'Asia/Kathmandu', '2026-11-21T00:00:00Z', 1)).toEqual(['2026-11-21T01:15']);
  });

  it('a time of day keeps to the wall clock when the clocks change', () => {
    expect(dues('0 6 * * *', 'Europe/Berlin', '2026-03-27T12:00:00Z', 3)).toEqual([
      '2026-03-28T05:00',
      '2026-03-29T04:00',
      '2026-03-30T04:00',
    ]);
  });

  it.each([
    // 02:00 becomes 03:00, which is 01:00 UTC.
    ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    // Midnight itself is left out.
    ['daily', 'Africa/Cairo', '2026-04-23T12:00:00Z', ['2026-04-23T22:00', '2026-04-24T21:00']],
    // Half an hour is left out.
    ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-02T20:00:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    // A whole day is left out.
    ['daily', 'Pacific/Apia', '2011-12-29T11:00:00Z', ['2011-12-30T10:00', '2011-12-31T10:00']],
    ['0 12 30 * *', 'Pacific/Apia', '2011-12-20T11:00:00Z', ['2011-12-30T10:00', '2012-01-29T22:00']],
  ])('%s in %s, left out by the clocks, happens once right after', (every, timezone, from, expected) => {
    expect(dues(every, timezone, from, 2)).toEqual(expected);
  });

  it('several times of day that are left out happen once', () => {
    expect(dues('0,20,40 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
    ]);
  });

  it.each([
    ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['0 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-25T00:00', '2026-10-26T01:00']],
    ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-03T20:00:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']],
  ])('%s in %s, shown twice by the clocks, happens once', (every, timezone, from, expected) => {
    expect(dues(every, timezone, from, 2)).toEqual(expected);
  });

  it('intervals go on as if nothing were when the clocks change', () => {
    for (const from of ['2026-03-29T00:30:00Z', '2026-10-25T00:30:00Z']) {
      const start = new Date(from).getTime();
      const at = (minutes: number) => new Date(start + minutes * 60_000).toISOString().slice(0, 16);
      expect(dues('15m', 'Europe/Berlin', from, 8)).toEqual([15, 30, 45, 60, 75, 90, 105, 120].map(at));
      expect(dues('hourly', 'Europe/Berlin', from, 3)).toEqual([30, 90, 150].map(at));
    }
  });

  it('an hour of an interval that is left out is made up for right after', () => {
    expect(dues('0 */2 * * *', 'Europe/Berlin', '2026-03-28T22:30:00Z', 3)).toEqual([
      '2026-03-28T23:00',
      '2026-03-29T01:00',
      '2026-03-29T02:00',
    ]);
  });

  it('the next due time is the same from wherever it is asked, across both changes', () => {
    for (const every of ['30 2 * * *', '*/20 */3 * * *', '0 12 1 * *', '5 0 * * sun', '59 23 * * *']) {
      const schedule = scheduleOf(every, 'Europe/Berlin');
      for (const day of ['2026-03-28T00:00:00Z', '2026-10-24T00:00:00Z']) {
        const start = new Date(day).getTime();
        const all: number[] = [];
        for (let due = schedule.next(new Date(start)); due && all.length < 80; due = schedule.next(due))
          all.push(due.getTime());
        for (let hour = 0; hour < 48; hour += 1.9) {
          const from = start + hour * 3_600_000;
          const expected = all.find((due) => due > from);
          const next = schedule.next(new Date(from))?.getTime();
          expect({ every, from, next }).toEqual({ every, from, next: expected });
        }
      }
    }
  });
});

describe('rare schedules', () => {
  it('are found without asking every minute', () => {
    const started = performance.now();
    expect(dues('0 0 1 1 *', 'Europe/Berlin', '2026-01-02T00:00:00Z', 2)).toEqual([
      '2026-12-31T23:00',
      '2027-12-31T23:00',
    ]);
    expect(dues('0 0 29 2 *', 'UTC', '2026-01-02T00:00:00Z', 1)).toEqual(['2028-02-29T00:00']);
    // Two million questions would take half a minute.
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

describe('what is missed', () => {
  it('is counted with the last time that was due', () => {
    const schedule = scheduleOf('hourly', 'UTC');
    expect(schedule.missed(new Date('2026-11-21T08:00:00Z'), new Date('2026-11-21T11:59:00Z'))).toEqual({
      count: 4,
      last: new Date('2026-11-21T11:00:00Z'),
    });
  });

  it('is only the time itself when nobody was late', () => {
    const due = new Date('2026-11-21T08:00:00Z');
    expect(scheduleOf('hourly', 'UTC').missed(due, due)).toEqual({ count: 1, last: due });
  });

  it('is not counted to its end after months, but the last time is right', () => {
    const missed = scheduleOf('15m', 'Europe/Berlin').missed(
      new Date('2026-01-01T00:00:00Z'),
      new Date('2026-11-21T12:20:00Z'),
    );
    expect(missed).toEqual({ count: MOST_COUNTED, last: new Date('2026-11-21T12:15:00Z') });
  });
});

describe('mistakes', () => {
  it.each(['often', '* * * *', '* * * * * *', '61 * * * *', '0 0 31 2 *', '@daily', ''])(
    '%j is no schedule, and the remedy says what is',
    (every) => {
      expect(() => parseSchedule(every, 'UTC')).toThrow(
        expect.objectContaining({
          code: 'ERR_CONFIG_INVALID',
          message: `"${every}" is no schedule.`,
          remedy: expect.stringContaining('real_time, 15m, 30m, hourly, daily, manual'),
        }),
      );
    },
  );

  it('a zone that is none is named', () => {
    expect(() => parseSchedule('daily', 'Mars/Olympus')).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_INVALID', message: '"Mars/Olympus" is no time zone.' }),
    );
  });
});
