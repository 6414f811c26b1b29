/** A store with tenants, products, variants and levels, for tests that read or move stock. */

import { json, type Store, sql } from '../../src/store/store.ts';
import { memoryStore } from '../support/stores.ts';

export type SeedLevel = {
  readonly variant: number;
  readonly location: string;
  readonly quantity: number;
  readonly reserved?: number;
  readonly committed?: number;
};
export type Seed = {
  readonly products?: readonly { readonly id: number; readonly sku?: string; readonly name?: string }[];
  readonly variants?: readonly {
    readonly id: number;
    readonly product?: number;
    readonly sku?: string;
    readonly archived?: boolean;
  }[];
  readonly locations?: readonly { readonly id: number; readonly code: string; readonly name: string }[];
  readonly levels?: readonly SeedLevel[];
};

export const AT = '2026-11-21T08:00:00.000Z';

export async function emptyStore(): Promise<Store> {
  const store = await memoryStore();
  return store;
}

/** Makes the tenant where it is missing, and returns its number. */
export async function tenantId(store: Store, name: string): Promise<number> {
  const [row] = await store.rows<{ id: number }>(
    sql`insert into tenant (name) values (${name}) on conflict (name) do update set name = excluded.name returning id`,
  );
  if (!row) throw new Error('no tenant');
  return row.id;
}

/** Writes rows as the loader would leave them; `stream_id` 1 stands for an authority that is a connection. */
export async function seed(
  store: Store,
  tenant: number,
  { products = [], variants = [], locations = [], levels = [] }: Seed,
): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.rows(sql`insert into product (id, tenant, sku, sku_key, name, created_at, updated_at)
      select id, ${tenant}, sku, lower(sku), coalesce(name, 'Thing'), ${AT}::timestamptz, ${AT}::timestamptz from jsonb_to_recordset(${json(products)}) as r(id bigint, sku text, name text)`);
    await tx.rows(sql`insert into variant (id, tenant, product_id, sku, sku_key, created_at, updated_at, archived_at)
      select id, ${tenant}, product, sku, lower(sku), ${AT}::timestamptz, ${AT}::timestamptz, case when archived then ${AT}::timestamptz end
      from jsonb_to_recordset(${json(variants)}) as r(id bigint, product bigint, sku text, archived boolean)`);
    await tx.rows(sql`insert into location (id, tenant, code, code_key, name, created_at, updated_at)
      select id, ${tenant}, code, code, name, ${AT}::timestamptz, ${AT}::timestamptz from jsonb_to_recordset(${json(locations)}) as r(id bigint, code text, name text)`);
    await tx.rows(sql`insert into stock_level (variant_id, location, tenant, quantity, reserved, committed, as_of, stream_id, no)
      select variant, location, ${tenant}, quantity, coalesce(reserved, 0), coalesce(committed, 0), ${AT}::timestamptz, 1, 1
      from jsonb_to_recordset(${json(levels)}) as r(variant bigint, location text, quantity bigint, reserved bigint, committed bigint)`);
  });
}
