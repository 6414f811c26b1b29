/** Rows of the org as records, and records as values. */
import type { Json, JsonObject, SourceProblem, SourceRecord, Tombstone } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { externalId } from './ids.ts';
import { parseForMapping } from './json.ts';

export type Rows = {
  readonly records: readonly SourceRecord[];
  readonly tombstones: readonly Tombstone[];
  readonly problems: readonly SourceProblem[];
};

/** Rows of an answer: those in the recycle bin become tombstones, one without an id or a time a problem. @param first place of the first */
export function rowsOf(stream: string, rows: readonly Json[], first: number): Rows {
  const records: SourceRecord[] = [];
  const tombstones: Tombstone[] = [];
  const problems: SourceProblem[] = [];
  for (const [at, row] of rows.entries()) {
    const position = first + at;
    const raw = Buffer.from(JSON.stringify(row));
    try {
      const values = objectOf(row);
      const id = externalId(stream, values);
      const version = timeOf(values['SystemModstamp']);
      if (version === null) problems.push({ message: `record ${id} has no SystemModstamp`, position, raw, id });
      else if (values['IsDeleted'] === true)
        tombstones.push(tombstoneOf(stream, id, version, values['MasterRecordId']));
      else records.push({ raw, id, version, position });
    } catch (error) {
      if (!(error instanceof TributaryError)) throw error;
      problems.push({ message: error.message, position, raw });
    }
  }
  return { records, tombstones, problems };
}

function tombstoneOf(stream: string, id: string, version: number, master: Json | undefined): Tombstone {
  return typeof master === 'string' && master !== ''
    ? { id, version, mergedInto: externalId(stream, master) }
    : { id, version };
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

/** Milliseconds; `null`: no time. */
export function timeOf(value: Json | undefined): number | null {
  // `2026-11-20T23:39:49.000+0000`: the colon that ISO wants in an offset is missing.
  const time = typeof value === 'string' ? Date.parse(value.replace(/([+-]\d\d)(\d\d)$/, '$1:$2')) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** What a record says, for mappings: without `attributes`, times in UTC with Z, decimals exact. */
export function decode(parts: readonly Uint8Array[]): Json {
  return plain(parseForMapping(Buffer.concat(parts).toString('utf8')));
}

function plain(value: Json): Json {
  if (typeof value === 'string')
    return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+0000$/.test(value) ? `${value.slice(0, -5)}Z` : value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'attributes')
      .map(([name, inner]) => [name, plain(inner)]),
  );
}
