/** Changes of stock levels on their way out. Only where something is written to a vendor: levels move often. */
import { numbers, type SQL, sql, type Tx } from './store.ts';

/** An insert into the outbox for the variants that `moved` lists as `variant_id`. */
export const stockChanged = (tenant: SQL, moved: SQL, at: SQL): SQL => sql`
  insert into outbox (id, tenant, entity, change, ids, at)
  select nextval('id_block'), m.tenant, 'stock', 'updated', array_agg(distinct m.variant_id), ${at}
  from (select ${tenant} as tenant, variant_id from ${moved}) m
  where exists (select 1 from stream s where s.tenant = m.tenant and s.direction = 'out' and s.removed_at is null) group by m.tenant`;

/** The same for variants by id. */
export function tellStock(tx: Tx, tenant: number, variants: readonly number[], at: Date): void {
  if (variants.length === 0) return;
  const moved = sql`unnest(${numbers(variants)}) as v(variant_id)`;
  tx.send(stockChanged(sql`${tenant}::integer`, moved, sql`${at.toISOString()}::timestamptz`));
}
