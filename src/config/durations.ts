const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `500ms`, `30s`, `15m`, `2h`, `1d`; `null`: not a duration. */
export function parseDuration(text: string): number | null {
  const parts = /^(\d{1,9})\s*(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNITS[parts?.[2] ?? ''];
  return parts === null || unit === undefined ? null : Number(parts[1]) * unit;
}

/** Intervals below a minute, for sources that bear it. */
const SECONDS = /^(?:[1-9]|[1-5]\d)s$/;
const WORDS = new Set(['real_time', '15m', '30m', 'hourly', 'daily', 'manual']);
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEK = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** What a field of a cron expression may say: its lowest and highest value, and names for them from the lowest on. */
type CronField = { readonly low: number; readonly high: number; readonly names: readonly string[] };
const MINUTE: CronField = { low: 0, high: 59, names: [] };
const HOUR: CronField = { low: 0, high: 23, names: [] };
const DAY: CronField = { low: 1, high: 31, names: [] };
const MONTH: CronField = { low: 1, high: 12, names: MONTHS };
const WEEKDAY: CronField = { low: 0, high: 7, names: WEEK };

/** True for what `every` may say: a word, or a cron expression of five fields that comes at some time. */
export function isSchedule(text: string): boolean {
  if (WORDS.has(text) || SECONDS.test(text)) return true;
  const [minute = '', hour = '', day = '', month = '', weekday = '', ...more] = text.trim().split(/\s+/);
  const [days, months] = [valuesOf(day, DAY), valuesOf(month, MONTH)];
  if (more.length > 0 || days === null || months === null) return false;
  const isWhole = [valuesOf(minute, MINUTE), valuesOf(hour, HOUR), valuesOf(weekday, WEEKDAY)].every(Boolean);
  // There is no 30th of February. 2028 is a leap year.
  return isWhole && months.some((one) => Math.min(...days) <= new Date(Date.UTC(2028, one, 0)).getUTCDate());
}

/** The values that a field names; `null`: it is no field. */
function valuesOf(field: string, { low, high, names }: CronField): readonly number[] | null {
  const numberOf = (text: string): number | null => {
    const named = names.indexOf(text.toLowerCase());
    if (named >= 0) return low + named;
    return /^\d{1,2}$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : null;
  };
  const values: number[] = [];
  for (const part of field.split(',')) {
    const [, span = '', step] = /^([^/]+)(?:\/([1-9]\d?))?$/.exec(part) ?? [];
    const ends = span === '*' ? [low, high] : span.split('-').map(numberOf);
    const [from, to = from] = ends;
    if (ends.length > 2 || typeof from !== 'number' || typeof to !== 'number') return null;
    // A step goes through a range; of one value there is nothing to go through.
    if (step !== undefined && ends.length === 1) return null;
    const last = from <= to ? to : to + high - low + 1;
    for (let at = from; at <= last; at += Number(step ?? 1)) values.push(at <= high ? at : at - (high - low + 1));
  }
  return values;
}

/** True when the machine's time zone data know the name. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
