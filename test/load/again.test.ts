/** Loading again: the same page, another order, another mapping. `SEED=n` replays one world, `SEEDS=n` runs more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import type { ScriptPage } from '../support/scripted.ts';
import { seeds } from '../support/seeds.ts';
import { memoryStore } from '../support/stores.ts';
import { deliver, openWorld } from './check-world.ts';
import { exported, fingerprint, unbalancedLevels } from './exported.ts';
import type { OracleStream } from './oracle.ts';
import { MAPPINGS } from './shop-mapping.ts';
import { deliveries, PATCH_STREAMS, STREAMS } from './world.ts';

describe('a page that is loaded twice', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(2))('changes nothing the second time (SEED=%i)', (seed) => loadTwice(seed, STREAMS));
  it.each(seeds(2))('of patches changes nothing the second time (SEED=%i)', (seed) => loadTwice(seed, PATCH_STREAMS));

  async function loadTwice(seed: number, streams: readonly OracleStream[]): Promise<void> {
    await using loading = await openWorld(store, `twice-${streams[0]?.connection}-${seed}`, streams);
    const start = loading.clock.now().getTime();
    for (const { stream, pages, advanceMs } of deliveries(seed, start, 8, { isApart: true, streams })) {
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
  }
});

/** Other columns for the same fields: one that is full becomes empty, one that is empty full, one is computed anew. */
const NEXT_PRODUCTS = MAPPINGS.products
  .replace('      brand: brand\n      kind: kind\n', '      brand: kind\n      kind: {first: [brand, kind]}\n')
  .replace('      price: price | decimal\n      tags', '      price: price | decimal | multiply(2)\n      tags')
  .replace('      title: title\n', '      title: name\n');

describe('a mapping that is changed', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(2))('and applied to what is stored leaves what loading under it leaves (SEED=%i)', (seed) =>
    mapAnew(seed, STREAMS),
  );
  it.each(seeds(2))('and applied to stored patches leaves what loading under it leaves (SEED=%i)', (seed) =>
    mapAnew(seed, PATCH_STREAMS),
  );

  async function mapAnew(seed: number, streams: readonly OracleStream[]): Promise<void> {
    const load = async (name: string, products: string) => {
      const loading = await openWorld(store, `${name}-${streams[0]?.connection}-${seed}`, streams);
      await loading.setMapping('products', products);
      for (const delivery of deliveries(seed, loading.clock.now().getTime(), 12, { isApart: true, streams }))
        await deliver(loading, delivery);
      return loading;
    };
    await using changed = await load('changed', MAPPINGS.products);
    await using scratch = await load('scratch', NEXT_PRODUCTS);
    await changed.setMapping('products', NEXT_PRODUCTS);
    for (const { name } of streams) {
      const run = await changed.run(name, 'remap');
      expect([run.state, run.error, run.read]).toEqual([
        'succeeded',
        null,
        run.updated + run.unchanged + run.skipped + run.dead_lettered,
      ]);
    }
    // Mapping anew tries dead letters again; what several entities matched then may be clear by now.
    for (const { name } of streams) await scratch.run(name, 'replay');
    const [mapped, loaded] = [
      await exported(store, changed.streams.tenant),
      await exported(store, scratch.streams.tenant),
    ];
    expect({ ...mapped, rows: mapped.rows.map(spoken) }, `seed ${seed}`).toEqual({
      ...loaded,
      rows: loaded.rows.map(spoken),
    });
    expect(await unbalancedLevels(store, changed.streams.tenant)).toEqual([]);
  }
});

/** A row that nobody speaks for any more keeps what it last was. */
const spoken = (row: string): unknown => {
  const { isArchived, speakers, ...values } = JSON.parse(row) as Record<string, unknown>;
  return isArchived === true ? speakers : { speakers, ...values };
};
