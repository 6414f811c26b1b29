/** Dates in file names: `yyyyMMdd`, `yyyy-MM-dd_HHmmss`, `dd.MM.yyyy` … */

const FIELDS = { yyyy: 4, MM: 2, dd: 2, HH: 2, mm: 2, ss: 2, SSS: 3 } as const;

/** Epoch milliseconds of a date written in this format and time zone; `NaN` when the text is no such date. */
export function parseAsOf(text: string, format: string, timezone: string): number {
  if (format === 'unix') return /^\d{9,11}$/.test(text) ? Number(text) * 1000 : Number.NaN;
  const found: Record<string, number> = {};
  let at = 0;
  for (const [piece] of format.matchAll(/yyyy|MM|dd|HH|mm|SSS|ss|[\s\S]/g)) {
    const width = Object.hasOwn(FIELDS, piece) ? FIELDS[piece as keyof typeof FIELDS] : 0;
    const part = text.slice(at, at + (width || piece.length));
    if (width === 0 ? part !== piece : !/^\d+$/.test(part) || part.length !== width) return Number.NaN;
    if (width > 0) found[piece] = Number(part);
    at += part.length;
  }
  return at === text.length ? inZone(found, timezone) : Number.NaN;
}

function inZone(found: Readonly<Record<string, number>>, timezone: string): number {
  const { yyyy = Number.NaN, MM = 1, dd = 1, HH = 0, mm = 0, ss = 0, SSS = 0 } = found;
  const wall = Date.UTC(yyyy, MM - 1, dd, HH, mm, ss, SSS);
  const back = new Date(wall);
  // 31 February and 25 o'clock roll over silently in Date.
  if (back.getUTCMonth() !== MM - 1 || back.getUTCDate() !== dd || back.getUTCHours() !== HH || mm > 59 || ss > 59)
    return Number.NaN;
  if (timezone === 'UTC') return wall;
  // Twice, because the first guess may lie on the other side of a change of the clocks.
  const once = wall - offsetAt(wall, timezone);
  return wall - offsetAt(once, timezone);
}

function offsetAt(time: number, timezone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    ...{ timeZone: timezone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
    ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
  } as const).formatToParts(time);
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value);
  return (
    Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second')) -
    Math.floor(time / 1000) * 1000
  );
}

/** False for a zone this machine does not know. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name });
    return true;
  } catch {
    return false; // That is how Intl says it.
  }
}
