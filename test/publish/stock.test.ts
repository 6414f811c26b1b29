import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Connector, WriteIntent } from '../../src/connector/contract.ts';
import { adjust } from '../../src/inventory/adjust.ts';
import { reserve } from '../../src/inventory/reserve.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { memoryStore } from '../support/stores.ts';

const STOCK = declared('inventory', {
  writes: {
    actions: ['update'],
    fields: [{ path: 'quantity', type: 'integer', nullable: false }],
    requiredOnCreate: [],
    matchBy: [],
    batch: 50,
    id: '<item>/<location>',
  },
});

/** A shop that keeps one figure per item and place, and sets it only where the expected one stands. */
function shop(levels: Map<string, number>, told: WriteIntent[]) {
  return (plain: Connector): Connector => ({
    ...plain,
    config: z.unknown(),
    streams: [STOCK],
    writable: (_stream, record) => {
      const { item, place, quantity } = record as Record<string, string | number>;
      return [{ id: `${item}/${place}`, values: { quantity: Number(quantity) } }];
    },
    open: async (config, context) => ({
      ...(await plain.open(config, context)),
      streams: () => [STOCK],
      readIds: async (_stream, ids) => ({
        records: [...levels].flatMap(([id, quantity], at) => {
          const [item = '', place = ''] = id.split('/');
          const raw = Buffer.from(JSON.stringify({ item, place, quantity }));
          return ids.includes(item) ? [{ raw, id: item, version: null, position: at + 1 }] : [];
        }),
        ...{ tombstones: [], problems: [], next: null, complete: false, expected: null, notBefore: null, context: {} },
        ...{ window: { id: 'ids', kind: 'delta', scope: 'all' }, observedAt: new Date() },
      }),
      write: async (intents) =>
        intents.map((intent) => {
          told.push(intent);
          const isExpected = levels.get(intent.id ?? '') === intent.expected?.['quantity'];
          if (!isExpected)
            return { state: 'rejected', code: 'STALE', message: 'it moved', fields: ['quantity'], retry: 'transient' };
          levels.set(intent.id ?? '', Number(intent.values['quantity']));
          return { state: 'ok', id: intent.id ?? '', version: null };
        }),
      find: async () => null,
    }),
  });
}

const ITEMS = `record: {key: item}
outputs:
  variant:
    match: sku
    fields: {sku: sku}
  location:
    match: code
    fields: {code: place}
`;
const OUT = `write:
  entity: stock
  to: inventory
  id: {template: '{variant | link("inventory")}/{location.code}'}
fields:
  quantity: available
`;
const SUM = `write:
  entity: stock
  each: variant
  to: inventory
  id: {template: '{variant | link("inventory")}/berlin'}
fields:
  quantity: available
`;

/** A shop that has one item at one place and may be written to, read once. */
async function openItem(store: Store, tenant: string, mapping: string) {
  const levels = new Map([['i1/berlin', 3]]);
  const told: WriteIntent[] = [];
  const world = await openLoading(store, {
    tenant,
    connections: [
      {
        name: 'shop',
        stockAuthority: false,
        streams: [{ name: 'inventory', mappings: ['items'] }],
        writes: [{ to: 'inventory', mapping: 'stock-out', conflict: 'platform_wins' }],
      },
    ],
    ...{ mappings: { items: ITEMS, 'stock-out': mapping }, streams: [STOCK], connector: shop(levels, told) },
  });
  const id = world.streams.tenant;
  await store.rows(sql`update connection set writes_approved_at = now() where tenant = ${id}`);
  const body = { item: 'i1', sku: 'A-1', place: 'berlin' };
  world.script.say('shop', 'inventory', [{ records: [{ id: 'i1', body }], observedAt: world.clock.now() }]);
  await world.run('shop/inventory');
  const [variant] = await store.rows<{ id: number }>(sql`select id from variant where tenant = ${id}`);
  return { world, levels, told, tenant: id, variantId: variant?.id ?? 0 };
}

describe('stock', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it('is pushed whenever a level changes, by compare and set', async () => {
    const item = await openItem(store, 'levels', OUT);
    await using world = item.world;
    const { levels, told, tenant, variantId } = item;
    const of = { tenant, variantId, location: 'berlin', now: world.clock.now() };
    await adjust(store, { ...of, delta: 10, note: 'count' });
    await world.run('shop/inventory:out');
    expect(levels.get('i1/berlin')).toBe(10);
    await reserve(store, {
      tenant,
      orderRef: 'o1',
      lines: [{ variantId, location: 'berlin', quantity: 4 }],
      now: of.now,
    });
    // Somebody sells there at the same time.
    levels.set('i1/berlin', 9);
    expect(await world.run('shop/inventory:out')).toMatchObject({ state: 'succeeded', updated: 1 });
    expect(levels.get('i1/berlin')).toBe(6);
    expect(told.map(({ values }) => values)).toEqual([{ quantity: 10 }, { quantity: 6 }]);
    const run = await world.run('shop/inventory:out');
    expect(run).toMatchObject({ read: 0, state: 'succeeded' });
  });

  it('of several places is one figure at a vendor that keeps one, unless it counts a part of it', async () => {
    const item = await openItem(store, 'sum', SUM);
    await using world = item.world;
    const { levels, told, tenant, variantId } = item;
    const of = { tenant, variantId, now: world.clock.now(), note: 'count' };
    await adjust(store, { ...of, location: 'berlin', delta: 10 });
    await adjust(store, { ...of, location: 'hall', delta: 5 });
    await world.run('shop/inventory:out');
    await adjust(store, { ...of, location: 'hall', delta: -2 });
    await world.run('shop/inventory:out');
    expect(told.map(({ id, values }) => [id, values['quantity']])).toEqual([
      ['i1/berlin', 15],
      ['i1/berlin', 13],
    ]);
    await store.rows(sql`
      update stock_level set stream_id = (select id from stream where tenant = ${tenant} and name = 'inventory')
      where tenant = ${tenant} and location = 'hall'`);
    await adjust(store, { ...of, location: 'berlin', delta: 1 });
    expect(await world.run('shop/inventory:out')).toMatchObject({ read: 1, skipped: 1 });
    expect(levels.get('i1/berlin')).toBe(13);
  });
});
