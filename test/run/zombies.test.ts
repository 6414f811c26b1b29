import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitPage } from '../../src/load/commit.ts';
import { deleteAbsent } from '../../src/load/deletes.ts';
import type { CommitRequest, PreparedPage } from '../../src/load/types.ts';
import { claimRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { MAPPINGS } from '../load/shop-mapping.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';

const NAME = 'shop/products';
const hasPostgres = await requireService('postgres', 'zombies on PostgreSQL');

describe.each(
  [
    { engine: 'PGlite', isThere: true, open: async () => ({ store: await memoryStore(), drop: async () => {} }) },
    {
      engine: 'PostgreSQL',
      isThere: hasPostgres,
      open: async () => {
        const database = await postgres();
        return { store: await openPostgres(database.url, { connections: 6 }), drop: database.drop };
      },
    },
  ].filter((one) => one.isThere),
)('a worker that lost its run, on $engine', ({ open }) => {
  let store: Store;
  let drop: () => Promise<void>;
  let tenants = 0;
  beforeAll(async () => {
    ({ store, drop } = await open());
    await migrate(store);
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  const openShop = (more: { leaseMs?: number } = {}): Promise<Loading> => {
    tenants += 1;
    return openLoading(store, {
      tenant: `zombies-${tenants}`,
      connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
      mappings: MAPPINGS,
      streams: [declared('products')],
      ...more,
    });
  };

  it('leaves a run whose stream it does not know to those who do, at once', async () => {
    await using loading = await openShop();
    const run = await loading.queue(NAME);
    const stranger = { ...loading.runs, stream: () => Promise.reject(new Error('no such stream here')) };
    expect(await runSlice(stranger, run, AbortSignal.timeout(5000))).toEqual({ againInMs: 60_000 });
    expect(loading.clock.sleeping()).toBe(0);
    expect(await claimRun(store, run, loading.clock.now(), 1000)).toMatchObject({ run: { lease_epoch: 1 } });
    await loading.clock.advance(1001);
    expect((await loading.work(run)).state).toBe('succeeded');
  });

  it('writes nothing under an old epoch, an old sequence or a run that has ended', async () => {
    await using loading = await openShop();
    loading.script.say('shop', 'products', [page(loading, 'ab')]);
    await loading.run(NAME);
    const run = await loading.queue(NAME);
    const claim = await claimRun(store, run, loading.clock.now(), 1000);
    await loading.clock.advance(2000);
    const again = await claimRun(store, run, loading.clock.now(), 60_000);
    if (!claim || !('run' in claim) || !again || !('run' in again)) throw new Error('the run cannot be claimed twice');
    expect([claim.run.lease_epoch, again.run.lease_epoch]).toEqual([1, 2]);
    const before = await everything(store);
    const stream = loading.stream(NAME);
    const fences = [
      { runId: run, epoch: 1, seq: 0 },
      { runId: run, epoch: 3, seq: 0 },
      { runId: run, epoch: 2, seq: 1 },
      { runId: run + 1, epoch: 2, seq: 0 },
    ];
    for (const fence of fences) {
      const request = await requestOf(loading, 'xyz', fence);
      await expect(commitPage(loading.runs.load, request), JSON.stringify(fence)).rejects.toMatchObject({
        code: 'ERR_RUN_FENCED',
      });
      const window = { id: 'w', scope: 'all', observedAt: loading.clock.now(), expected: null };
      await expect(
        deleteAbsent(loading.runs.load, stream, fence, window, { share: 1, count: 9 }),
      ).rejects.toMatchObject({ code: 'ERR_RUN_FENCED' });
    }
    expect(await everything(store)).toEqual(before);
    const right = { runId: run, epoch: 2, seq: 0 };
    await commitPage(loading.runs.load, await requestOf(loading, 'xyz', right));
    expect(await everything(store)).not.toEqual(before);
    await expect(commitPage(loading.runs.load, await requestOf(loading, 'uvw', right))).rejects.toMatchObject({
      code: 'ERR_RUN_FENCED',
    });
    await store.rows(sql`update run set state = 'cancelled' where id = ${run}`);
    const ended = { ...right, seq: 1 };
    await expect(commitPage(loading.runs.load, await requestOf(loading, 'uvw', ended))).rejects.toMatchObject({
      code: 'ERR_RUN_FENCED',
    });
  });

  it('leaves everything to the one that took over, also its end', async () => {
    await using loading = await openShop({ leaseMs: 1000 });
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    let stops = 1;
    const wait = async () => {
      if (stops === 0) return;
      stops -= 1;
      reached.resolve();
      await gate.promise;
    };
    loading.script.say('shop', 'products', [
      { ...page(loading, 'ab'), afterCommit: wait },
      page(loading, 'cd'),
      page(loading, 'ef'),
    ]);
    const run = await loading.queue(NAME);
    const first = runSlice(loading.runs, run, AbortSignal.timeout(20_000));
    await reached.promise;
    // The first one hangs behind its first page; its lease runs out, and its heartbeat with it.
    await store.rows(
      sql`update run set lease_until = ${loading.clock.now().toISOString()}::timestamptz where id = ${run}`,
    );
    const end = await loading.work(run);
    const before = await everything(store);
    gate.resolve();
    expect(await first).toBe(null);
    expect(await everything(store)).toEqual(before);
    expect([end.state, end.read, end.created, end.lease_epoch]).toEqual(['succeeded', 6, 6, 2]);
  });

  it('makes one run of many workers that are woken at once', async () => {
    await using loading = await openShop();
    loading.script.say('shop', 'products', [page(loading, 'ab'), page(loading, 'cd'), page(loading, 'ef')]);
    const run = await loading.queue(NAME);
    const workers = Array.from({ length: 6 }, () => runSlice(loading.runs, run, AbortSignal.timeout(20_000)));
    await Promise.all(workers);
    const end = await loading.work(run);
    expect([end.state, end.read, end.created, end.lease_epoch]).toEqual(['succeeded', 6, 6, 1]);
  });
});

const page = (loading: Loading, ids: string): ScriptPage => ({
  observedAt: loading.clock.now(),
  context: { file: ids },
  records: [...ids].map((id) => ({ id, body: { id, name: `Thing ${id}`, sku: id } })),
});

async function requestOf(loading: Loading, ids: string, fence: CommitRequest['fence']): Promise<CommitRequest> {
  const stream = loading.stream(NAME);
  const set = await loading.runs.currentSet(stream);
  const candidates = [...ids].map((id, place) => {
    const parts = [new TextEncoder().encode(JSON.stringify({ id, name: `Zombie ${id}`, sku: id }))];
    const hash = new Uint8Array(16).fill(id.charCodeAt(0));
    return { id, hash, parts, version: null, position: place + 1, place, outcome: set.map(parts, {}, 1).outcome };
  });
  const prepared: PreparedPage = {
    ...{ candidates, recognised: [], tombstones: [], problems: [], rows: candidates.length },
    window: { id: 'w', kind: 'delta', scope: 'all' },
    ...{
      complete: false,
      expected: null,
      observedAt: loading.clock.now(),
      context: {},
      next: { on: 1 },
      again: false,
      isStored: false,
    },
  };
  return {
    stream,
    set,
    fence,
    page: prepared,
    mayExist: () => true,
    otherScopes: false,
    moveCheckpoint: true,
    durable: false,
  };
}

/** Every row of every table, the log of runs apart. */
async function everything(store: Store): Promise<Record<string, readonly string[]>> {
  const tables = await store.rows<{ name: string }>(
    sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE' and table_name <> 'run_log' order by 1`,
  );
  const held: Record<string, readonly string[]> = {};
  for (const { name } of tables) {
    const rows = await store.rows<{ row: string }>(
      sql`select to_jsonb(t)::text as row from ${sql.identifier(name)} t order by 1`,
    );
    held[name] = rows.map((row) => row.row);
  }
  return held;
}
