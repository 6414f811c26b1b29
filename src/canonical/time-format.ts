/** Dates in the ways vendors write them: `dd.MM.yyyy HH:mm`, `M/d/yyyy h:mm a`, `yyyyMMdd`. */
import type { WallTime } from './time.ts';

type Part =
  | 'year'
  | 'year2'
  | 'month'
  | 'monthName'
  | 'day'
  | 'hour'
  | 'hour12'
  | 'minute'
  | 'second'
  | 'fraction'
  | 'half';
type Token = { readonly part: Part; readonly pattern: string } | { readonly text: string };

/** A parsed format. The regular expression has only fixed-width or bounded parts, so that it runs in linear time. */
export type TimeFormat = {
  readonly source: string;
  readonly pattern: RegExp;
  readonly parts: readonly Part[];
  readonly hasTime: boolean;
};

const TOKENS: Readonly<Record<string, { readonly part: Part; readonly pattern: string }>> = {
  yyyy: { part: 'year', pattern: '(\\d{4})' },
  yy: { part: 'year2', pattern: '(\\d{2})' },
  MMM: { part: 'monthName', pattern: '([A-Za-z]{3})' },
  MM: { part: 'month', pattern: '(\\d{2})' },
  M: { part: 'month', pattern: '(\\d{1,2})' },
  dd: { part: 'day', pattern: '(\\d{2})' },
  d: { part: 'day', pattern: '(\\d{1,2})' },
  HH: { part: 'hour', pattern: '(\\d{2})' },
  H: { part: 'hour', pattern: '(\\d{1,2})' },
  hh: { part: 'hour12', pattern: '(\\d{2})' },
  h: { part: 'hour12', pattern: '(\\d{1,2})' },
  mm: { part: 'minute', pattern: '(\\d{2})' },
  ss: { part: 'second', pattern: '(\\d{2})' },
  SSS: { part: 'fraction', pattern: '(\\d{3})' },
  a: { part: 'half', pattern: '([AaPp][Mm])' },
};

/** What the letters of a format may be, for messages. */
export const FORMAT_TOKENS = Object.keys(TOKENS).join(', ');

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Reads a format; a text in place of it says what is wrong. Letters in single quotes stand for themselves. */
export function parseFormat(source: string): TimeFormat | string {
  const tokens: Token[] = [];
  for (const [piece] of source.matchAll(/'[^']*'|([A-Za-z])\1*|[^A-Za-z']+|'/g)) {
    const known = Object.hasOwn(TOKENS, piece) ? TOKENS[piece] : undefined;
    if (known !== undefined) tokens.push(known);
    else if (/^[A-Za-z]/.test(piece)) return `"${piece}" is no part of a date; there are ${FORMAT_TOKENS}`;
    else tokens.push({ text: piece.startsWith("'") ? piece.slice(1, -1) : piece });
  }
  const parts = tokens.flatMap((token) => ('part' in token ? [token.part] : []));
  const repeated = parts.find((part, index) => parts.indexOf(part) !== index);
  if (repeated !== undefined) return `the ${repeated} stands in it twice`;
  if (!parts.some((part) => part === 'year' || part === 'year2')) return 'it has no year (yyyy)';
  if (!parts.some((part) => part === 'month' || part === 'monthName')) return 'it has no month (MM)';
  if (!parts.includes('day')) return 'it has no day (dd)';
  const body = tokens
    .map((token) => ('part' in token ? token.pattern : token.text.replace(/[^\w\s]/g, '\\$&')))
    .join('');
  const hasTime = parts.includes('hour') || parts.includes('hour12');
  return { source, pattern: new RegExp(`^${body}$`), parts, hasTime };
}

/** Reads a text in that format; `null` when it is written otherwise. */
export function readFormatted(text: string, format: TimeFormat): WallTime | null {
  const found = format.pattern.exec(text.trim());
  if (found === null) return null;
  const read = (part: Part): string | undefined => {
    const index = format.parts.indexOf(part);
    return index < 0 ? undefined : found[index + 1];
  };
  const monthName = read('monthName');
  const month = monthName === undefined ? Number(read('month')) : MONTHS.indexOf(monthName.toLowerCase()) + 1;
  if (month === 0) return null;
  // Two-digit years: 69 and below are this century, as POSIX reads them.
  const short = Number(read('year2') ?? 0);
  const year = Number(read('year') ?? (short <= 69 ? 2000 + short : 1900 + short));
  const hour12 = read('hour12');
  const isAfternoon = read('half')?.toLowerCase() === 'pm';
  if (hour12 !== undefined && (Number(hour12) < 1 || Number(hour12) > 12)) return null;
  const hour = hour12 === undefined ? Number(read('hour') ?? 0) : (Number(hour12) % 12) + (isAfternoon ? 12 : 0);
  return {
    year,
    month,
    day: Number(read('day')),
    hour,
    minute: Number(read('minute') ?? 0),
    second: Number(read('second') ?? 0),
    millisecond: Number(read('fraction') ?? 0),
  };
}
