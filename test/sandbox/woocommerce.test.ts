import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clock, Json } from '../../src/connector/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { openWooCommerce } from '../../src/sandbox/woocommerce/index.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { type CallOptions, caller } from './woocommerce-caller.ts';

const AT = new Date('2026-11-20T08:00:00Z');
const NOW = new Date('2026-11-20T09:00:00Z');
const clock: Clock = { now: () => NOW, sleep: () => Promise.resolve() };

let shop: VendorSystem;
let call: ReturnType<typeof caller>;

beforeAll(async () => {
  shop = await openWooCommerce({ world: makeWorld(AT), clock, timeZone: 'America/New_York' });
  call = caller(shop, clock);
});
afterAll(() => shop.close());

const first = (body: Json): Record<string, Json> => Object(Array.isArray(body) ? body[0] : body);
const ids = (body: Json): number[] => (Array.isArray(body) ? body.map((one) => Object(one).id) : []);

describe('a list', () => {
  it('counts, and links the pages beside it with the whole query in them', async () => {
    const page = await call('products?per_page=10&page=2&modified_after=2026-01-01T00:00:00&dates_are_gmt=true');
    expect(page.body).toHaveLength(10);
    expect(page.headers.get('x-wp-total')).toBe('44');
    expect(page.headers.get('x-wp-totalpages')).toBe('5');
    const rest = 'modified_after=2026-01-01T00%3A00%3A00&dates_are_gmt=1';
    const link = (no: number) => `<${shop.url}/wp-json/wc/v3/products?per_page=10&page=${no}&${rest}>`;
    expect(page.headers.get('link')).toBe(`${link(1)}; rel="prev", ${link(3)}; rel="next"`);
  });

  it('of orders links words nobody said', async () => {
    const page = await call('orders?per_page=5');
    const words = 'per_page=5&status%5B0%5D=any&dp=2&context=view&page=2';
    expect(page.headers.get('link')).toBe(`<${shop.url}/wp-json/wc/v3/orders?${words}>; rel="next"`);
  });

  it.each([
    ['products?page=99', '44', '5'],
    ['customers?page=99', '24', '3'],
    ['orders?page=99', '0', '0'],
  ])('%s is past its end', async (path, total, pages) => {
    const page = await call(path);
    expect([page.status, page.body]).toEqual([200, []]);
    expect([page.headers.get('x-wp-total'), page.headers.get('x-wp-totalpages')]).toEqual([total, pages]);
  });

  it('prefers an offset to a page without a word', async () => {
    const [one, two] = [await call('products?offset=3&page=2'), await call('products?offset=3')];
    expect(ids(one.body)).toEqual(ids(two.body));
  });

  // The world was changed at 08:00 UTC, which is 03:00 in New York.
  it.each([
    ['modified_after=2026-11-20T07:59:59&dates_are_gmt=true', 44],
    ['modified_after=2026-11-20T08:00:00&dates_are_gmt=true', 0],
    ['modified_after=2026-11-20T07:59:59Z', 44],
    ['modified_after=2026-11-20T08:00:00Z', 0],
    ['modified_after=2026-11-20T02:59:59', 44],
    ['modified_after=2026-11-20T03:00:00', 0],
    // The shift: with both, the time counts five hours too early.
    ['modified_after=2026-11-20T12:59:59Z&dates_are_gmt=true', 44],
    ['modified_after=2026-11-20T13:00:00.000Z&dates_are_gmt=true', 0],
    ['modified_after=2026-11-20T14:59:59%2B02:00&dates_are_gmt=true', 44],
  ])('takes %s', async (filter, count) => {
    expect((await call(`products?per_page=1&${filter}`)).headers.get('x-wp-total')).toBe(String(count));
  });

  it('knows no changes of customers, and takes any parameter', async () => {
    const page = await call('customers?modified_after=2030-01-01T00:00:00&nonsense=1');
    expect(page.headers.get('x-wp-total')).toBe('24');
    expect((await call('customers?role=all')).headers.get('x-wp-total')).toBe('25');
  });
});

type Refusal = readonly [
  name: string,
  path: string,
  status: number,
  code: string,
  message: string,
  options?: CallOptions,
];

const REFUSALS: readonly Refusal[] = [
  ['error-400-per-page-101', 'products?per_page=101', 400, 'rest_invalid_param', 'Invalid parameter(s): per_page'],
  ['error-400-per-page-0', 'products?per_page=0', 400, 'rest_invalid_param', 'Invalid parameter(s): per_page'],
  ['error-400-page-0', 'products?page=0', 400, 'rest_invalid_param', 'Invalid parameter(s): page'],
  ['error-400-status', 'orders?status=nonsense', 400, 'rest_invalid_param', 'Invalid parameter(s): status'],
  [
    'products-modified-after-bad',
    'products?modified_after=yesterday',
    400,
    'rest_invalid_param',
    'Invalid parameter(s): modified_after',
  ],
  ['error-404-product', 'products/999999', 404, 'woocommerce_rest_product_invalid_id', 'Invalid ID.'],
  ['error-404-order', 'orders/999999', 404, 'woocommerce_rest_shop_order_invalid_id', 'Invalid ID.'],
  ['error-404-customer', 'customers/999999', 404, 'wc_user_invalid_id', 'Invalid user ID.'],
  ['error-404-route', 'nosuch', 404, 'rest_no_route', 'No route was found matching the URL and request method.'],
  [
    'error-404-product-route-text',
    'products/abc',
    404,
    'rest_no_route',
    'No route was found matching the URL and request method.',
  ],
  [
    'variation-wrong-parent',
    'products/101/variations/999999',
    404,
    'woocommerce_rest_product_variation_invalid_id',
    'Invalid ID.',
  ],
  [
    'error-400-type',
    'products',
    400,
    'rest_invalid_param',
    'Invalid parameter(s): type',
    { method: 'POST', body: { name: 'x', type: 'nonsense' } },
  ],
  [
    'customer-delete-no-force',
    'customers/105',
    501,
    'woocommerce_rest_trash_not_supported',
    'Customers do not support trashing.',
    { method: 'DELETE' },
  ],
  [
    'webhook-create-bad-topic',
    'webhooks',
    400,
    'woocommerce_rest_shop_webhook_invalid_topic',
    'Webhook topic is required and must be valid.',
    { method: 'POST', body: { topic: 'nonsense.created', delivery_url: 'http://127.0.0.1/' } },
  ],
  [
    'webhook-create-bad-url',
    'webhooks',
    400,
    'woocommerce_rest_shop_webhook_invalid_delivery_url',
    'Webhook delivery URL must be a valid URL starting with http:// or https://.',
    { method: 'POST', body: { topic: 'order.created', delivery_url: 'ftp://x/y' } },
  ],
  [
    'error-413-batch-over-100',
    'products/batch',
    413,
    'woocommerce_rest_request_entity_too_large',
    'Unable to accept more than 100 items for this request.',
    { method: 'POST', body: { delete: Array.from({ length: 101 }, (_, at) => at) } },
  ],
  [
    'error-401-unknown-key-oauth',
    'products',
    401,
    'woocommerce_rest_authentication_error',
    'Consumer key is invalid.',
    { key: 'ck_other' },
  ],
  [
    'error-401-bad-signature-oauth',
    'products',
    401,
    'woocommerce_rest_authentication_error',
    'Invalid signature - provided signature does not match.',
    { secret: 'cs_other' },
  ],
  [
    'error-401-stale-timestamp',
    'products',
    401,
    'woocommerce_rest_authentication_error',
    'Invalid timestamp.',
    { secondsOff: -1200 },
  ],
  [
    'error-401-write-with-read-key',
    'products',
    401,
    'woocommerce_rest_authentication_error',
    'The API key provided does not have write permissions.',
    { method: 'POST', key: 'ck_sandbox_read', secret: 'cs_sandbox_read', body: { name: 'x' } },
  ],
];

const NAMED = REFUSALS.map((one) => [one[0], one] as const);

describe('what a shop refuses', () => {
  it.each(NAMED)('%s', async (_, [, path, status, code, message, options]) => {
    expect(await call(path, options)).toMatchObject({ status, body: { code, message, data: { status } } });
  });

  it('is a nonce that was used, and who does not say who it is', async () => {
    expect((await call('products?per_page=1', { nonce: 'same' })).status).toBe(200);
    expect((await call('products?per_page=1', { nonce: 'same' })).body).toMatchObject({
      message: 'Invalid nonce - nonce has already been used.',
    });
    const basic = { authorization: `Basic ${btoa('ck_sandbox:cs_sandbox')}` };
    for (const headers of [{}, basic]) {
      const answer = await fetch(`${shop.url}/wp-json/wc/v3/products`, { headers });
      expect([answer.status, await answer.json()]).toMatchObject([401, { code: 'woocommerce_rest_cannot_view' }]);
    }
  });
});

describe('writing', () => {
  it('a batch gives each entry its own error, with id 0 where one was to be made', async () => {
    const body = {
      create: [
        { name: 'ok', sku: 'BATCH-1' },
        { name: 'double', sku: 'TEN-001' },
      ],
      update: [{ id: 999999, name: 'no' }],
      delete: [888888],
    };
    const answer = await call('products/batch', { method: 'POST', body });
    const taken = { status: 400, resource_id: 101, unique_sku: 'TEN-001-1' };
    const gone = { code: 'woocommerce_rest_product_invalid_id', message: 'Invalid ID.' };
    expect(answer).toMatchObject({
      status: 200,
      body: {
        create: [
          { name: 'ok', sku: 'BATCH-1' },
          { id: 0, error: { code: 'product_invalid_sku', message: 'Invalid or duplicated SKU.', data: taken } },
        ],
        update: [{ id: 999999, error: { ...gone, data: { status: 400 } } }],
        delete: [{ id: 888888, error: { ...gone, data: { status: 404 } } }],
      },
    });
    await call(`products/${Object(first(Object(answer.body).create)).id}?force=true`, { method: 'DELETE' });
  });

  it('changes values on the way', async () => {
    const { body } = await call('products', {
      method: 'POST',
      body: {
        ...{ name: 'Odd', description: 'a <script>alert(1)</script> b', regular_price: 5, stock_quantity: 9 },
        attributes: [{ name: 'Size, cm', options: ['10', '20 | 30'], variation: true }],
        meta_data: [{ key: 'flag', value: false }],
      },
    });
    expect(body).toMatchObject({
      ...{ description: '<p>a alert(1) b</p>\n', regular_price: '5', price: '5', sku: '' },
      ...{ manage_stock: false, stock_quantity: null },
      attributes: [{ slug: 'Size, cm', options: ['10', '20', '30'] }],
      meta_data: [{ key: 'flag', value: '' }],
    });
    await call(`products/${first(body).id}?force=true`, { method: 'DELETE' });
  });

  it('takes an order of a product it does not know, and leaves the line empty', async () => {
    const { status, body } = await call('orders', { method: 'POST', body: { line_items: [{ product_id: 999999 }] } });
    expect(status).toBe(201);
    expect(body).toMatchObject({ total: '0.00', line_items: [{ product_id: 0, name: '', sku: null, price: 0 }] });
    await call(`orders/${first(body).id}?force=true`, { method: 'DELETE' });
  });

  it('trash answers with what was there, a second time with 410, and still shows what is in it', async () => {
    const { body } = await call('products?sku=TEN-008');
    const { id } = first(body);
    expect(await call(`products/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
      body: { status: 'publish' },
    });
    expect(await call(`products/${id}`)).toMatchObject({ status: 200, body: { status: 'trash' } });
    expect(await call(`products/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 410,
      body: { code: 'woocommerce_rest_already_trashed', message: 'The product has already been deleted.' },
    });
    expect(ids((await call(`products?include=${id}`)).body)).toEqual([]);
    expect(ids((await call('products?status=trash')).body)).toEqual([id]);
    await call(`products/${id}`, { method: 'PUT', body: { status: 'publish' } });
  });

  it('refunds move the order, which shows them with a minus', async () => {
    const { body } = await call('orders?per_page=1&status=completed');
    const { id } = first(body);
    const made = await call(`orders/${id}/refunds`, { method: 'POST', body: { amount: '1.50', reason: 'late' } });
    expect(made.body).toMatchObject({ amount: '1.50', reason: 'late' });
    expect((await call(`orders/${id}`)).body).toMatchObject({
      refunds: [{ total: '-1.50', reason: 'late' }],
      date_modified_gmt: '2026-11-20T09:00:00',
      date_modified: '2026-11-20T04:00:00',
    });
  });
});

it('goes on with everything it held', async () => {
  const again = await openWooCommerce({ world: makeWorld(AT), clock, saved: JSON.parse(JSON.stringify(shop.save())) });
  for (const stream of shop.streams) expect(again.truth(stream)).toEqual(shop.truth(stream));
  await again.close();
});

it('does what people do in a shop', async () => {
  const sku = async (name: string) => first((await call(`products?sku=${name}`)).body);
  const before = await sku('JAC-001-S');
  await shop.act({ kind: 'buy', sku: 'JAC-001-S', quantity: 2 });
  expect((await sku('JAC-001-S')).stock_quantity).toBe(Number(before.stock_quantity) - 2);
  expect(first((await call('orders?per_page=1')).body)).toMatchObject({
    ...{ status: 'processing', created_via: 'checkout' },
    line_items: [{ sku: 'JAC-001-S', quantity: 2 }],
  });
  await shop.act({ kind: 'restock', sku: 'JAC-001-S', quantity: 30 });
  expect((await sku('JAC-001-S')).stock_quantity).toBe(30);
  await shop.act({ kind: 'edit', sku: 'TEN-002' });
  expect((await sku('TEN-002')).date_modified_gmt).toBe('2026-11-20T09:00:00');
  await shop.act({ kind: 'delete', sku: 'TEN-002' });
  expect(await sku('TEN-002')).toEqual({});
  await expect(shop.act({ kind: 'buy', sku: 'NOPE' })).rejects.toThrow(RangeError);
});

// Recordings of a real shop are not part of the project; whoever has some names the folder with woocommerce/ in it.
const RECORDED = join(process.env['VENDOR_DATA'] ?? '', 'woocommerce');
const recorded = (name: string) => JSON.parse(readFileSync(join(RECORDED, `${name}.json`), 'utf8')).response;

describe.runIf(process.env['VENDOR_DATA'] !== undefined && existsSync(RECORDED))(
  'against recordings of a real shop',
  () => {
    const kind = (value: Json | undefined) => (value === null ? 'null' : Array.isArray(value) ? 'list' : typeof value);
    /** Fields whose kind depends on the record. */
    const varies = [
      'manage_stock',
      'stock_quantity',
      'date_modified',
      'date_modified_gmt',
      'image',
      'low_stock_amount',
    ];
    const shape = (record: Record<string, Json>) =>
      Object.fromEntries(
        Object.keys(record)
          .sort()
          .map((name) => [name, varies.includes(name) ? 'varies' : kind(record[name])]),
      );
    const some = async (path: string) => first((await call(path)).body);
    const SAME: readonly (readonly [name: string, path: () => Promise<string>])[] = [
      ['product-simple', async () => 'products?type=simple'],
      ['product-variable', async () => 'products?type=variable'],
      ['all-variations', async () => 'variations'],
      [
        'variation-one',
        async () => `products/${(await some('variations')).parent_id}/variations/${(await some('variations')).id}`,
      ],
      ['variation-as-product', async () => `products/${(await some('variations')).id}`],
      ['order-with-variation-line', async () => 'orders?status=completed'],
      ['customers', async () => 'customers'],
      ['coupons', async () => 'coupons'],
      ['product-categories', async () => 'products/categories'],
      ['refunds-all', async () => 'refunds'],
      ['order-refunds', async () => `orders/${(await some('refunds')).parent_id}/refunds`],
      ['currencies-current', async () => 'data/currencies/current'],
    ];

    it.each(SAME)('%s has the same fields of the same kinds', async (name, path) => {
      const { body } = recorded(name);
      const theirs =
        name === 'coupons'
          ? body.find((one: Record<string, Json>) => one.date_expires !== null && one.usage_limit === null)
          : first(body);
      expect(shape(await some(await path()))).toEqual(shape(theirs));
    });

    it('an order has the same lines', async () => {
      const lines = (order: Record<string, Json>) => first(order.line_items ?? null);
      expect(shape(lines(await some('orders')))).toEqual(shape(lines(recorded('order-with-variation-line').body)));
    });

    it.each(NAMED)('%s is refused in the same words and headers', async (name, [, path, , , , options]) => {
      const theirs = recorded(name);
      const ours = await call(path, options);
      expect({ status: ours.status, body: ours.body }).toEqual({ status: theirs.status, body: theirs.body });
      const told = (names: Iterable<string>) =>
        [...names]
          .filter((one) => !['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'].includes(one))
          .sort();
      expect(told(ours.headers.keys())).toEqual(told(Object.keys(theirs.headers)));
      expect(ours.headers.get('allow')).toBe(theirs.headers.allow ?? null);
    });
  },
);
