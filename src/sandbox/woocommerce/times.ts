/** Times as WordPress keeps them: whole seconds, once in the shop's own zone and once in UTC, neither saying which. */

const formats = new Map<string, Intl.DateTimeFormat>();

/** What clocks in a zone show: `2026-11-01T01:30:00`. */
export function wallTime(ms: number, zone: string): string {
  const format =
    formats.get(zone) ??
    new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium', hourCycle: 'h23' });
  formats.set(zone, format);
  return format.format(new Date(ms)).replace(' ', 'T');
}

export const gmtTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19);

/**
 * The text a time filter is compared with. One with an offset is turned into the shop's own time whatever column it is compared
 * with: with `dates_are_gmt` that shifts it by the offset of the shop. `null`: no time.
 */
export function filterTime(value: string, zone: string): string | null {
  const read = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(value);
  const wall = read?.[1];
  if (wall === undefined) return null;
  const offset = read?.[2];
  if (offset === undefined) return wall;
  const ms = Date.parse(`${wall}${offset === 'Z' ? 'Z' : offset.replace(/^(...)(\d\d)$/, '$1:$2')}`);
  return Number.isNaN(ms) ? null : wallTime(ms, zone);
}
