import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Store, sql } from '../../src/store/store.ts';
import { upkeep } from '../../src/store/upkeep.ts';
import { memoryStore } from '../support/stores.ts';

const LEVELS = 5000;
let store: Store;

beforeAll(async () => {
  store = await memoryStore();
  await store.rows(sql`
    insert into stock_level (variant_id, location, tenant, quantity, as_of)
    select id, 'main', 1, 0, now() from generate_series(1, ${LEVELS}::integer) id`);
});
afterAll(() => store.close());

const sellOnce = () => store.rows(sql`update stock_level set quantity = quantity + 1`);

async function bytes(): Promise<number> {
  const [row] = await store.rows<{ bytes: number }>(sql`select pg_table_size('stock_level') as bytes`);
  return row?.bytes ?? 0;
}

it('keeps a table that is written again and again at its size, and tells the planner of it', async () => {
  expect(await upkeep(store)).toContain('stock_level');
  const [known] = await store.rows<{ rows: number }>(
    sql`select reltuples::integer as rows from pg_class where relname = 'stock_level'`,
  );
  expect(known?.rows).toBe(LEVELS);
  await sellOnce();
  await upkeep(store);
  const before = await bytes();
  for (let day = 0; day < 5; day += 1) {
    await sellOnce();
    await upkeep(store);
  }
  // A page or two more or less; without it, five times as much.
  expect(await bytes()).toBeLessThan(before * 1.2);
});

it('leaves alone what has not changed', async () => {
  expect(await upkeep(store)).toEqual([]);
});

it('leaves PostgreSQL to its autovacuum', async () => {
  const refuse = () => Promise.reject(new Error('asked'));
  expect(await upkeep({ engine: 'postgres', rows: refuse })).toEqual([]);
});
