/** A store that fails anywhere in a run must cost nothing but time. `SEED=n` replays one world, `SEEDS=n` runs more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { countsOf, openWorld, tell } from '../load/check-world.ts';
import { exported, unbalancedLevels } from '../load/exported.ts';
import { Oracle } from '../load/oracle.ts';
import { deliveries, random } from '../load/world.ts';
import { type Fault, type FaultyStore, faultyStore } from '../support/faulty-store.ts';
import type { FinishedRun, Loading } from '../support/loading.ts';
import { seeds } from '../support/seeds.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';

const DELIVERIES = 10;
/** Further than any run of these worlds goes. */
const LATEST = { statement: 120, commit: 30, answer: 30 };

describe('a store that fails, on PGlite', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(6))('loses nothing and counts nothing twice (SEED=%i)', (seed) => checkFaults(store, seed));
});

describe.runIf(await requireService('postgres', 'failing store on PostgreSQL'))(
  'a store that fails, on PostgreSQL',
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
      await store.close();
      await drop();
    });

    it.each(seeds(3))('loses nothing and counts nothing twice (SEED=%i)', (seed) => checkFaults(store, seed));
  },
);

async function checkFaults(real: Store, seed: number): Promise<void> {
  const store = faultyStore(real);
  await using loading = await openWorld(store, `faults-${seed}`);
  const dice = random(seed * 7919);
  const oracle = new Oracle();
  const happened: string[] = [];
  for (const delivery of deliveries(seed, loading.clock.now().getTime(), DELIVERIES, { isApart: true })) {
    await loading.clock.advance(delivery.advanceMs);
    const [connection = '', stream = ''] = delivery.stream.name.split('/');
    loading.script.say(connection, stream, delivery.pages);
    const run = await loading.queue(delivery.stream.name);
    const at = dice.pick(['statement', 'commit', 'answer'] as const);
    const fault: Fault = { at, nth: 1 + dice.below(LATEST[at]) };
    const end = await workThrough(loading, store, run, fault);
    if (store.happened()) happened.push(`${at} ${fault.nth}`);
    store.set(null);
    const place = `seed ${seed}, ${delivery.stream.name}, faults so far: ${happened.join(', ')}`;
    expect(['succeeded', 'incomplete'], place).toContain(end.state);
    expect(countsOf(end), place).toEqual(tell(oracle, delivery));
    expect(await exported(real, loading.streams.tenant), place).toEqual(oracle.expected());
    expect(await unbalancedLevels(real, loading.streams.tenant), place).toEqual([]);
  }
}

/** Works on a run as a process would that is started again whenever it falls. */
async function workThrough(loading: Loading, store: FaultyStore, run: number, fault: Fault): Promise<FinishedRun> {
  store.set(fault);
  for (let fall = 0; fall < 3; fall += 1) {
    try {
      return await loading.work(run);
    } catch (thrown) {
      if (!store.happened()) throw thrown;
      await loading.clock.advance(2 * loading.runs.leaseMs);
    }
  }
  throw new Error(`run ${run} does not get through`);
}
