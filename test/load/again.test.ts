/** Loading again: the same page, another order, another mapping. `SEED=n` replays one world, `SEEDS=n` runs more. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import type { Store } from '../../src/store/store.ts';
import type { ScriptPage } from '../support/scripted.ts';
import { seeds } from '../support/seeds.ts';
import { openWorld } from './check-world.ts';
import { fingerprint } from './exported.ts';
import { deliveries } from './world.ts';

describe('a page that is loaded twice', () => {
  let store: Store;
  beforeAll(async () => {
    store = await openPglite(null);
    await migrate(store);
  });
  afterAll(() => store.close());

  it.each(seeds(10))('changes nothing the second time (SEED=%i)', async (seed) => {
    await using loading = await openWorld(store, `twice-${seed}`);
    for (const { stream, pages, advanceMs } of deliveries(seed, loading.clock.now().getTime(), 8, { isApart: true })) {
      await loading.clock.advance(advanceMs);
      const [connection = '', name = ''] = stream.name.split('/');
      const load = async (page: ScriptPage) => {
        loading.script.say(connection, name, [page]);
        return loading.run(stream.name);
      };
      for (const page of pages) {
        await load(page);
        const before = await fingerprint(store, loading.streams.tenant);
        const second = await load(page);
        expect(await fingerprint(store, loading.streams.tenant), `seed ${seed}, ${stream.name}`).toEqual(before);
        expect([second.created, second.updated, second.deleted]).toEqual([0, 0, 0]);
      }
    }
  });
});
