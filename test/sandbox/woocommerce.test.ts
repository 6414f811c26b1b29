import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/connector/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { openWooCommerce } from '../../src/sandbox/woocommerce/index.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { caller } from './woocommerce-caller.ts';

const AT = new Date('2026-11-20T08:00:00Z');
const clock: Clock = { now: () => new Date(AT.getTime() + 3_600_000), sleep: () => Promise.resolve() };

let shop: VendorSystem;
let call: ReturnType<typeof caller>;

beforeAll(async () => {
  shop = await openWooCommerce({ world: makeWorld(AT), clock });
  call = caller(shop, clock);
});
afterAll(() => shop.close());

describe('a shop lists its records', () => {
  test('with totals, and the next page in a link', async () => {
    const page = await call('products?per_page=10&page=2');
    expect(page.status).toBe(200);
    expect(page.body).toHaveLength(10);
    expect(page.headers.get('x-wp-total')).toBe('44');
    expect(page.headers.get('x-wp-totalpages')).toBe('5');
    expect(page.headers.get('link')).toContain('rel="prev"');
  });

  test.each(['products', 'variations', 'orders', 'refunds', 'customers', 'coupons', 'products/categories'])(
    '%s',
    async (list) => {
      const { status, body } = await call(`${list}?per_page=5&orderby=id&order=asc`);
      expect(status).toBe(200);
      expect(body).toBeInstanceOf(Array);
    },
  );
});
