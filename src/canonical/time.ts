/** Points in time as ISO 8601 UTC text with milliseconds, days as `YYYY-MM-DD`. No clock is asked here. */

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|z|UTC|[+-]\d\d(?::?\d\d)?)?$/;

/** Wall-clock reading, before a zone gives it a meaning. */
export type WallTime = {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
};

/** Why a text is no point in time: not readable, no such day or hour, or nothing says which zone it is in. */
export type TimeFault = 'unreadable' | 'impossible' | 'zone-missing';

/** `null` when the day or hour does not exist in the calendar. */
function epochOf(wall: WallTime): number | null {
  const { year, month, day, hour, minute, second, millisecond } = wall;
  // PostgreSQL knows no year 0.
  if (year < 1 || month < 1 || month > 12 || day < 1 || hour > 24 || minute > 59 || second > 60) return null;
  if (hour === 24 && (minute > 0 || second > 0)) return null;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCDate() !== day) return null;
  // A leap second is kept as the last moment of its minute.
  const time = second === 60 ? 59_999 : second * 1000 + millisecond;
  return date.getTime() + hour * 3_600_000 + minute * 60_000 + time;
}

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z' || zone === 'UTC') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2)) * (zone.length > 3 ? 1 : 0);
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

const CANONICAL =
  /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{3})?Z$/;

/**
 * Reads ISO 8601 (`2026-11-20T10:00:00+01:00`, `2026-11-20 10:00`, `2026-11-20`).
 * @param zone IANA name for texts without an offset of their own; `null`: such texts are faults.
 */
export function parseTimestamp(text: string, zone: string | null): string | TimeFault {
  // The form most sources send needs no calendar.
  if (CANONICAL.test(text)) return text.length === 24 ? text : `${text.slice(0, 19)}.000Z`;
  const parts = ISO.exec(text.trim());
  if (parts === null) return 'unreadable';
  const fraction = parts[7] === undefined ? 0 : Number(parts[7].slice(0, 3).padEnd(3, '0'));
  const wall: WallTime = {
    year: Number(parts[1]),
    month: Number(parts[2]),
    day: Number(parts[3]),
    hour: Number(parts[4] ?? 0),
    minute: Number(parts[5] ?? 0),
    second: Number(parts[6] ?? 0),
    millisecond: fraction,
  };
  const offset = parts[8];
  if (offset === undefined) return zone === null ? 'zone-missing' : wallToUtc(wall, zone);
  const epoch = epochOf(wall);
  return epoch === null ? 'impossible' : toIso(epoch - offsetMs(offset));
}

function toIso(epochMs: number): string | TimeFault {
  const date = new Date(epochMs);
  if (!Number.isFinite(date.getTime()) || date.getUTCFullYear() < 1 || date.getUTCFullYear() > 9999)
    return 'impossible';
  return date.toISOString();
}

/** Milliseconds since 1970 as a timestamp. */
export function fromEpoch(epochMs: number): string | TimeFault {
  return toIso(epochMs);
}

/** The moment at which clocks in `zone` show `wall`. In the hour that autumn repeats the first one is meant. */
export function wallToUtc(wall: WallTime, zone: string): string | TimeFault {
  const asUtc = epochOf(wall);
  if (asUtc === null) return 'impossible';
  const before = asUtc - zoneOffsetMs(zone, asUtc - 86_400_000);
  const after = asUtc - zoneOffsetMs(zone, asUtc + 86_400_000);
  const candidates = [Math.min(before, after), Math.max(before, after)];
  const hit = candidates.find((epoch) => epoch + zoneOffsetMs(zone, epoch) === asUtc);
  // A time that spring skips: the same distance after the jump, as clocks that were not put forward show it.
  return toIso(hit ?? before);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, format);
  return format;
}

/** Before it `Date.UTC` means years of the last century. Nobody had zones then: such days stand for "none". */
const ZONES_FROM = Date.parse('0100-01-02T00:00:00Z');

/** How far clocks in `zone` are ahead of UTC at that moment. */
function zoneOffsetMs(zone: string, epochMs: number): number {
  if (zone === 'UTC' || epochMs < ZONES_FROM) return 0;
  const shown = new Map(
    formatOf(zone)
      .formatToParts(epochMs)
      .map((part) => [part.type, Number(part.value)]),
  );
  const read = (name: Intl.DateTimeFormatPartTypes): number => shown.get(name) ?? 0;
  const asUtc = Date.UTC(read('year'), read('month') - 1, read('day'), read('hour'), read('minute'), read('second'));
  return asUtc - Math.floor(epochMs / 1000) * 1000;
}

/** True for `UTC` and every IANA zone this Node knows. */
export function isZone(name: string): boolean {
  if (name === 'UTC') return true;
  if (!/^[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+$/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** Every zone name that can be suggested to someone who mistyped one. */
export function zoneNames(): readonly string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone')];
}

/** Reads `YYYY-MM-DD`; `null` when there is no such day. */
export function parseDate(text: string): string | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text.trim());
  if (parts === null) return null;
  const wall = {
    year: Number(parts[1]),
    month: Number(parts[2]),
    day: Number(parts[3]),
    hour: 0,
    minute: 0,
    second: 0,
    millisecond: 0,
  };
  return epochOf(wall) === null ? null : text.trim();
}

/** The day clocks in `zone` show at a timestamp; `null` when it is in a year of five digits. */
export function dayIn(timestamp: string, zone: string): string | null {
  const epoch = Date.parse(timestamp);
  return parseDate(new Date(epoch + zoneOffsetMs(zone, epoch)).toISOString().slice(0, 10));
}
