import type { Json, SourceRecord } from '../../src/connector/index.ts';
import { isObject } from './client.ts';
import type { Row } from './list.ts';

export function recordOf({ id, raw, body }: Row, position: number): SourceRecord {
  return { raw, id: String(id), version: versionOf(body), position };
}

/**
 * Time of the last change in epoch milliseconds. `null` where nobody ever changed the record: customers who were only imported,
 * categories.
 */
export function versionOf(body: Json): number | null {
  const { date_modified_gmt, date_created_gmt } = isObject(body) ? body : {};
  const time = date_modified_gmt ?? (isObject(body) && !('date_modified_gmt' in body) ? date_created_gmt : null);
  const ms = typeof time === 'string' ? Date.parse(`${time}Z`) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
