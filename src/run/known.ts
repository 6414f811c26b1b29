/** What a stream's records were last loaded as, so that unchanged ones are recognised before they are parsed. */
import { HASH_BYTES } from '../extract/hash.ts';
import { KnownRecords, LikelyIds } from '../extract/known.ts';
import type { PageOutcome } from '../load/types.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { type Store, sql } from '../store/store.ts';

export type Known = {
  /** The record whose content has the hash that begins at `at`, under the current mapping. `filtered`: it was left out. */
  recognise(hashes: Uint8Array, at?: number): { readonly no: number; readonly filtered: boolean } | null;
  /** How often what is known has changed. */
  readonly changes: number;
  /** Whether a record of this id may be stored. */
  mayExist(id: string): boolean;
  /** Whether records of the stream may stand in another scope than this one. */
  hasOtherScopes(scope: string): boolean;
  learn(outcome: PageOutcome): void;
  /** Records that are gone: if they come back as they were, they have to be loaded. */
  forget(gone: readonly { readonly no: number; readonly hash: Uint8Array }[]): void;
};

/** A patch that is said again may say something again that changed meanwhile: it is looked at. */
export const NOTHING_KNOWN: Known = {
  recognise: () => null,
  changes: 0,
  mayExist: () => true,
  hasOtherScopes: () => true,
  learn: () => {},
  forget: () => {},
};

/** Rows per round trip when the hashes are fetched. */
const BATCH = 200_000;
const NO_BYTES = 8;
const PACKED_BYTES = HASH_BYTES + NO_BYTES + 2;
const FILTERED = 1;

/**
 * Records with an open dead letter are left out: they have to be looked at again, and end the dead letter when they load.
 * So are those whose figure is to count in what was sold: said again, it does.
 */
export async function loadKnown(store: Store, streamId: number, setId: number): Promise<Known> {
  const [stream] = await store.rows<{ next_no: number }>(sql`select next_no from stream where id = ${streamId}`);
  const isNew = (stream?.next_no ?? 1) === 1;
  const known = new KnownRecords(stream?.next_no ?? 0);
  for (let from = 0; !isNew && from < (stream?.next_no ?? 0); from += BATCH) {
    // All that is needed of a record in one run of bytes, because a row per record takes ten times as long to arrive.
    const [batch] = await store.rows<{ packed: Uint8Array | null }>(sql`
      select string_agg(hash || int8send(no) || int2send(state), ''::bytea) as packed
      from record r where stream_id = ${streamId} and no >= ${from} and no < ${from + BATCH} and mapping_set = ${setId} and state in (${RECORD_STATE.live}, ${RECORD_STATE.filtered})
        and not exists (select 1 from dead_letter d where d.stream_id = r.stream_id and d.external_id = r.external_id and d.state = 'open')
        and not exists (select 1 from stock_level l where l.stream_id = r.stream_id and l.no = r.no and l.committed > 0)`);
    if (!batch?.packed) continue;
    const packed = Buffer.from(batch.packed.buffer, batch.packed.byteOffset, batch.packed.byteLength);
    for (let at = 0; at < packed.length; at += PACKED_BYTES) {
      const no = packed.readUInt32BE(at + HASH_BYTES) * 2 ** 32 + packed.readUInt32BE(at + HASH_BYTES + 4);
      const isFiltered = packed.readInt16BE(at + HASH_BYTES + NO_BYTES) === RECORD_STATE.filtered;
      known.add(packed, no, isFiltered ? FILTERED : 0, at);
    }
  }
  // A new stream holds what this run brought, and nothing else has to be looked up.
  const ids = isNew ? new LikelyIds() : null;
  const used = isNew
    ? []
    : await store.rows<{ scope: string }>(sql`select distinct scope from page where stream_id = ${streamId}`);
  const scopes = new Set(used.map((row) => row.scope));
  let changes = 0;
  return {
    get changes() {
      return changes;
    },
    recognise(hashes, at) {
      const found = known.find(hashes, at);
      return found && { no: found.no, filtered: found.flags === FILTERED };
    },
    mayExist: (id) => ids === null || ids.mayHave(id),
    hasOtherScopes(scope) {
      scopes.add(scope);
      return scopes.size > 1;
    },
    learn(outcome) {
      changes += outcome.learned.length;
      for (const one of outcome.learned) {
        if (one.oldHash) known.forget(one.oldHash, one.no);
        if (one.hash) known.add(one.hash, one.no, one.filtered ? FILTERED : 0);
        ids?.add(one.id);
      }
    },
    forget(gone) {
      changes += gone.length;
      for (const one of gone) known.forget(one.hash, one.no);
    },
  };
}
