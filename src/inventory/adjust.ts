import { stockChanged } from '../store/stock-outbox.ts';
import { type Store, sql } from '../store/store.ts';

export type Adjusting = {
  readonly tenant: number;
  readonly variantId: number;
  readonly location: string;
  /** Units more (or less, below zero). */
  readonly delta: number;
  /** Kept with the movement, for people. */
  readonly note: string;
  readonly now: Date;
};

/** The level after it, or `null`: the quantity would have gone below zero (or there is nothing to take from). */
export type Adjusted = { readonly quantity: number; readonly available: number; readonly shortfall: number } | null;

/**
 * Adds to or takes from a level, as a movement in the ledger. Where a connection speaks for the stock, its next figure
 * sets the level again. Reservations are not touched: the answer shows a shortfall where they no longer fit.
 */
export async function adjust(
  store: Store,
  { tenant, variantId, location, delta, note, now }: Adjusting,
): Promise<Adjusted> {
  if (!Number.isSafeInteger(delta)) throw new RangeError('an adjustment is a whole number of units');
  const at = sql`${now.toISOString()}::timestamptz`;
  const [row] = await store.rows<{ quantity: number; free: number }>(sql`
    with moved as (
      insert into stock_level as s (variant_id, location, tenant, quantity, as_of)
      select ${variantId}::bigint, ${location}, ${tenant}::integer, ${delta}::bigint, ${at}
      where exists (select 1 from variant v where v.tenant = ${tenant} and v.id = ${variantId}::bigint)
        and (${delta}::bigint >= 0 or exists (select 1 from stock_level l where l.variant_id = ${variantId}::bigint and l.location = ${location}))
      on conflict (variant_id, location) do update set quantity = s.quantity + excluded.quantity,
          as_of = case when s.stream_id is null then greatest(s.as_of, excluded.as_of) else s.as_of end
        where s.tenant = excluded.tenant and s.quantity + excluded.quantity >= 0
      returning s.variant_id, s.location, s.quantity, s.quantity - s.reserved - s.committed as free),
    ledger as (
      insert into stock_movement (id, tenant, variant_id, location, delta, reason, note, as_of)
      select nextval('id_block'), ${tenant}::integer, variant_id, location, ${delta}::bigint, 'adjust', ${note}, ${at} from moved),
    told as (${stockChanged(sql`${tenant}::integer`, sql`moved`, at)})
    select quantity, free from moved`);
  return row === undefined
    ? null
    : { quantity: row.quantity, available: Math.max(0, row.free), shortfall: Math.max(0, -row.free) };
}
