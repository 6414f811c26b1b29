/**
 * When a schedule is due. Cron expressions are read by node-cron; the clock of the schedule's zone is laid over it here, so
 * that a time that a daylight-saving change leaves out still happens (right after), and one that it repeats happens once.
 */
import { createTask } from 'node-cron';
import { TributaryError } from '../errors.ts';

/** Words for schedules. `real_time` polls as well: webhooks and watches may miss something. */
const WORDS: Readonly<Record<string, string>> = {
  real_time: '*/15 * * * *',
  '15m': '*/15 * * * *',
  '30m': '*/30 * * * *',
  hourly: '0 * * * *',
  daily: '0 0 * * *',
};

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Minute, hour, day, month, day of the week. */
const FIELDS = 5;
/** Schedules that are due less often than once in four years and a day are not. */
const FARTHEST = 1462 * 24 * 60;

/** Nobody needs to know more exactly how often nobody was there. */
export const MOST_COUNTED = 100;

export type Schedule = {
  /** First due time after `from`; `null`: never. */
  next(from: Date): Date | null;
  /** Due times in `[from, to]`: how many (`MOST_COUNTED`: that many or more), and the last. */
  missed(from: Date, to: Date): { readonly count: number; readonly last: Date };
};

/** @returns `null` for `manual`. @throws ERR_CONFIG_INVALID for an expression or zone that is none */
export function parseSchedule(every: string, timezone: string): Schedule | null {
  if (every === 'manual') return null;
  const seconds = /^(\d{1,2})s$/.exec(every)?.[1];
  if (seconds !== undefined) return interval(Number(seconds) * 1000);
  const expression = WORDS[every] ?? every;
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== FIELDS) throw noSchedule(expression);
  const matches = matcher(expression);
  const wall = wallClock(timezone);
  // An interval goes on through a daylight-saving change; a time of day is kept to.
  const isInterval = /^\*(\/\d+)?$/.test(fields[1] ?? '');
  const isDue = (minute: number): boolean => {
    const now = wall(minute);
    const before = wall(minute - MINUTE);
    if (now === before + MINUTE) return matches(now) && (isInterval || !repeatsEarlier(wall, minute, now));
    if (now <= before) return isInterval && matches(now);
    // What the change leaves out happens right after it.
    for (let at = before + MINUTE; at <= now; at += MINUTE) if (matches(at)) return true;
    return false;
  };
  const skip = skipper(fields, wall);
  const next = (from: Date): Date | null => {
    const start = Math.floor(from.getTime() / MINUTE) * MINUTE;
    for (let minute = start + MINUTE; minute < start + FARTHEST * MINUTE; minute = skip(minute) + MINUTE) {
      if (isDue(minute)) return new Date(minute);
    }
    return null;
  };
  return {
    next,
    missed(from, to) {
      let last = from;
      let count = 1;
      for (let due = next(from); due !== null && due <= to; due = next(due)) {
        last = due;
        count += 1;
        if (count === MOST_COUNTED) return { count, last: lastBefore(next, last, to) };
      }
      return { count, last };
    },
  };
}

/** Due at every multiple of so many milliseconds. */
function interval(ms: number): Schedule {
  const next = (from: Date) => new Date((Math.floor(from.getTime() / ms) + 1) * ms);
  return {
    next,
    missed(from, to) {
      const count = 1 + Math.floor(to.getTime() / ms) - Math.floor(from.getTime() / ms);
      return { count: Math.min(count, MOST_COUNTED), last: count > 1 ? new Date(next(to).getTime() - ms) : from };
    },
  };
}

/** The last due time up to `to`, which has many before it: looked for in ever longer stretches. */
function lastBefore(next: (from: Date) => Date | null, from: Date, to: Date): Date {
  for (let stretch = HOUR; ; stretch *= 2) {
    const start = new Date(Math.max(from.getTime(), to.getTime() - stretch));
    let last: Date | null = null;
    for (let due = next(start); due !== null && due <= to; due = next(due)) last = due;
    if (last) return last;
    if (start.getTime() === from.getTime()) return from;
  }
}

/** Whether the wall clock showed this minute already, before it was set back. */
function repeatsEarlier(wall: (at: number) => number, minute: number, shown: number): boolean {
  const drift = (at: number) => wall(at) - at;
  for (const hours of [1, 2, 3]) {
    const earlier = minute - hours * 60 * MINUTE;
    if (drift(earlier) > drift(minute) && wall(minute - (drift(earlier) - drift(minute))) === shown) return true;
  }
  return false;
}

/**
 * Gives the last minute of the hour or day in which, judging by the expression, nothing can be due any more; the minute itself
 * where it can, or where the clocks change. Without this a yearly expression is half a million questions.
 */
function skipper(fields: readonly string[], wall: (at: number) => number): (minute: number) => number {
  const days = matcher(['*', '*', ...fields.slice(2)].join(' '));
  const hours = matcher(['*', ...fields.slice(1)].join(' '));
  return (minute) => {
    const now = wall(minute);
    const unit = !days(now) ? DAY : !hours(now) ? HOUR : MINUTE;
    const left = unit - (now % unit) - MINUTE;
    return wall(minute + left) === now + left ? minute + left : minute;
  };
}

function matcher(expression: string): (wallMinute: number) => boolean {
  try {
    const task = createTask(expression, () => undefined, { timezone: 'UTC' });
    return (at) => task.match(new Date(at));
  } catch (cause) {
    throw noSchedule(expression, cause);
  }
}

const noSchedule = (expression: string, cause?: unknown): TributaryError =>
  new TributaryError('ERR_CONFIG_INVALID', `"${expression}" is no schedule.`, {
    cause,
    remedy: `Use ${Object.keys(WORDS).join(', ')}, manual or a cron expression with five fields.`,
  });

/** The zone's wall clock at a time, as if it were UTC. */
function wallClock(timezone: string): (at: number) => number {
  if (timezone === 'UTC') return (at) => at;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
  } catch (cause) {
    throw new TributaryError('ERR_CONFIG_INVALID', `"${timezone}" is no time zone.`, {
      cause,
      remedy: 'Use an IANA name such as Europe/Berlin.',
    });
  }
  return (at) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value);
    return Date.UTC(
      part['year'] ?? 0,
      (part['month'] ?? 1) - 1,
      part['day'] ?? 1,
      part['hour'] ?? 0,
      part['minute'] ?? 0,
    );
  };
}
