import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contributionWriter } from '../../src/load/contributions.ts';
import { contributionsOfRecords } from '../../src/load/evaluate.ts';
import { keepHistory } from '../../src/load/records.ts';
import { storedRecords } from '../../src/load/sort-out.ts';
import type { CommitRequest, LoadStream } from '../../src/load/types.ts';
import { type SQL, type Store, sql, type Tx } from '../../src/store/store.ts';
import { bothEngines } from '../support/stores.ts';

const RECORDS = 10_000;
const NEW_STREAM = 2;
const stream: LoadStream = {
  ...{ tenant: 1, id: NEW_STREAM, name: 'products', connectionId: 1 },
  ...{ mode: 'complete', stockAuthority: true, clockSkewMs: 0 },
};
const nos = Array.from({ length: 1000 }, (_, at) => 1 + at * 10);

const engines = await bothEngines('plans');

describe.each(engines)('$engine, with a stream that was filled since it made its statistics', ({ open }) => {
  let store: Store;
  let drop: () => Promise<unknown>;

  beforeAll(async () => {
    ({ store, drop } = await open());
    await fill(1);
    await store.rows(sql`analyze`);
    await fill(NEW_STREAM);
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  async function fill(id: number): Promise<void> {
    await store.rows(sql`
      insert into record (stream_id, no, tenant, external_id, hash, page_id, slot, mapping_set, state, scope)
      select ${id}::integer, no, 1, 'SKU-' || no, ''::bytea, 1, no, 1, 1, 'all' from generate_series(1, ${RECORDS}::integer) no`);
    await store.rows(sql`
      insert into contribution (stream_id, no, tenant, entity_id, mapping_id, output, entity, state, since, page_id, slot, mapping_set)
      select ${id}::integer, no, 1, ${id * RECORDS}::integer + no, 1, 'product', 'product', 'live', 0, 1, no, 1 from generate_series(1, ${RECORDS}::integer) no`);
  }

  /** Plans of the statements that `work` says; they are not carried out. */
  async function plansOf(work: (tx: Tx) => unknown): Promise<string> {
    const plans: Promise<string>[] = [];
    await store.transaction(
      async (tx) => {
        const explain = async (query: SQL): Promise<string> =>
          (await tx.rows<{ 'QUERY PLAN': string }>(sql`explain ${query}`)).map((row) => row['QUERY PLAN']).join('\n');
        await work({
          rows: async (query) => {
            plans.push(explain(query));
            return [];
          },
          send: (query) => void plans.push(explain(query)),
          copy: () => undefined,
        });
        await Promise.all(plans);
      },
      { byKey: true },
    );
    return (await Promise.all(plans)).join('\n');
  }

  const BY_NO = /Index Cond: \(\(stream_id = 2\) AND \(no = n\.\w+\)\)/;
  const BY_ID = /Index Cond: \(\(stream_id = 2\) AND \(external_id = \(n\.key\)::text\)\)/;

  it.each<[string, RegExp, (tx: Tx) => unknown]>([
    [
      'records by id',
      BY_ID,
      (tx) =>
        storedRecords(
          tx,
          stream,
          nos.map((no) => `SKU-${no}`),
        ),
    ],
    ['contributions of records', BY_NO, (tx) => contributionsOfRecords(tx, NEW_STREAM, nos)],
    ['versions that go into the history', BY_NO, (tx) => keepHistory(tx, stream, 7, nos)],
    [
      'contributions that change',
      BY_NO,
      (tx) => {
        const writer = contributionWriter({ stream, set: { id: 1 } } as CommitRequest, 7);
        for (const no of nos) writer.update({ no, slot: 1, mappingId: 1, output: 'product', changed: null, since: 0 });
        writer.flush(tx);
      },
    ],
  ])('finds %s by the whole key', async (_what, key, work) => {
    expect(await plansOf(work)).toMatch(key);
  });
});
