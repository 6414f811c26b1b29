import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { emptyStore, seed, tenantId } from '../inventory/shop.ts';
import { type Asking, apiOn } from './support.ts';

describe('GET /api/v2/inventory', () => {
  let store: Store;
  let api: Asking;

  beforeAll(async () => {
    store = await emptyStore();
    const acme = await tenantId(store, 'acme');
    const other = await tenantId(store, 'other');
    await seed(store, acme, {
      products: [{ id: 1, sku: 'P-1' }],
      variants: [
        { id: 11, product: 1, sku: 'B-2' },
        { id: 12, product: 1, sku: 'A-1' },
        { id: 13, product: 1 },
        { id: 14, product: 1, sku: 'GONE', archived: true },
      ],
      levels: [
        { variant: 11, location: 'berlin', quantity: 5, reserved: 2, committed: 1 },
        { variant: 12, location: 'paris', quantity: 40 },
        { variant: 12, location: 'berlin', quantity: 3, reserved: 5 },
        { variant: 13, location: 'berlin', quantity: 100 },
        { variant: 14, location: 'berlin', quantity: 7 },
      ],
    });
    await seed(store, other, {
      variants: [{ id: 21, sku: 'A-1' }],
      levels: [{ variant: 21, location: 'berlin', quantity: 999 }],
    });
    api = await apiOn(store, 'acme');
  });
  afterAll(async () => {
    await api.app.close();
    await store.close();
  });

  const places = (body: { data: { sku: string; location: string }[] }) =>
    body.data.map((row) => `${row.sku} ${row.location}`);

  it("lists levels of the key's tenant by SKU and location", async () => {
    const answer = await api.ask('/api/v2/inventory');
    expect(answer.statusCode).toBe(200);
    expect(places(answer.json())).toEqual(['A-1 berlin', 'A-1 paris', 'B-2 berlin', 'P-1 berlin']);
    expect(answer.json().pagination).toEqual({
      page: 1,
      limit: 50,
      total_pages: 1,
      total_items: 4,
      has_next: false,
      has_previous: false,
    });
  });

  it('shows nothing below zero available, and the shortfall beside it', async () => {
    const answer = await api.ask('/api/v2/inventory?sku=a-1&location=berlin');
    expect(answer.json().data).toEqual([
      {
        sku: 'A-1',
        quantity: 3,
        location: 'berlin',
        available: 0,
        reserved: 5,
        committed: 0,
        shortfall: 2,
        product_id: 'prod_00000000001',
        variant_id: 'var_0000000000c',
        as_of: '2026-11-21T08:00:00.000Z',
      },
    ]);
  });

  it('filters low stock and turns pages', async () => {
    expect(places((await api.ask('/v2/inventory?low_stock=true')).json())).toEqual(['A-1 berlin', 'B-2 berlin']);
    const second = (await api.ask('/api/v2/inventory?limit=3&page=2')).json();
    expect(places(second)).toEqual(['P-1 berlin']);
    expect(second.pagination).toEqual({
      page: 2,
      limit: 3,
      total_pages: 2,
      total_items: 4,
      has_next: false,
      has_previous: true,
    });
    const beyond = (await api.ask('/api/v2/inventory?page=9')).json();
    expect(beyond).toEqual({
      data: [],
      pagination: { page: 9, limit: 50, total_pages: 1, total_items: 4, has_next: false, has_previous: true },
    });
  });

  it('names every parameter that is wrong at once', async () => {
    const answer = await api.ask('/api/v2/inventory?limit=201&page=0&low_stock=maybe&colour=red', {
      'x-request-id': 'r-1',
    });
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toEqual({
      error: {
        code: 'validation_error',
        message: 'The request has parameters that are not valid.',
        details: [
          { field: 'low_stock', message: 'must be true or false' },
          { field: 'page', message: 'must be at least 1' },
          { field: 'limit', message: 'must be at most 200' },
          { field: 'colour', message: 'is not known here' },
        ],
        request_id: 'r-1',
      },
    });
  });

  it('answers nobody without a key', async () => {
    const answer = await api.app.inject({ url: '/api/v2/inventory' });
    expect(answer.statusCode).toBe(401);
    expect(answer.json().error.code).toBe('authentication_error');
    expect((await api.ask('/api/v2/inventory', { 'x-api-key': 'mk_live_000000000000000000000000' })).statusCode).toBe(
      401,
    );
  });
});
