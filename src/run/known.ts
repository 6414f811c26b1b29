/** What a stream's records were last loaded as, so that unchanged ones are recognised before they are parsed. */
import { HASH_BYTES } from '../extract/hash.ts';
import { KnownRecords } from '../extract/known.ts';
import type { PageOutcome } from '../load/types.ts';
import { RECORD_STATE } from '../store/schema.ts';
import { type Store, sql } from '../store/store.ts';

export type Known = {
  /** Number of the record whose content this is, under the current mapping; 0: none. `filtered`: it was left out. */
  recognise(hash: Uint8Array): { readonly no: number; readonly filtered: boolean } | null;
  /** Whether a record of this id may be stored. */
  mayExist(id: string): boolean;
  learn(outcome: PageOutcome): void;
  /** Records that are gone: if they come back as they were, they have to be loaded. */
  forget(gone: readonly { readonly no: number; readonly hash: Uint8Array }[]): void;
};

/** Rows per round trip when the hashes are fetched. */
const BATCH = 200_000;
const NO_BYTES = 8;
const FILTERED = 1;

/** Records with an open dead letter are left out: they have to be looked at again, and end the dead letter when they load. */
export async function loadKnown(store: Store, streamId: number, setId: number): Promise<Known> {
  const [stream] = await store.rows<{ next_no: number }>(sql`select next_no from stream where id = ${streamId}`);
  const isNew = (stream?.next_no ?? 1) === 1;
  const known = new KnownRecords(stream?.next_no ?? 0);
  for (let from = 0; !isNew && from < (stream?.next_no ?? 0); from += BATCH) {
    const [batch] = await store.rows<{
      hashes: Uint8Array | null;
      nos: Uint8Array | null;
      states: Uint8Array | null;
    }>(sql`
      select string_agg(hash, ''::bytea order by no) as hashes, string_agg(int8send(no), ''::bytea order by no) as nos, string_agg(int2send(state), ''::bytea order by no) as states
      from record r where stream_id = ${streamId} and no >= ${from} and no < ${from + BATCH} and mapping_set = ${setId} and state in (${RECORD_STATE.live}, ${RECORD_STATE.filtered})
        and not exists (select 1 from dead_letter d where d.stream_id = r.stream_id and d.external_id = r.external_id and d.state = 'open')`);
    if (!batch?.hashes || !batch.nos || !batch.states) continue;
    const nos = Buffer.from(batch.nos);
    const states = Buffer.from(batch.states);
    for (let at = 0; at * HASH_BYTES < batch.hashes.length; at += 1) {
      const state = states.readInt16BE(at * 2);
      known.add(
        batch.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
        Number(nos.readBigInt64BE(at * NO_BYTES)),
        state === RECORD_STATE.filtered ? FILTERED : 0,
      );
    }
  }
  const ids = isNew ? new Set<string>() : null;
  return {
    recognise(hash) {
      const found = known.find(hash);
      return found && { no: found.no, filtered: found.flags === FILTERED };
    },
    mayExist: (id) => ids?.has(id) ?? true,
    learn(outcome) {
      for (const one of outcome.learned) {
        if (one.oldHash) known.forget(one.oldHash, one.no);
        if (one.hash) known.add(one.hash, one.no, one.filtered ? FILTERED : 0);
        ids?.add(one.id);
      }
    },
    forget(gone) {
      for (const one of gone) known.forget(one.hash, one.no);
    },
  };
}
