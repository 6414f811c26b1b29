import { parseId } from '../canonical/ids.ts';
import { normaliseSku } from '../canonical/normalise.ts';
import { numbers, type SQL, sql, type Tx } from '../store/store.ts';
import { LEVEL_COLUMNS, type Level } from './list.ts';

/** A reservation that still holds or has sold stock. */
export type OpenReservation = {
  readonly id: number;
  readonly variant_id: number;
  readonly sku: string | null;
  readonly location: string;
  readonly quantity: number;
  readonly order_ref: string;
  /** `open` holds stock, `committed` is sold and not yet counted in by the source. */
  readonly state: 'open' | 'committed';
  readonly expires_at: string;
};

/** What another source reports that does not speak for this stock. */
export type Drift = {
  readonly variant_id: number;
  readonly location: string;
  readonly connection: string;
  readonly quantity: number;
  readonly as_of: string;
};

export type StockedVariant = {
  readonly variant_id: number;
  readonly product_id: number | null;
  readonly sku: string | null;
  readonly title: string | null;
};

/** Everything about the stock of one product, variant or SKU, of one moment. */
export type Stock = {
  readonly variants: readonly StockedVariant[];
  readonly levels: readonly (Level & { readonly location_name: string | null })[];
  readonly reservations: readonly OpenReservation[];
  readonly drift: readonly Drift[];
};

/** What a name in an address stands for. */
export type Named = { readonly productId: number | null; readonly variantIds: readonly number[] };

/** Open reservations shown at most. */
const RESERVATIONS_SHOWN = 200;

/**
 * Finds variants by product id, then variant id, then SKU (a variant's own, or its product's). A merged product or
 * variant answers under its old id too. `null`: there is no such thing.
 */
export async function findVariants(tx: Tx, tenant: number, name: string): Promise<Named | null> {
  const productId = parseId('product', name);
  if (productId !== null) {
    const [product] = await tx.rows<{ id: number }>(sql`
      select coalesce(merged_into, id) as id from product where tenant = ${tenant} and id = ${productId} and (archived_at is null or merged_into is not null)`);
    if (product)
      return { productId: product.id, variantIds: await variantIds(tx, tenant, sql`v.product_id = ${product.id}`) };
  }
  const variantId = parseId('variant', name);
  const ids =
    variantId === null
      ? []
      : await variantIds(
          tx,
          tenant,
          sql`v.id in (select coalesce(merged_into, id) from variant where tenant = ${tenant} and id = ${variantId})`,
        );
  if (ids.length > 0) return { productId: null, variantIds: ids };
  const key = normaliseSku(name);
  if (key === '') return null;
  const bySku = await variantIds(
    tx,
    tenant,
    sql`(v.sku_key = ${key} or v.product_id in (
    select id from product where tenant = ${tenant} and sku_key = ${key} and archived_at is null))`,
  );
  return bySku.length === 0 ? null : { productId: null, variantIds: bySku };
}

async function variantIds(tx: Tx, tenant: number, where: SQL): Promise<number[]> {
  const rows = await tx.rows<{ id: number }>(
    sql`select v.id from variant v where v.tenant = ${tenant} and v.archived_at is null and ${where} order by v.id`,
  );
  return rows.map((row) => row.id);
}

/** Levels, open reservations and other sources' figures of variants, in one statement and so of one moment. */
export async function stockOf(tx: Tx, tenant: number, variants: readonly number[]): Promise<Stock> {
  const ids = numbers(variants);
  const asOf = (column: SQL): SQL => sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  const [stock] = await tx.rows<Stock>(sql`
    with chosen as (
      select v.id, v.product_id, coalesce(v.sku, p.sku) as sku, v.title from variant v
      left join product p on p.id = v.product_id and p.tenant = v.tenant
      where v.tenant = ${tenant} and v.id = any(${ids}))
    select
      coalesce((select json_agg(json_build_object('variant_id', c.id, 'product_id', c.product_id, 'sku', c.sku, 'title', c.title)
        order by c.sku collate "C", c.id) from chosen c), '[]'::json) as variants,
      coalesce((select json_agg(row) from (
        select ${LEVEL_COLUMNS}, (select l.name from location l where l.tenant = s.tenant and l.code = s.location and l.archived_at is null order by l.id limit 1) as location_name
        from stock_level s join variant v on v.id = s.variant_id left join product p on p.id = v.product_id and p.tenant = s.tenant
        where s.tenant = ${tenant} and s.variant_id = any(${ids})
        order by s.location collate "C", s.variant_id) row), '[]'::json) as levels,
      coalesce((select json_agg(row) from (
        select r.id, r.variant_id, c.sku, r.location, r.quantity, r.order_ref, r.state, ${asOf(sql`r.expires_at`)} as expires_at
        from reservation r join chosen c on c.id = r.variant_id
        where r.tenant = ${tenant} and r.state in ('open', 'committed') order by r.id limit ${RESERVATIONS_SHOWN}) row), '[]'::json) as reservations,
      coalesce((select json_agg(row) from (
        select o.variant_id, o.location, n.name as connection, o.quantity, ${asOf(sql`o.as_of`)} as as_of
        from stock_observation o join chosen c on c.id = o.variant_id
        join stream t on t.id = o.stream_id join connection n on n.id = t.connection_id
        where o.tenant = ${tenant} order by o.location collate "C", o.variant_id, n.name) row), '[]'::json) as drift`);
  return stock ?? { variants: [], levels: [], reservations: [], drift: [] };
}
