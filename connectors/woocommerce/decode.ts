import type { Json } from '../../src/connector/index.ts';

/** A record as the shop sent it, with one thing put right: times in `*_gmt` are UTC but do not say so. */
export function decode(parts: readonly Uint8Array[]): Json {
  const record: Json = JSON.parse(Buffer.concat(parts).toString('utf8'));
  return markUtc(record, '');
}

function markUtc(value: Json, name: string): Json {
  if (typeof value === 'string')
    return name.endsWith('_gmt') && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(value) ? `${value}Z` : value;
  if (Array.isArray(value)) return value.map((entry) => markUtc(entry, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, markUtc(entry, key)]));
}
