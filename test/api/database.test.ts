import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { seed, tenantId } from '../inventory/shop.ts';
import { type PostgresServer, requireService, startPostgres, waitFor } from '../support/services.ts';
import { type Asking, apiOn } from './support.ts';

describe.runIf(await requireService('postgres', 'API on a database that fails'))('the API on PostgreSQL', () => {
  let server: PostgresServer;
  let store: Store;
  let api: Asking;

  beforeAll(async () => {
    server = await startPostgres({ fsync: false });
    store = await openPostgres((await server.createDatabase()).url, { connections: 4 });
    await migrate(store);
    const tenant = await tenantId(store, 'acme');
    const variants = Array.from({ length: 500 }, (_, index) => ({
      id: index + 1,
      sku: `S-${String(index).padStart(4, '0')}`,
    }));
    await seed(store, tenant, {
      variants,
      levels: variants.map(({ id }) => ({ variant: id, location: 'a', quantity: id })),
    });
    api = await apiOn(store, 'acme', { requestsPerMinute: 100_000 }, 500);
  });
  afterAll(async () => {
    await api.app.close();
    await store.close();
    await server.stop();
  });

  it('gives each of many readers the right page, cold and warm', async () => {
    // Patient: how long an answer takes on a busy machine is not what is asked here.
    const patient = await apiOn(store, 'acme', { requestsPerMinute: 100_000 });
    for (const round of ['cold', 'warm']) {
      const pages = await Promise.all(
        Array.from({ length: 100 }, (_, index) => patient.ask(`/api/v2/inventory?limit=7&page=${index + 1}`)),
      );
      const seen = pages.flatMap((page) => page.json().data.map((row: { sku: string }) => row.sku));
      expect([round, seen.length, new Set(seen).size, [...seen].sort().join() === seen.join()]).toEqual([
        round,
        500,
        500,
        true,
      ]);
    }
    await patient.app.close();
  });

  it('gives up on a question that takes too long, and the database with it', async () => {
    const lock = Promise.withResolvers<void>();
    const holder = store.transaction(async (tx) => {
      await tx.rows(sql`lock table stock_level in access exclusive mode`);
      await lock.promise;
    });
    const answer = await api.ask('/api/v2/inventory');
    expect([answer.statusCode, answer.json().error.code]).toEqual([503, 'server_error']);
    expect(answer.headers['retry-after']).toBeDefined();
    await waitFor('the question to be given up', async () => {
      const [row] = await store.rows<{ count: number }>(
        sql`select count(*) as count from pg_stat_activity where wait_event_type = 'Lock'`,
      );
      return row?.count === 0;
    });
    lock.resolve();
    await holder;
    expect((await api.ask('/api/v2/inventory')).statusCode).toBe(200);
  });

  it('answers 503 while the database is away, says so in readyz, and goes on when it is back', async () => {
    await server.kill();
    const answer = await api.ask('/api/v2/inventory');
    expect(answer.statusCode).toBe(503);
    expect(answer.headers['retry-after']).toBe('5');
    expect(answer.json().error).toEqual({
      code: 'server_error',
      message: expect.stringMatching(/Try again/),
      details: [],
      request_id: answer.headers['x-request-id'],
    });
    expect((await api.app.inject({ url: '/healthz' })).statusCode).toBe(200);
    const ready = await api.app.inject({ url: '/readyz' });
    expect([ready.statusCode, ready.json().missing.map((one: { name: string }) => one.name)]).toEqual([
      503,
      ['database', 'migrations'],
    ]);
    await server.restart();
    await waitFor('the API to answer again', async () => (await api.ask('/api/v2/inventory')).statusCode === 200);
  });
});
