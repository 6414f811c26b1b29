/** What is available, while sources count and buyers buy. `SEED=n` replays one, `SEEDS=n` runs more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reserve } from '../../src/inventory/reserve.ts';
import { commit, expireDue, release } from '../../src/inventory/settle.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { seeds } from '../support/seeds.ts';
import { memoryStore } from '../support/stores.ts';
import { unbalancedLevels } from './exported.ts';
import { MAPPINGS } from './shop-mapping.ts';
import { type Random, random } from './world.ts';

const SECOND = 1000;
const SKEW_MS = 5 * SECOND;
const LIFETIME_MS = 300 * SECOND;

/** The model: the authority's figure and its time, and every reservation with what became of it. */
type Sale = {
  readonly id: number;
  readonly quantity: number;
  readonly expires: number;
  state: string;
  committed: number;
};
type Model = {
  count: number;
  asOf: number;
  readonly sales: Sale[];
  /** What the authority's record says now; `at`: the time it names itself. */
  said: { readonly quantity: number; readonly at: Date | null };
};

/** `Q(T) - every open reservation - every sale the authority had not counted by T`. */
const availableOf = ({ count, asOf, sales }: Model): number =>
  sales.reduce((left, one) => {
    const isTaken = one.state === 'open' || (one.state === 'committed' && one.committed > asOf);
    return left - (isTaken ? one.quantity : 0);
  }, count);

describe('stock that sources count and buyers take', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(8))('is available as its definition says, and never sold twice (SEED=%i)', async (seed) => {
    await using loading = await openLoading(store, {
      tenant: `stock-${seed}`,
      connections: ['counting', 'other'].map((name) => ({
        name,
        streams: [
          { name: 'stock', mappings: ['stock'] },
          { name: 'products', mappings: ['products'] },
        ],
        clockSkewMs: name === 'counting' ? SKEW_MS : 0,
      })),
      mappings: MAPPINGS,
      streams: [declared('stock'), declared('products')],
    });
    const dice = random(seed);
    await say(loading, 'counting/products', { id: 'p', sku: 'A-1', name: 'Mug' });
    await count(loading, 'counting', 50, null);
    const [variant] = await store.rows<{ id: number }>(
      sql`select id from variant where tenant = ${loading.streams.tenant}`,
    );
    const model: Model = {
      count: 50,
      asOf: loading.clock.now().getTime() - SKEW_MS,
      sales: [],
      said: { quantity: 50, at: null },
    };
    for (let step = 0; step < 40; step += 1) {
      await act(loading, dice, model, variant?.id ?? 0);
      const [level] = await store.rows<{ free: number; quantity: number }>(
        sql`select quantity - reserved - committed as free, quantity from stock_level where tenant = ${loading.streams.tenant}`,
      );
      expect([level?.free, level?.quantity], `seed ${seed}, step ${step}`).toEqual([availableOf(model), model.count]);
    }
    expect(await unbalancedLevels(store, loading.streams.tenant)).toEqual([]);
  });
});

async function act(loading: Loading, dice: Random, model: Model, variantId: number): Promise<void> {
  const { store, clock } = loading;
  const { tenant } = loading.streams;
  await clock.advance(dice.pick([SECOND, 20 * SECOND, 100 * SECOND]));
  const now = clock.now();
  await expireDue(store, { now, tenant });
  for (const one of model.sales) if (one.state === 'open' && one.expires <= now.getTime()) one.state = 'expired';
  const open = model.sales.filter((one) => one.state === 'open');
  const what = dice.pick([
    'count',
    'count late',
    'count by other',
    'reserve',
    'reserve',
    'reserve',
    'sell',
    'release',
    'repeat',
  ]);
  if (what === 'reserve') {
    const quantity = 1 + dice.below(25);
    const free = availableOf(model);
    const outcome = await reserve(store, {
      tenant,
      orderRef: `${model.sales.length}`,
      lines: [{ variantId, location: 'default', quantity }],
      now,
      lifetimeMs: LIFETIME_MS,
    });
    expect(outcome.ok).toBe(quantity <= free);
    if (outcome.ok)
      for (const { id, expiresAt } of outcome.reservations)
        model.sales.push({ id, quantity, expires: expiresAt.getTime(), state: 'open', committed: 0 });
  } else if (what === 'sell' && open.length > 0) {
    const one = dice.pick(open);
    await commit(store, { tenant, ids: [one.id], now });
    Object.assign(one, { state: 'committed', committed: now.getTime() });
  } else if (what === 'release' && open.length > 0) {
    const one = dice.pick(open);
    await release(store, { tenant, ids: [one.id] });
    one.state = 'released';
  } else if (what === 'count by other') await count(loading, 'other', dice.below(100), null);
  else if (what === 'repeat') await repeat(loading, model);
  else if (what.startsWith('count')) await recount(loading, dice, model, what === 'count late');
}

/** The authority counts: as of now, as of some time ago, or as of before its last count, which says nothing. */
async function recount(loading: Loading, dice: Random, model: Model, isLate: boolean): Promise<void> {
  const quantity = (model.count + 1 + dice.below(59)) % 60;
  const asOf = loading.clock.now().getTime() + SECOND - (isLate ? dice.below(400) * SECOND : 0);
  model.said = { quantity, at: isLate ? new Date(asOf) : null };
  await count(loading, 'counting', quantity, model.said.at);
  const time = (isLate ? asOf : loading.clock.now().getTime() - 1) - SKEW_MS;
  if (time < model.asOf) return;
  confirm(model, time);
  model.count = quantity;
}

function confirm(model: Model, time: number): void {
  for (const one of model.sales) if (one.state === 'committed' && one.committed <= time) one.state = 'confirmed';
  model.asOf = time;
}

/** The authority says the same again: it has counted what was sold until now, where it names no time of its own. */
async function repeat(loading: Loading, model: Model): Promise<void> {
  await count(loading, 'counting', model.said.quantity, model.said.at);
  const isAwaited = model.sales.some((one) => one.state === 'committed');
  if (model.said.at === null && isAwaited) confirm(model, loading.clock.now().getTime() - 1 - SKEW_MS);
}

const count = (loading: Loading, connection: string, quantity: number, asOf: Date | null): Promise<void> =>
  say(loading, `${connection}/stock`, {
    id: 's',
    sku: 'A-1',
    at: 'default',
    on_hand: quantity,
    ...(asOf ? { as_of: asOf.toISOString() } : {}),
  });

async function say(
  loading: Loading,
  name: string,
  body: { readonly id: string; [field: string]: string | number },
): Promise<void> {
  await loading.clock.advance(SECOND);
  const [connection = '', stream = ''] = name.split('/');
  loading.script.say(connection, stream, [{ observedAt: loading.clock.now(), records: [{ id: body.id, body }] }]);
  const run = await loading.run(name);
  expect([run.state, run.error, run.dead_lettered]).toEqual(['succeeded', null, 0]);
}
