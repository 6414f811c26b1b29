import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { reserve } from '../../src/inventory/reserve.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { AT, emptyStore, seed, tenantId } from '../inventory/shop.ts';
import { type Asking, apiOn } from './support.ts';

describe('GET /api/v2/inventory/{id}', () => {
  let store: Store;
  let api: Asking;

  beforeAll(async () => {
    store = await emptyStore();
    const acme = await tenantId(store, 'acme');
    const other = await tenantId(store, 'other');
    await seed(store, acme, {
      products: [{ id: 1, sku: 'SHIRT' }, { id: 2 }, { id: 3 }, { id: 4, sku: 'EMPTY' }],
      variants: [
        { id: 11, product: 1, sku: 'SHIRT-S' },
        { id: 12, product: 1, sku: 'SHIRT/M' },
        { id: 21, product: 2, sku: 'Twice' },
        { id: 31, product: 3, sku: 'TWICE' },
      ],
      locations: [{ id: 41, code: 'berlin', name: 'Berlin Mitte' }],
      levels: [
        { variant: 11, location: 'berlin', quantity: 5, committed: 1 },
        { variant: 12, location: 'berlin', quantity: 2, reserved: 3 },
        { variant: 12, location: 'paris', quantity: 9 },
        { variant: 21, location: 'berlin', quantity: 1 },
        { variant: 31, location: 'berlin', quantity: 4 },
      ],
    });
    await seed(store, other, {
      products: [{ id: 5, sku: 'ALIEN' }],
      variants: [{ id: 51, product: 5, sku: 'ALIEN' }],
      levels: [{ variant: 51, location: 'berlin', quantity: 1 }],
    });
    await store.rows(
      sql`insert into product (id, tenant, name, created_at, updated_at, archived_at, merged_into) values (9, ${acme}, 'Old', ${AT}::timestamptz, ${AT}::timestamptz, ${AT}::timestamptz, 1)`,
    );
    await store.rows(
      sql`insert into connection (id, tenant, name, connector, settings) values (1, ${acme}, 'erp', 'feed', '{}')`,
    );
    await store.rows(
      sql`insert into stream (id, tenant, connection_id, name, every) values (1, ${acme}, 1, 'stock', 'manual')`,
    );
    await store.rows(
      sql`insert into stock_observation (variant_id, location, stream_id, tenant, quantity, as_of, no) values (11, 'berlin', 1, ${acme}, 7, ${AT}::timestamptz, 1)`,
    );
    await reserve(store, {
      tenant: acme,
      orderRef: 'order-7',
      now: new Date(AT),
      lines: [{ variantId: 11, location: 'berlin', quantity: 2 }],
    });
    api = await apiOn(store, 'acme');
  });
  afterAll(async () => {
    await api.app.close();
    await store.close();
  });

  it('answers a product id with sums and every variant', async () => {
    const answer = await api.ask(`/v2/inventory/${publicId('product', 1)}`);
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toEqual({
      sku: null,
      product_id: 'prod_00000000001',
      quantity: 16,
      total_available: 11,
      total_reserved: 5,
      total_committed: 1,
      total_shortfall: 1,
      locations: [
        {
          warehouse_id: 'berlin',
          location: 'berlin',
          name: 'Berlin Mitte',
          quantity: 7,
          available: 2,
          reserved: 5,
          committed: 1,
          shortfall: 1,
          as_of: AT,
        },
        {
          warehouse_id: 'paris',
          location: 'paris',
          name: null,
          quantity: 9,
          available: 9,
          reserved: 0,
          committed: 0,
          shortfall: 0,
          as_of: AT,
        },
      ],
      variants: [
        {
          variant_id: 'var_0000000000b',
          product_id: 'prod_00000000001',
          sku: 'SHIRT-S',
          title: null,
          locations: [
            { location: 'berlin', quantity: 5, available: 2, reserved: 2, committed: 1, shortfall: 0, as_of: AT },
          ],
        },
        {
          variant_id: 'var_0000000000c',
          product_id: 'prod_00000000001',
          sku: 'SHIRT/M',
          title: null,
          locations: [
            { location: 'berlin', quantity: 2, available: 0, reserved: 3, committed: 0, shortfall: 1, as_of: AT },
            { location: 'paris', quantity: 9, available: 9, reserved: 0, committed: 0, shortfall: 0, as_of: AT },
          ],
        },
      ],
      reservations: [
        {
          id: expect.stringMatching(/^res_/),
          variant_id: 'var_0000000000b',
          sku: 'SHIRT-S',
          location: 'berlin',
          quantity: 2,
          order_id: 'order-7',
          expires_at: '2026-11-21T08:15:00.000Z',
          status: 'open',
        },
      ],
      drift: [{ variant_id: 'var_0000000000b', location: 'berlin', connection: 'erp', quantity: 7, as_of: AT }],
    });
  });

  it('answers a SKU, whatever its case, and with a slash in it', async () => {
    expect((await api.ask('/api/v2/inventory/shirt%2Fm')).json()).toMatchObject({
      sku: 'SHIRT/M',
      product_id: 'prod_00000000001',
      quantity: 11,
      total_available: 9,
      total_reserved: 3,
    });
    expect((await api.ask(`/api/v2/inventory/${publicId('variant', 11)}`)).json()).toMatchObject({
      sku: 'SHIRT-S',
      quantity: 5,
    });
  });

  it("answers a product's SKU with all its variants, and a merged product under its old id", async () => {
    expect((await api.ask('/api/v2/inventory/SHIRT')).json()).toMatchObject({
      quantity: 16,
      product_id: 'prod_00000000001',
    });
    expect((await api.ask(`/api/v2/inventory/${publicId('product', 9)}`)).json()).toMatchObject({
      quantity: 16,
      product_id: 'prod_00000000001',
    });
  });

  it('lists each variant where a SKU is not unique', async () => {
    const answer = (await api.ask('/api/v2/inventory/twice')).json();
    expect(answer).toMatchObject({ sku: null, product_id: null, quantity: 5 });
    expect(answer.variants.map((one: { sku: string }) => one.sku)).toEqual(['TWICE', 'Twice']);
  });

  it('answers a product without stock with zeros', async () => {
    expect((await api.ask(`/api/v2/inventory/${publicId('product', 4)}`)).json()).toMatchObject({
      product_id: 'prod_00000000004',
      quantity: 0,
      locations: [],
      variants: [],
    });
  });

  it('knows nothing of other tenants, nor of what is not there', async () => {
    for (const id of [
      'ALIEN',
      publicId('product', 5),
      publicId('variant', 51),
      publicId('product', 777),
      '%20',
      'prod_zzz',
      "x'; drop table stock_level; --",
      '%F0%9F%A6%8A',
    ]) {
      const answer = await api.ask(`/api/v2/inventory/${id}`);
      expect([id, answer.statusCode]).toEqual([id, 404]);
      expect(answer.json().error.code).toBe('not_found');
    }
  });

  it.each([
    ['a NUL', '%00'],
    ['half a surrogate', '%ED%A0%80'],
    ['a lone percent sign', '%'],
    ['a long name', 'x'.repeat(256)],
    ['a very long name', 'x'.repeat(5000)],
  ])('refuses %s without a defect', async (_what, id) => {
    const answer = await api.ask(`/api/v2/inventory/${id}`);
    expect([400, 404, 414]).toContain(answer.statusCode);
    expect(answer.json().error.request_id).toBe(answer.headers['x-request-id']);
  });
});
