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
/** Lowest and highest value of minute, hour, day of month, month, day of week. */
const RANGES: readonly (readonly [number, number])[] = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
];
const NAMES = /^(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|sun|mon|tue|wed|thu|fri|sat)$/i;

/** True for what `every` may say: a word, or a cron expression of five fields. */
export function isSchedule(text: string): boolean {
  if (WORDS.has(text) || SECONDS.test(text)) return true;
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === RANGES.length && fields.every((field, index) => isCronField(field, RANGES[index] ?? [0, 59]))
  );
}

function isCronField(field: string, [low, high]: readonly [number, number]): boolean {
  const isPoint = (text: string): boolean =>
    NAMES.test(text) || (/^\d{1,2}$/.test(text) && Number(text) >= low && Number(text) <= high);
  return field.split(',').every((part) => {
    const [span = '', step, ...rest] = part.split('/');
    if (rest.length > 0 || (step !== undefined && !/^[1-9]\d?$/.test(step))) return false;
    if (span === '*') return true;
    const ends = span.split('-');
    return ends.length <= 2 && ends.every(isPoint);
  });
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
