/** Routes of the stock: MPL-INV-01, MPL-INV-02 and ECP-INV-01. */
import { z } from 'zod';
import { publicId } from '../canonical/ids.ts';
import { listLevels } from '../inventory/list.ts';
import { inventoryOne } from './inventory-one.ts';
import { defineRoute, type Route, text, trueOrFalse, wholeNumber } from './route.ts';

export const LIMIT_MAX = 200;
export const LIMIT_DEFAULT = 50;

export const pagination = z.object({
  page: z.int(),
  limit: z.int(),
  total_pages: z.int(),
  total_items: z.int(),
  has_next: z.boolean(),
  has_previous: z.boolean(),
});

/** The answer's account of where its page stands. */
export function paginate(page: number, limit: number, total: number): z.infer<typeof pagination> {
  const pages = Math.ceil(total / limit);
  return {
    page,
    limit,
    total_pages: pages,
    total_items: total,
    has_next: page < pages,
    has_previous: page > 1 && total > 0,
  };
}

const level = z.object({
  sku: z.string().nullable(),
  quantity: z.int().describe('what the source that speaks for this stock says'),
  location: z.string().describe('code of the location'),
  available: z.int().describe('quantity less open reservations and unconfirmed sales, never below zero'),
  reserved: z.int(),
  committed: z.int().describe('sold, not yet counted in by the source'),
  shortfall: z.int().describe('units promised beyond the quantity'),
  product_id: z.string().nullable(),
  variant_id: z.string(),
  as_of: z.string().describe('ISO 8601, when the quantity was true'),
});

/** The routes, for a limit of what counts as low stock. */
export function inventoryRoutes({ lowStock }: { readonly lowStock: number }): readonly Route[] {
  const list = defineRoute({
    method: 'GET',
    path: '/api/v2/inventory',
    name: 'listInventory',
    summary: 'List stock levels',
    about: 'One row per variant and location, ordered by SKU, location and variant.',
    scope: 'read:inventory',
    params: z.object({}),
    query: z.strictObject({
      sku: text(255).optional().describe('only this SKU; case does not matter'),
      location: text(255).optional().describe('only this location'),
      low_stock: trueOrFalse.optional().describe(`true: only levels with at most ${lowStock} available`),
      page: wholeNumber(1, 1_000_000).default(1),
      limit: wholeNumber(1, LIMIT_MAX).default(LIMIT_DEFAULT),
    }),
    answer: z.object({ data: z.array(level), pagination }),
    async handle({ query: { low_stock, sku, location, page, limit }, tenant, tx }) {
      const filter = {
        page,
        limit,
        ...(sku === undefined ? {} : { sku }),
        ...(location === undefined ? {} : { location }),
        ...(low_stock === true ? { availableAtMost: lowStock } : {}),
      };
      const { rows, total } = await listLevels(tx, tenant, filter);
      const data = rows.map((row) => ({
        ...row,
        product_id: row.product_id === null ? null : publicId('product', row.product_id),
        variant_id: publicId('variant', row.variant_id),
      }));
      return { data, pagination: paginate(page, limit, total) };
    },
  });
  return [list, inventoryOne];
}
