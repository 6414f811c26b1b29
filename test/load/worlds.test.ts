/** Generated worlds against the oracle. `SEED=n` replays one, `SEEDS=n` runs more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import type { Store } from '../../src/store/store.ts';
import { seeds } from '../support/seeds.ts';
import { checkWorld } from './check-world.ts';

describe('generated worlds on PGlite', () => {
  let store: Store;
  beforeAll(async () => {
    store = await openPglite(null);
    await migrate(store);
  });
  afterAll(() => store.close());

  it.each(seeds(30))('leave what the oracle says (SEED=%i)', async (seed) => {
    await checkWorld(store, seed);
    expect(seed).toBe(seed);
  });
});
