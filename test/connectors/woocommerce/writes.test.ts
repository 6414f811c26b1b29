import { describe, expect, it } from 'vitest';
import woocommerce from '../../../connectors/woocommerce/index.ts';
import type { Json, JsonObject, WriteIntent } from '../../../src/connector/index.ts';
import type { RequestFault } from '../../../src/sandbox/faults.ts';
import { makeTestClock } from '../../support/clock.ts';
import { fakeVendor } from '../support.ts';
import { contextWith, openShop, openSource, type ShopUnderTest } from './support.ts';

const intent = (stream: string, id: string | null, values: JsonObject, key = `key-${id}`): WriteIntent => ({
  ...{ stream, action: id === null ? 'create' : 'update', idempotencyKey: key, id, values, expected: null },
});

async function bySku(shop: ShopUnderTest, sku: string): Promise<Record<string, Json>> {
  const { body } = await shop.call(`products?sku=${sku}`);
  return Array.isArray(body) ? Object(body[0]) : {};
}

/** Where the stock of a SKU is written. */
async function stockId(shop: ShopUnderTest, sku: string): Promise<string> {
  const { id, type, parent_id } = await bySku(shop, sku);
  return type === 'variation' ? `${parent_id}/${id}` : String(id);
}

const posts = ({ system }: ShopUnderTest) =>
  system.requests.filter(({ method }) => method !== 'GET').map(({ path }) => path.replace('/wp-json/wc/v3', ''));

/** The next request of this method and path goes wrong. */
function failing(method: string, end: string, fault: RequestFault) {
  let isDone = false;
  return {
    onRequest: (request: { method: string; path: string }) => {
      if (isDone || request.method !== method || !request.path.endsWith(end)) return null;
      isDone = true;
      return fault;
    },
  };
}

describe('stock', () => {
  it('of products and of variations is written in batches, each below its product', async () => {
    await using shop = await openShop();
    const products = await Promise.all(['TEN-001', 'TEN-002'].map((sku) => stockId(shop, sku)));
    const variations = await Promise.all(['JAC-001-S', 'JAC-001-M', 'JAC-002-S'].map((sku) => stockId(shop, sku)));
    const outcomes = await shop.source.write?.([
      ...products.map((id) => intent('products', id, { stock_quantity: 41 })),
      ...variations.map((id) => intent('variations', id, { stock_quantity: 42 })),
    ]);
    expect(outcomes?.map((one) => one.state === 'ok' && [one.id, one.stored])).toEqual([
      ...products.map((id) => [id, { stock_quantity: 41 }]),
      ...variations.map((id) => [id, { stock_quantity: 42 }]),
    ]);
    expect(posts(shop)).toEqual([
      '/products/batch',
      `/products/${variations[0]?.split('/')[0]}/variations/batch`,
      `/products/${variations[2]?.split('/')[0]}/variations/batch`,
    ]);
    expect((await bySku(shop, 'JAC-001-M')).stock_quantity).toBe(42);
  });

  it('that is there already is not written, for even an empty write would move the product', async () => {
    await using shop = await openShop();
    const id = await stockId(shop, 'TEN-001');
    const { stock_quantity, date_modified_gmt } = await bySku(shop, 'TEN-001');
    await shop.clock.advance(60_000);
    const outcomes = await shop.source.write?.([intent('products', id, { stock_quantity: stock_quantity ?? 0 })]);
    expect(outcomes).toMatchObject([{ state: 'ok', id }]);
    expect(posts(shop)).toEqual([]);
    expect((await bySku(shop, 'TEN-001')).date_modified_gmt).toBe(date_modified_gmt);
  });

  it('of a variation that shares its product’s is refused and not touched, as is stock nobody counts', async () => {
    await using shop = await openShop();
    const id = await stockId(shop, 'JAC-001-S');
    const [product = '', variation = ''] = id.split('/');
    await shop.call(`products/${product}`, { method: 'PUT', body: { manage_stock: true, stock_quantity: 50 } });
    await shop.call(`products/${product}/variations/${variation}`, { method: 'PUT', body: { manage_stock: false } });
    const uncounted = await stockId(shop, 'TEN-003');
    await shop.call(`products/${uncounted}`, { method: 'PUT', body: { manage_stock: false } });
    const before = posts(shop).length;
    const outcomes = await shop.source.write?.([
      intent('variations', id, { stock_quantity: 3 }),
      intent('products', uncounted, { stock_quantity: 3 }),
      intent('products', id, { stock_quantity: 3 }),
      intent('variations', `999999/${variation}`, { stock_quantity: 3 }),
      intent('products', '999999', { stock_quantity: 3 }),
      intent('products', product, { stock_quantity: null }),
    ]);
    expect(outcomes?.map((one) => one.state === 'rejected' && [one.code, one.retry])).toEqual([
      ['stock_of_parent', 'terminal'],
      ['stock_not_managed', 'terminal'],
      ['invalid_id', 'terminal'],
      ['woocommerce_rest_product_invalid_id', 'terminal'],
      ['woocommerce_rest_product_invalid_id', 'terminal'],
      ['invalid_value', 'terminal'],
    ]);
    expect(posts(shop)).toHaveLength(before);
    expect((await bySku(shop, 'JAC-001')).stock_quantity).toBe(50);
  });

  it('whose answer was lost is unknown, and found by the key it was written with', async () => {
    await using shop = await openShop({ faults: failing('POST', '/products/batch', { kind: 'cut' }) });
    const write = intent('products', await stockId(shop, 'TEN-001'), { stock_quantity: 77 }, 'lost-1');
    expect(await shop.source.write?.([write])).toMatchObject([{ state: 'unknown' }]);
    await shop.system.act({ kind: 'buy', sku: 'TEN-001', quantity: 2 });
    expect(await shop.source.find?.(write)).toMatchObject({ state: 'ok', stored: { stock_quantity: 75 } });
  });

  it('that never arrived is unknown, and found not to be there', async () => {
    const fault = { kind: 'unavailable', status: 502 } as const;
    await using shop = await openShop({ faults: failing('POST', '/products/batch', fault) });
    const write = intent('products', await stockId(shop, 'TEN-001'), { stock_quantity: 77 });
    expect(await shop.source.write?.([write])).toMatchObject([{ state: 'unknown' }]);
    expect(await shop.source.find?.(write)).toBeNull();
  });

  it('is left for later as a whole when the shop asks for a pause, or cannot be read before', async () => {
    const pause = { kind: 'limited', retryAfterMs: 60_000 } as const;
    const write = { stock_quantity: 77 };
    await using one = await openShop({ faults: failing('POST', '/products/batch', pause) });
    await expect(one.source.write?.([intent('products', await stockId(one, 'TEN-001'), write)])).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_LIMITED',
      notBefore: new Date(one.clock.now().getTime() + 60_000),
    });
    await using two = await openShop();
    const id = await stockId(two, 'TEN-001');
    await two.system.close();
    await expect(two.source.write?.([intent('products', id, write)])).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_UNREACHABLE',
    });
  });

  it('is told of as far as it went when a pause comes in the middle', async () => {
    const pause = { kind: 'limited', retryAfterMs: 60_000 } as const;
    const parents: string[] = [];
    const onRequest = (request: { method: string; path: string }) => {
      if (request.method !== 'POST' || !request.path.endsWith('/variations/batch')) return null;
      parents.push(request.path);
      return parents.length === 2 ? pause : null;
    };
    await using shop = await openShop({ faults: { onRequest } });
    const ids = await Promise.all(['JAC-001-S', 'JAC-002-S', 'JAC-003-S'].map((sku) => stockId(shop, sku)));
    const outcomes = await shop.source.write?.(ids.map((id) => intent('variations', id, { stock_quantity: 91 })));
    expect(outcomes).toMatchObject([
      { state: 'ok' },
      { state: 'rejected', code: 'ERR_CONNECTOR_LIMITED', retry: 'transient' },
      { state: 'ok' },
    ]);
  });

  it('of a hundred and more goes in several batches', async () => {
    const ids = Array.from({ length: 130 }, (_, at) => at + 1);
    const sizes: number[] = [];
    await using vendor = await fakeVendor(({ method, url, body }) => {
      const include = new URL(url, 'http://x').searchParams.get('include')?.split(',') ?? [];
      const headers = { 'x-wp-total': String(include.length) };
      const record = (id: number) => ({ id, manage_stock: true, stock_quantity: 1, parent_id: 0 });
      if (method === 'GET') return { headers, body: include.map((id) => record(Number(id))) };
      const { update } = JSON.parse(body);
      sizes.push(update.length);
      return { body: { update: update.map((one: JsonObject) => ({ ...record(Number(one.id)), ...one })) } };
    });
    const clock = { now: () => new Date('2026-11-21T12:00:00Z'), sleep: () => Promise.resolve() };
    const source = await openSource({ url: vendor.url, consumerKey: 'ck', consumerSecret: 'cs' }, clock);
    const outcomes = await source.write?.(ids.map((id) => intent('products', String(id), { stock_quantity: 9 })));
    expect(outcomes?.every(({ state }) => state === 'ok')).toBe(true);
    expect(sizes).toEqual([100, 30]);
  });

  it('is bisected down to the one to blame when a whole batch is refused', async () => {
    await using vendor = await fakeVendor(({ method, url, body }) => {
      const include = new URL(url, 'http://x').searchParams.get('include')?.split(',') ?? [];
      const record = (id: number) => ({ id, manage_stock: true, stock_quantity: 1, parent_id: 0 });
      if (method === 'GET') return { headers: { 'x-wp-total': '5' }, body: include.map((id) => record(Number(id))) };
      const { update } = JSON.parse(body);
      if (update.some((one: JsonObject) => one.id === 3))
        return { status: 400, body: { code: 'a_plugin', message: 'not 3', data: { status: 400 } } };
      return { body: { update: update.map((one: JsonObject) => ({ ...record(Number(one.id)), ...one })) } };
    });
    const clock = { now: () => new Date('2026-11-21T12:00:00Z'), sleep: () => Promise.resolve() };
    const source = await openSource({ url: vendor.url, consumerKey: 'ck', consumerSecret: 'cs' }, clock);
    const outcomes = await source.write?.(
      [1, 2, 3, 4, 5].map((id) => intent('products', String(id), { stock_quantity: 9 })),
    );
    expect(outcomes?.map(({ state }) => state)).toEqual(['ok', 'ok', 'rejected', 'ok', 'ok']);
    expect(outcomes?.[2]).toMatchObject({ code: 'a_plugin', message: 'not 3' });
  });

  it('that the shop takes and does not keep is refused', async () => {
    await using vendor = await fakeVendor(({ method }) => {
      const record = { id: 1, manage_stock: true, stock_quantity: 1, parent_id: 0 };
      return method === 'GET' ? { headers: { 'x-wp-total': '1' }, body: [record] } : { body: { update: [record] } };
    });
    const clock = { now: () => new Date('2026-11-21T12:00:00Z'), sleep: () => Promise.resolve() };
    const source = await openSource({ url: vendor.url, consumerKey: 'ck', consumerSecret: 'cs' }, clock);
    expect(await source.write?.([intent('products', '1', { stock_quantity: 9 })])).toMatchObject([
      { state: 'rejected', code: 'not_kept' },
    ]);
  });
});

describe('orders', () => {
  const order = (lines: Json, more: JsonObject = {}): JsonObject => ({ line_items: lines, ...more });

  it('are made by SKU, of products and variations, with their totals and stock', async () => {
    await using shop = await openShop();
    const before = (await bySku(shop, 'JAC-001-M')).stock_quantity;
    const lines = [
      { sku: 'TEN-001', quantity: 2, total: '30.00' },
      { sku: 'JAC-001-M', quantity: 1 },
    ];
    const values = order(lines, { set_paid: true, customer_note: 'ring', transaction_id: null });
    const [outcome] = (await shop.source.write?.([intent('orders', null, values, 'order-1')])) ?? [];
    expect(outcome).toMatchObject({ state: 'ok', stored: { status: 'processing', customer_note: 'ring' } });
    const { body } = await shop.call(`orders/${outcome?.state === 'ok' ? outcome.id : ''}`);
    expect(Object(body).line_items).toMatchObject([
      { sku: 'TEN-001', variation_id: 0, quantity: 2, total: '30.00' },
      { sku: 'JAC-001-M', product_id: (await bySku(shop, 'JAC-001')).id, quantity: 1 },
    ]);
    expect((await bySku(shop, 'JAC-001-M')).stock_quantity).toBe(Number(before) - 1);
  });

  it('of a product the shop does not know are refused before one is made, or told of when one was', async () => {
    await using shop = await openShop();
    const outcomes = await shop.source.write?.([
      intent('orders', null, order([{ sku: 'NOT-THERE', quantity: 1 }]), 'a'),
      intent('orders', null, order([]), 'b'),
    ]);
    expect(outcomes).toMatchObject([
      { state: 'rejected', code: 'unknown_product', retry: 'terminal' },
      { state: 'rejected', code: 'unknown_product', retry: 'terminal' },
    ]);
    expect(posts(shop)).toEqual([]);
    const [made] =
      (await shop.source.write?.([intent('orders', null, order([{ product_id: 999_999, quantity: 1 }]), 'c')])) ?? [];
    expect(made).toMatchObject({ state: 'rejected', code: 'lines_differ', madeId: expect.stringMatching(/^\d+$/) });
  });

  it('of what only its forms are sold of, or of a SKU that two products carry, are refused', async () => {
    await using shop = await openShop();
    const variable = await bySku(shop, 'JAC-001');
    expect(variable.type).toBe('variable');
    const twice = [7, 8].map((id) => ({ id, sku: 'TWICE', type: 'simple', parent_id: 0 }));
    await using vendor = await fakeVendor(() => ({ headers: { 'x-wp-total': '2' }, body: twice }));
    const settings = { connector: 'woocommerce', url: vendor.url, consumerKey: 'ck', consumerSecret: 'cs' };
    const other = await openSource(settings, makeTestClock('2026-11-21T12:00:00Z'));
    const write = (sku: string) => [intent('orders', null, order([{ sku, quantity: 1 }]), sku)];
    expect(await shop.source.write?.(write('JAC-001'))).toMatchObject([{ code: 'unknown_product', retry: 'terminal' }]);
    expect(await other.write?.(write('TWICE'))).toMatchObject([{ message: expect.stringContaining('which one') }]);
    expect(posts(shop)).toEqual([]);
    expect(vendor.received.map(({ method }) => method)).toEqual(['GET']);
  });

  it('whose answer was lost are found by their key, in the trash too, and not taken for others', async () => {
    await using shop = await openShop({ faults: failing('POST', '/orders', { kind: 'cut' }) });
    const write = intent('orders', null, order([{ sku: 'TEN-001', quantity: 1 }]), 'lost-order');
    expect(await shop.source.write?.([write])).toMatchObject([{ state: 'unknown' }]);
    const found = await shop.source.find?.(write);
    expect(found).toMatchObject({ state: 'ok' });
    const id = found?.state === 'ok' ? found.id : '';
    await shop.call(`orders/${id}`, { method: 'DELETE' });
    expect(await shop.source.find?.(write)).toMatchObject({ state: 'ok', id });
    expect(await shop.source.find?.({ ...write, idempotencyKey: 'another' })).toBeNull();
  });

  it.each([502, 503, 504])('may still be made behind a %i, with a pause or without', async (status) => {
    const key = '1';
    await using vendor = await fakeVendor(({ method }) =>
      method === 'POST'
        ? { status, headers: { 'retry-after': '5' }, body: '<h1>Backend fetch failed</h1>' }
        : { headers: { 'x-wp-total': '0' }, body: [] },
    );
    const settings = { connector: 'woocommerce', url: vendor.url, consumerKey: 'ck', consumerSecret: 'cs' };
    const source = await openSource(settings, makeTestClock('2026-11-21T12:00:00Z'));
    const write = intent('orders', null, order([{ product_id: 7, quantity: 1 }]), key);
    expect(await source.write?.([write, write])).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }]);
  });

  it('are changed only where they differ', async () => {
    await using shop = await openShop();
    const [id = ''] = [...shop.system.truth('orders').keys()];
    const same = await shop.source.write?.([intent('orders', id, { status: 'completed', billing: { country: 'DE' } })]);
    expect(same).toMatchObject([{ state: 'ok', id }]);
    expect(posts(shop)).toEqual([]);
    const changed = intent('orders', id, { status: 'cancelled', customer_note: null, billing: { city: 'Köln' } });
    expect(await shop.source.write?.([changed])).toMatchObject([
      { state: 'ok', stored: { status: 'cancelled', billing: { city: 'Köln', country: 'DE' } } },
    ]);
    expect(await shop.source.find?.(changed)).toMatchObject({ state: 'ok', id });
  });

  it('that were removed for good after a change was sent are found not to be there', async () => {
    await using shop = await openShop();
    expect(await shop.source.find?.(intent('orders', '999999', { status: 'completed' }))).toBeNull();
  });

  it('say which field is wrong, and what cannot be changed', async () => {
    await using shop = await openShop();
    const [id = '', other = ''] = [...shop.system.truth('orders').keys()];
    await shop.call(`orders/${other}`, { method: 'DELETE' });
    const outcomes = await shop.source.write?.([
      intent('orders', id, { status: 'nonsense' }),
      intent('orders', id, { line_items: [] }),
      intent('orders', other, { status: 'completed' }),
      intent('orders', '999999', { status: 'completed' }),
    ]);
    expect(outcomes).toMatchObject([
      { state: 'rejected', code: 'rest_invalid_param', fields: ['status'], retry: 'terminal' },
      { state: 'rejected', code: 'not_changeable' },
      { state: 'rejected', code: 'trashed' },
      { state: 'rejected', code: 'woocommerce_rest_shop_order_invalid_id' },
    ]);
  });

  it('cannot be written with a key that may only read', async () => {
    await using shop = await openShop();
    const { connector: _, ...settings } = shop.system.settings;
    const reader = { ...settings, consumerKey: 'ck_sandbox_read', consumerSecret: 'cs_sandbox_read' };
    const source = await woocommerce.open(woocommerce.config.parse(reader), contextWith(shop.clock));
    const write = intent('orders', null, order([{ sku: 'TEN-001', quantity: 1 }]));
    await expect(source.write?.([write])).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      remedy: 'Give the API key the permission Read/Write.',
    });
  });
});
