/** Loads a generated world and holds every step against the oracle. */
import { expect } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { type FinishedRun, type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { exported, unbalancedLevels } from './exported.ts';
import { type Counts, noCounts, Oracle, type OracleStream } from './oracle.ts';
import { MAPPINGS } from './shop-mapping.ts';
import { type Delivery, deliveries, STREAMS } from './world.ts';

const DELIVERIES = 14;

export const openWorld = (store: Store, tenant: string, streams: readonly OracleStream[] = STREAMS): Promise<Loading> =>
  openLoading(store, {
    tenant,
    connections: streams.map((stream) => ({
      name: stream.connection,
      // A stream's mode is its declaration's, so those of patches have a name of their own.
      streams: [{ name: stream.name.split('/')[1] ?? '', mappings: [stream.says] }],
      conflict: stream.policy,
      stockAuthority: stream.isAuthority,
      clockSkewMs: stream.skewMs,
    })),
    mappings: MAPPINGS,
    streams: [declared('products'), declared('stock'), declared('patches', { mode: 'patch' })],
  });

export async function checkWorld(store: Store, seed: number, streams = STREAMS): Promise<void> {
  await using loading = await openWorld(store, `world-${streams[0]?.connection}-${seed}`, streams);
  const oracle = new Oracle();
  let step = 0;
  for (const delivery of deliveries(seed, loading.clock.now().getTime(), DELIVERIES, { streams })) {
    step += 1;
    const run = await deliver(loading, delivery);
    const counts = tell(oracle, delivery);
    const place = `seed ${seed}, delivery ${step} of ${delivery.stream.name}`;
    expect(run.error?.code === 'ERR_EXTRACT_PARSE' ? null : run.error, place).toBe(null);
    expect(countsOf(run), place).toEqual(counts);
    expect(Object.keys(run.skipped_by), place).not.toContain('filtered');
    expect(run.read, place).toBe(run.created + run.updated + run.unchanged + run.skipped + run.dead_lettered);
    expect(
      Object.values(run.skipped_by).reduce((sum, one) => sum + Number(one), 0),
      place,
    ).toBe(run.skipped);
    expect(await exported(store, loading.streams.tenant), place).toEqual(oracle.expected());
    expect(await unbalancedLevels(store, loading.streams.tenant), place).toEqual([]);
  }
}

export async function deliver(loading: Loading, delivery: Delivery): Promise<FinishedRun> {
  await loading.clock.advance(delivery.advanceMs);
  const [connection = '', stream = ''] = delivery.stream.name.split('/');
  loading.script.say(connection, stream, delivery.pages);
  return loading.run(delivery.stream.name);
}

/** Tells the oracle a delivery; returns what its run must have counted. */
export function tell(oracle: Oracle, { stream, pages, proves }: Delivery): Counts {
  const counts = noCounts();
  for (const page of joined(pages)) oracle.page(stream, page, counts);
  if (proves) {
    const gone = oracle.standing(stream).filter((id) => !proves.present.has(id));
    oracle.absent(stream, gone, proves.observedAt, counts);
  }
  return counts;
}

/** Pages of one moment and place that follow each other are taken as one, but nothing behind a tombstone. */
function joined(pages: readonly ScriptPage[]): ScriptPage[] {
  const taken: ScriptPage[] = [];
  for (const page of pages) {
    const last = taken.at(-1);
    const isOne =
      last !== undefined &&
      last.complete !== true &&
      (last.tombstones ?? []).length === 0 &&
      last.window?.id === page.window?.id &&
      last.observedAt.getTime() === page.observedAt.getTime() &&
      JSON.stringify(last.context) === JSON.stringify(page.context);
    if (!isOne) taken.push(page);
    else taken[taken.length - 1] = { ...page, records: [...(last.records ?? []), ...(page.records ?? [])] };
  }
  return taken;
}

export const countsOf = ({
  read,
  created,
  updated,
  unchanged,
  skipped,
  dead_lettered,
  deleted,
  tombstones,
}: FinishedRun): Counts => ({
  ...{ read, created, updated, unchanged, skipped, dead_lettered, deleted, tombstones },
});
