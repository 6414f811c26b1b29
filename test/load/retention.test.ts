/** What is forgotten, and when. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forget } from '../../src/load/retention.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { memoryStore } from '../support/stores.ts';
import { MAPPINGS } from './shop-mapping.ts';

const DAY_MS = 86_400_000;
const KEPT = { rawDays: 90, outboxDays: 7, runDays: 90 };

let store: Store;
beforeAll(async () => {
  store = await memoryStore();
});
afterAll(() => store.close());

it('counts a replaced version from when it was replaced here, however old the file was', async () => {
  await using loading = await openLoading(store, {
    tenant: 'old-files',
    connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
  });
  const { tenant } = loading.streams;
  const lastYear = loading.clock.now().getTime() - 400 * DAY_MS;
  for (const [day, name] of ['Mug', 'Cup'].entries()) {
    const body = { id: 'p', sku: 'A-1', name };
    loading.script.say('shop', 'products', [
      { observedAt: new Date(lastYear + day * DAY_MS), records: [{ id: 'p', body }] },
    ]);
    expect((await loading.run('shop/products')).state).toBe('succeeded');
  }
  const kept = async (days: number) => {
    await loading.clock.advance(days * DAY_MS);
    await forget(store, tenant, KEPT, loading.clock.now());
    const [row] = await store.rows<{ versions: number; pages: number }>(sql`
      select (select count(*) from record_history where tenant = ${tenant}) as versions, (select count(*) from page where tenant = ${tenant}) as pages`);
    return row;
  };
  expect(await kept(0)).toEqual({ versions: 1, pages: 2 });
  expect(await kept(89)).toEqual({ versions: 1, pages: 2 });
  expect(await kept(2)).toEqual({ versions: 0, pages: 1 });
});
