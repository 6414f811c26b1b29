import { isStorable } from '../canonical/text.ts';
import type { JsonObject } from '../connector/contract.ts';
import type { MappedRecord, MappingSet } from './types.ts';

const DAY_MS = 86_400_000;
const YEAR_2000 = Date.UTC(2000, 0, 1);
/** An index entry takes no more. */
const ID_BYTES = 2000;

export type RawRecord = {
  readonly parts: readonly Uint8Array[];
  readonly context: JsonObject;
  readonly position: number;
  /** External id where the source gives it; else the mapping's key decides. */
  readonly id: string | null;
  readonly version: number | null;
};

/**
 * Maps one record, whatever it is: one that cannot be decoded, or whose key cannot be kept, is rejected by itself and
 * never takes its page with it.
 */
export function mapRecord(set: MappingSet, raw: RawRecord, observedAt: Date): MappedRecord {
  let mapped: MappedRecord;
  try {
    mapped = set.map(raw.parts, raw.context, raw.position);
  } catch (thrown) {
    const message = `the record cannot be decoded: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
    return rejected(raw.id, 'ERR_EXTRACT_PARSE', message, raw.version);
  }
  const id = (raw.id ?? mapped.id) || null;
  const version = credibleVersion(mapped.version ?? raw.version, observedAt);
  if (id !== null && (!isStorable(id) || Buffer.byteLength(id) > ID_BYTES)) {
    const message = `the external id cannot be kept: it has a NUL or broken character, or more than ${ID_BYTES} bytes`;
    return rejected(null, 'ERR_LOAD_VALUE', message, version);
  }
  return { id, version, outcome: mapped.outcome };
}

/** A time of change more than a day ahead of its observation is a slip; kept, it would shut out everything that comes later. */
export function credibleVersion(version: number | null, observedAt: Date): number | null {
  return version !== null && version >= YEAR_2000 && version > observedAt.getTime() + DAY_MS ? null : version;
}

const rejected = (id: string | null, code: string, message: string, version: number | null): MappedRecord => ({
  id,
  version,
  outcome: { kind: 'rejected', problems: [{ field: 'record', pointer: '', code, message }] },
});
