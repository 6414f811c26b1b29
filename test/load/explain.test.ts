/**
 * What explain says against generated worlds: its values are the rows that the oracle computed, and its winners are those
 * that the rules of the fold, written down once more here, choose among all it names. `SEED=n` replays one.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { explain, type Origin } from '../../src/load/explain.ts';
import { decodeOf } from '../../src/run/streams.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { seeds } from '../support/seeds.ts';
import { memoryStore } from '../support/stores.ts';
import { deliver, openWorld, tell } from './check-world.ts';
import { exported } from './exported.ts';
import { Oracle, type OracleStream, shownValue } from './oracle.ts';
import { deliveries, PATCH_STREAMS, STREAMS } from './world.ts';

const DELIVERIES = 10;

describe('explain', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(6))('gives the values of the oracle and the winners of the rules (SEED=%i)', (seed) =>
    explainWorld(seed, STREAMS),
  );
  it.each(seeds(6))('gives them for what patches say together (SEED=%i)', (seed) => explainWorld(seed, PATCH_STREAMS));

  async function explainWorld(seed: number, streams: readonly OracleStream[]): Promise<void> {
    await using loading = await openWorld(store, `explain-${streams[0]?.connection}-${seed}`, streams);
    const oracle = new Oracle();
    for (const delivery of deliveries(seed, loading.clock.now().getTime(), DELIVERIES, { streams })) {
      await deliver(loading, delivery);
      tell(oracle, delivery);
    }
    const tenant = loading.streams.tenant;
    expect(await exported(store, tenant)).toEqual(oracle.expected());
    const decode = (id: number) => {
      const stream = loading.streams.byId(id);
      if (!stream) throw new Error(`no stream ${id}`);
      return decodeOf(stream.connector);
    };
    let fields = 0;
    const rows = await store.rows<Record<string, unknown> & { id: number }>(
      sql`select * from product where tenant = ${tenant} and archived_at is null order by id`,
    );
    for (const row of rows) {
      const told = await explain(
        { ...loading.runs.load, decodeOf: decode },
        tenant,
        'product',
        publicId('product', row.id),
      );
      for (const field of told.fields) {
        const place = `seed ${seed}, ${told.id}.${field.field}`;
        expect(shownValue(field.field, field.value), place).toEqual(shownValue(field.field, row[field.field] ?? null));
        if (!field.winner) {
          expect(field.value, place).toBe(null);
          continue;
        }
        expect(shownValue(field.field, field.winner.value), place).toEqual(shownValue(field.field, field.value));
        // What a record no longer says is listed, and does not count.
        for (const loser of field.losers.filter((one) => !one.why.includes('no longer says')))
          expect(outranks(field.winner, loser), `${place} over ${loser.externalId}: ${loser.why}`).toBe(true);
        fields += 1;
      }
    }
    expect(fields).toBeGreaterThan(0);
  }
});

const policyOf = (one: Origin) =>
  [...STREAMS, ...PATCH_STREAMS].find((stream) => stream.name === `${one.connection}/${one.stream}`)?.policy;

/** The rules: a value before none, a source that wins before the others, then the later change. */
function outranks(winner: Origin, loser: Origin): boolean {
  if (winner.value === null || loser.value === null) return true;
  const first = Number(policyOf(winner) === 'source_wins') - Number(policyOf(loser) === 'source_wins');
  return first !== 0 ? first > 0 : winner.changedAt >= loser.changedAt;
}
