import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql, type Tx } from '../../src/store/store.ts';
import { postgres, requireService, waitFor } from '../support/services.ts';

const pidOf = async (tx: Tx): Promise<number> =>
  (await tx.rows<{ pid: number }>(sql`select pg_backend_pid() as pid`))[0]?.pid ?? 0;

describe.runIf(await requireService('postgres', 'broken connections'))('a transaction on PostgreSQL', () => {
  let drop: () => Promise<void>;
  let store: Store;
  let other: Store;
  beforeAll(async () => {
    const database = await postgres();
    drop = database.drop;
    store = await openPostgres(database.url, { connections: 2, idleTransactionMs: 200 });
    other = await openPostgres(database.url, { connections: 2 });
    await store.rows(sql`create table thing (id integer primary key, seen integer not null)`);
    await store.rows(sql`insert into thing values (1, 0)`);
  });
  afterAll(async () => {
    await Promise.all([store?.close(), other?.close()]);
    await drop?.();
  });
  const isGone = (pid: number) =>
    waitFor('the connection to end', async () => {
      const left = await other.rows(sql`select 1 from pg_stat_activity where pid = ${pid}`);
      return left.length === 0 ? true : undefined;
    });

  it('whose connection was ended fails in passing, also when that is found out later', async () => {
    const cut = other.transaction(async (tx) => {
      const pid = await pidOf(tx);
      await store.rows(sql`select pg_terminate_backend(${pid})`);
      await waitFor('the connection to end', async () => {
        const left = await store.rows(sql`select 1 from pg_stat_activity where pid = ${pid}`);
        return left.length === 0 ? true : undefined;
      });
      await tx.rows(sql`select 1`);
    });
    await expect(cut).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', retry: 'transient' });
    expect(await other.rows(sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  it('that stands still gives its locks up, writes nothing and fails in passing', async () => {
    const stood = store.transaction(async (tx) => {
      await tx.rows(sql`update thing set seen = seen + 1 where id = 1`);
      await isGone(await pidOf(tx));
      await tx.rows(sql`update thing set seen = seen + 10 where id = 1`);
    });
    await expect(stood).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', retry: 'transient' });
    await other.transaction(async (tx) => {
      await tx.rows(sql`update thing set seen = seen + 100 where id = 1`);
    });
    expect(await store.rows(sql`select seen from thing`)).toEqual([{ seen: 100 }]);
  });
});
