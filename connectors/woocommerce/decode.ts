import type { Json, JsonObject } from '../../src/connector/index.ts';
import { withoutInherited } from './inherits.ts';

/**
 * A record as the shop sent it, with two things put right: times in `*_gmt` are UTC but do not say so, and a variation is listed with
 * its product's SKU where it has none.
 */
export function decode(parts: readonly Uint8Array[], context: JsonObject = {}): Json {
  const record: Json = JSON.parse(Buffer.concat(parts).toString('utf8'));
  return withoutInherited(markUtc(record, ''), context);
}

function markUtc(value: Json, name: string): Json {
  if (typeof value === 'string')
    return name.endsWith('_gmt') && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(value) ? `${value}Z` : value;
  if (Array.isArray(value)) return value.map((entry) => markUtc(entry, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, markUtc(entry, key)]));
}
