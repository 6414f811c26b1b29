import { type Store, sql } from '../../src/store/store.ts';

export type Balance = {
  readonly variant: number;
  readonly location: string;
  readonly quantity: number;
  readonly moved: number;
  readonly reserved: number;
  readonly open: number;
  readonly committed: number;
  readonly unconfirmed: number;
};

/** Each level beside the sums it must equal. */
export function balances(store: Store, tenant: number): Promise<Balance[]> {
  return store.rows<Balance>(sql`
    select s.variant_id as variant, s.location, s.quantity, s.reserved, s.committed,
      coalesce((select sum(m.delta) from stock_movement m where m.variant_id = s.variant_id and m.location = s.location), 0)::bigint as moved,
      coalesce((select sum(r.quantity) from reservation r where r.variant_id = s.variant_id and r.location = s.location and r.state = 'open'), 0)::bigint as open,
      coalesce((select sum(r.quantity) from reservation r where r.variant_id = s.variant_id and r.location = s.location and r.state = 'committed'), 0)::bigint as unconfirmed
    from stock_level s where s.tenant = ${tenant} order by 1, 2`);
}

/** Levels that are not the sum of their ledger. `opening` stands for the movements that seeded levels lack. */
export const unbalanced = (rows: readonly Balance[], opening: (row: Balance) => number): Balance[] =>
  rows.filter(
    (row) =>
      row.quantity !== opening(row) + row.moved || row.reserved !== row.open || row.committed !== row.unconfirmed,
  );
