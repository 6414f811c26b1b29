import { normaliseSku } from '../canonical/normalise.ts';
import { type SQL, sql, type Tx } from '../store/store.ts';

/** Which levels to list. */
export type ListFilter = {
  /** Compared as SKUs are everywhere: without case and surrounding space. */
  readonly sku?: string;
  /** A location's code. */
  readonly location?: string;
  /** Only levels with at most this many available units. */
  readonly availableAtMost?: number;
  /** From 1. */
  readonly page: number;
  readonly limit: number;
};

/** Stock of one variant at one location. */
export type Level = {
  readonly sku: string | null;
  readonly product_id: number | null;
  readonly variant_id: number;
  readonly location: string;
  /** What the authority says, or the sum of movements. */
  readonly quantity: number;
  /** Never below zero; what is missing is `shortfall`. */
  readonly available: number;
  readonly reserved: number;
  readonly committed: number;
  readonly shortfall: number;
  /** ISO 8601, when the quantity was true. */
  readonly as_of: string;
};

export type LevelPage = { readonly rows: readonly Level[]; readonly total: number };

/** Columns of a {@link Level} from `stock_level s`, `variant v`, `product p`. */
export const LEVEL_COLUMNS = sql`coalesce(v.sku, p.sku) as sku, v.product_id, s.variant_id, s.location, s.quantity,
  greatest(0, s.quantity - s.reserved - s.committed) as available, s.reserved, s.committed,
  greatest(0, s.reserved + s.committed - s.quantity) as shortfall,
  to_char(s.as_of at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as as_of`;

/** Levels of variants that are not archived, ordered by the variants' SKU (without one: last), location and ids, so that pages stay where they are. */
export async function listLevels(tx: Tx, tenant: number, filter: ListFilter): Promise<LevelPage> {
  const hits = sql`from stock_level s
    join variant v on v.id = s.variant_id and v.tenant = s.tenant and v.archived_at is null
    left join product p on p.id = v.product_id and p.tenant = s.tenant
    where ${conditions(tenant, filter)}`;
  // One statement: total and page are of the same moment.
  const [answer] = await tx.rows<{ total: number; rows: Level[] }>(sql`
    select (select count(*)::bigint ${hits}) as total,
      coalesce((select json_agg(row) from (
        select ${LEVEL_COLUMNS} ${hits}
        order by v.sku collate "C" nulls last, s.location collate "C", s.variant_id
        limit ${filter.limit}::bigint offset ${(filter.page - 1) * filter.limit}::bigint) row), '[]'::json) as rows`);
  return { rows: answer?.rows ?? [], total: answer?.total ?? 0 };
}

function conditions(tenant: number, { sku, location, availableAtMost }: ListFilter): SQL {
  const parts = [sql`s.tenant = ${tenant}::integer`];
  if (sku !== undefined) {
    const key = normaliseSku(sku);
    // Two index look-ups; written as OR they would be a walk through everything.
    parts.push(sql`s.variant_id in (
      select id from variant where tenant = ${tenant} and sku_key = ${key}
      union all select w.id from product q join variant w on w.product_id = q.id and w.sku_key is null
        where q.tenant = ${tenant} and q.sku_key = ${key})`);
  }
  if (location !== undefined) parts.push(sql`s.location = ${location}`);
  if (availableAtMost !== undefined)
    parts.push(sql`greatest(0, s.quantity - s.reserved - s.committed) <= ${availableAtMost}::bigint`);
  return sql.join(parts, sql` and `);
}
