/** Who speaks for a level when the record that set it is gone. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { explainStock } from '../../src/load/explain-stock.ts';
import { forget } from '../../src/load/retention.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { unbalancedLevels } from './exported.ts';
import { MAPPINGS } from './shop-mapping.ts';

let store: Store;
beforeAll(async () => {
  store = await openPglite(null);
  await migrate(store);
});
afterAll(() => store.close());

it('a level whose record is gone goes to the newest figure of a connection that may speak, or to the next', async () => {
  await using loading = await openLoading(store, {
    tenant: 'heirs',
    connections: ['shop', 'erp', 'count', 'feed'].map((name) => ({
      name,
      streams: [
        { name: 'stock', mappings: ['stock'] },
        { name: 'products', mappings: ['products'] },
      ],
      stockAuthority: name !== 'feed',
    })),
    mappings: MAPPINGS,
    streams: [declared('stock'), declared('products')],
  });
  const { tenant } = loading.streams;
  const say = async (stream: string, quantity: number | null) => {
    await loading.clock.advance(1000);
    const [connection = '', of = ''] = stream.split('/');
    const observedAt = loading.clock.now();
    const body =
      of === 'products'
        ? { id: 'p', sku: 'A-1', name: 'Mug' }
        : { id: 's', sku: 'A-1', at: 'main', on_hand: quantity ?? 0 };
    const page =
      quantity === null ? { tombstones: [{ id: 's', version: null }] } : { records: [{ id: body.id, body }] };
    loading.script.say(connection, of, [{ ...page, observedAt }]);
    expect((await loading.run(stream)).error).toBe(null);
    const { levels } = await explainStock(store, { tenant, key: 'A-1', movements: 1 });
    expect(await unbalancedLevels(store, tenant)).toEqual([]);
    return levels.map(({ quantity: stands, authority, observations }) => [
      stands,
      authority && `${authority.connection} ${authority.externalId}`,
      observations.map((one) => `${one.connection} ${one.quantity}`).join(),
    ])[0];
  };
  await say('shop/products', 1);
  expect(await say('shop/stock', 5)).toEqual([5, 'shop s', '']);
  expect(await say('count/stock', 6)).toEqual([5, 'shop s', 'count 6']);
  expect(await say('erp/stock', 7)).toEqual([5, 'shop s', 'count 6,erp 7']);
  expect(await say('feed/stock', 8)).toEqual([5, 'shop s', 'count 6,erp 7,feed 8']);
  expect(await say('shop/stock', null)).toEqual([7, 'erp s', 'count 6,feed 8']);
  expect(await say('count/stock', null)).toEqual([7, 'erp s', 'feed 8']);
  expect(await say('erp/stock', null)).toEqual([0, 'erp null', 'feed 8']);
  expect(await say('feed/stock', 9)).toEqual([0, 'erp null', 'feed 9']);
  expect(await say('shop/stock', 4)).toEqual([4, 'shop s', 'feed 9']);
  expect(await say('erp/stock', 3)).toEqual([4, 'shop s', 'erp 3,feed 9']);
});

it('a movement is told of the record that counted it: whoever brought it to its level, and when its page is forgotten', async () => {
  await using loading = await openLoading(store, {
    tenant: 'tellers',
    connections: ['shop', 'erp'].map((name) => ({
      name,
      streams: [
        { name: 'stock', mappings: ['stock'] },
        { name: 'products', mappings: ['products'] },
      ],
    })),
    mappings: MAPPINGS,
    streams: [declared('stock'), declared('products')],
  });
  const { tenant } = loading.streams;
  const say = async (
    stream: string,
    body: { readonly id: string; readonly [field: string]: string | number } | null,
  ) => {
    await loading.clock.advance(1000);
    const [connection = '', of = ''] = stream.split('/');
    const page = body === null ? { tombstones: [{ id: 's', version: null }] } : { records: [{ id: body.id, body }] };
    loading.script.say(connection, of, [{ ...page, observedAt: loading.clock.now() }]);
    expect((await loading.run(stream)).error).toBe(null);
  };
  const told = async () => {
    const { levels } = await explainStock(store, { tenant, key: 'A-1', movements: 9 });
    return levels[0]?.movements.map((one) => `${one.delta} ${one.connection}/${one.stream} ${one.externalId}`);
  };
  const figure = (quantity: number) => ({ id: 's', sku: 'A-1', at: 'main', on_hand: quantity });
  await say('erp/stock', figure(5));
  await say('shop/products', { id: 'p', sku: 'A-1', name: 'Mug' });
  await say('shop/stock', figure(7));
  await say('erp/stock', null);
  const all = ['7 shop/stock s', '-5 erp/stock s', '5 erp/stock s'];
  expect(await told()).toEqual(all);
  // A variant without a SKU is listed under its product's.
  await store.rows(sql`update variant set sku = null, sku_key = null where tenant = ${tenant}`);
  expect(await told()).toEqual(all);
  await loading.clock.advance(100 * 86_400_000);
  await say('shop/products', { id: 'p', sku: 'A-1', name: 'Cup' });
  await forget(store, tenant, { rawDays: 30, outboxDays: 30, runDays: 30 }, loading.clock.now());
  expect(await told()).toEqual(all);
});
