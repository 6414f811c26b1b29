/** Generated worlds against the oracle. `SEED=n` replays one, `SEEDS=n` runs more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { seeds } from '../support/seeds.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';
import { checkWorld } from './check-world.ts';
import { PATCH_STREAMS } from './world.ts';

describe('generated worlds on PGlite', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(async () => {
    await checkSums(store);
    await store.close();
  });

  it.each(seeds(6))('leave what the oracle says (SEED=%i)', (seed) => checkWorld(store, seed));
  it.each(seeds(6))('of patches leave what the oracle says (SEED=%i)', (seed) =>
    checkWorld(store, seed, PATCH_STREAMS),
  );
});

describe.runIf(await requireService('postgres', 'generated worlds on PostgreSQL'))(
  'generated worlds on PostgreSQL',
  () => {
    let store: Store;
    let drop: () => Promise<void>;
    beforeAll(async () => {
      const database = await postgres();
      drop = database.drop;
      store = await openPostgres(database.url, { connections: 4 });
      await migrate(store);
    });
    afterAll(async () => {
      await checkSums(store);
      await store.close();
      await drop();
    });

    it.each(seeds(6))('leave what the oracle says (SEED=%i)', (seed) => checkWorld(store, seed));
    it.each(seeds(4))('of patches leave what the oracle says (SEED=%i)', (seed) =>
      checkWorld(store, seed, PATCH_STREAMS),
    );
  },
);

/** Over all worlds: what was read has one outcome each, and what was created is there. */
async function checkSums(store: Store): Promise<void> {
  const [sums] = await store.rows<Record<string, number>>(sql`
    select coalesce(sum(read), 0)::bigint as read, coalesce(sum(created + updated + unchanged + skipped + dead_lettered), 0)::bigint as outcomes,
      coalesce(sum((entities->>'product.created')::bigint), 0)::bigint as created, (select count(*) from product) as products from run`);
  expect([sums?.['outcomes'], sums?.['products']]).toEqual([sums?.['read'], sums?.['created']]);
}
