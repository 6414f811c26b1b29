/** Vendor records as they were read last: the version that the fold knows. */
import type { JsonObject } from '../connector/contract.ts';
import type { rawPages } from '../load/evaluate.ts';
import { decodeJson } from '../load/mapping-sets.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { sql, type Tx, texts } from '../store/store.ts';
import type { PushStream } from './deps.ts';

export type RecordHeld = {
  readonly no: number;
  readonly external_id: string;
  readonly page_id: number;
  readonly slot: number;
};

/** `no`: the record's number in the stream that is read. `values`: by the names of the fields that can be written. */
export type ReadRecord = RecordHeld & { readonly values: JsonObject };

/** Live records of the stream's twin. */
export const recordsHeld = (tx: Tx, { twin }: PushStream, ids: readonly string[]): Promise<readonly RecordHeld[]> =>
  twin === null || ids.length === 0
    ? Promise.resolve([])
    : tx.rows<RecordHeld>(sql`
        select no, external_id, page_id, slot from record
        where stream_id = ${twin} and external_id = any(${texts(ids)}) and state = ${RECORD_STATE.live}`);

/** @returns by external id */
export async function recordValues(
  { connector, writes }: PushStream,
  pages: ReturnType<typeof rawPages>,
  rows: readonly RecordHeld[],
): Promise<Map<string, ReadRecord>> {
  const raw = await pages(rows.map((row) => row.page_id));
  return new Map(
    rows.flatMap((row) => {
      const page = raw.get(row.page_id);
      const parts = page?.records.at(row.slot);
      const record = page && parts ? (connector.decode ?? decodeJson)(parts, page.context) : null;
      const targets = record === null ? [] : (connector.writable?.(writes?.to ?? '', record) ?? []);
      const own = targets.find(({ id }) => id === row.external_id);
      return own ? [[row.external_id, { ...row, values: own.values }] as const] : [];
    }),
  );
}
