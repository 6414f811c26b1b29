/** How reservations end: released, expired, or sold. Each change is one statement and happens once. */
import { stockChanged } from '../store/stock-outbox.ts';
import { numbers, type SQL, type Store, sql } from '../store/store.ts';

/** A reservation that a call ended. */
export type Settled = {
  readonly id: number;
  readonly variantId: number;
  readonly location: string;
  readonly quantity: number;
  readonly state: 'released' | 'expired' | 'committed' | 'confirmed';
};

type Row = { id: number; variant_id: number; location: string; quantity: number; state: Settled['state'] };
type Naming = { readonly tenant: number; readonly ids: readonly number[] };

const settled = (rows: readonly Row[]): Settled[] =>
  rows.map((row) => ({
    id: row.id,
    variantId: row.variant_id,
    location: row.location,
    quantity: row.quantity,
    state: row.state,
  }));

/**
 * Gives the stock of open reservations back.
 * @returns those that this call ended; others were ended before, or do not exist
 */
export async function release(store: Store, { tenant, ids }: Naming): Promise<readonly Settled[]> {
  return settled(await store.rows<Row>(givingBack(sql`tenant = ${tenant} and id = any(${numbers(ids)})`, 'released')));
}

/** Ends open reservations whose time is over, in portions, the oldest first. Any number of processes may do it at once. */
export async function expireDue(
  store: Store,
  options: {
    readonly now: Date;
    readonly tenant?: number;
    readonly variantIds?: readonly number[];
    readonly portion?: number;
  },
): Promise<number> {
  const { now, tenant, variantIds, portion = 1000 } = options;
  const some = sql`expires_at <= ${now.toISOString()}::timestamptz
    ${tenant === undefined ? sql`` : sql`and tenant = ${tenant}`} ${variantIds === undefined ? sql`` : sql`and variant_id = any(${numbers(variantIds)})`}`;
  let ended = 0;
  for (;;) {
    const rows = await store.rows<Row>(givingBack(some, 'expired', portion));
    ended += rows.length;
    if (rows.length < portion) return ended;
  }
}

/**
 * Turns open reservations that have not expired into sales. Where a connection speaks for the stock, the units stay
 * taken off until its figure counts them in; where this program does, they leave the quantity now.
 * @returns those that this call sold
 */
export async function commit(
  store: Store,
  { tenant, ids, now }: Naming & { readonly now: Date },
): Promise<readonly Settled[]> {
  const at = sql`${now.toISOString()}::timestamptz`;
  return settled(
    await store.rows<Row>(sql`
      ${lockedFirst(sql`tenant = ${tenant} and id = any(${numbers(ids)}) and expires_at > ${at}`, null)},
      ended as (
        update reservation r set committed_at = ${at}, state = case when l.stream_id is null then 'confirmed' else 'committed' end
        from picked p join levels l on l.variant_id = p.variant_id and l.location = p.location
        where r.id = p.id and r.state = 'open' returning r.id, r.tenant, r.variant_id, r.location, r.quantity, r.state),
      sales as (
        insert into stock_movement (id, tenant, variant_id, location, delta, reason, as_of)
        select nextval('id_block'), tenant, variant_id, location, -quantity, 'sale', ${at} from ended where state = 'confirmed'),
      moved as (
        update stock_level s set reserved = s.reserved - n.units, quantity = s.quantity - n.sold, committed = s.committed + n.units - n.sold
        from (select variant_id, location, sum(quantity) as units, coalesce(sum(quantity) filter (where state = 'confirmed'), 0) as sold
          from ended group by variant_id, location) n
        where s.variant_id = n.variant_id and s.location = n.location),
      told as (${stockChanged(sql`ended.tenant`, sql`ended`, at)})
      select id, variant_id, location, quantity, state from ended order by id`),
  );
}

/** Chooses open reservations and locks their levels, in order, before anything else is locked. */
function lockedFirst(which: SQL, portion: number | null): SQL {
  return sql`with picked as materialized (
      select id, variant_id, location from reservation where state = 'open' and ${which}
      order by expires_at, id ${portion === null ? sql`` : sql`limit ${portion}`}),
    levels as materialized (
      select s.variant_id, s.location, s.stream_id from stock_level s
      where (s.variant_id, s.location) in (select variant_id, location from picked)
      order by s.variant_id, s.location for update)`;
}

function givingBack(which: SQL, state: 'released' | 'expired', portion: number | null = null): SQL {
  return sql`${lockedFirst(which, portion)},
    ended as (
      update reservation r set state = ${state}
      where r.id in (select p.id from picked p join levels l on l.variant_id = p.variant_id and l.location = p.location) and r.state = 'open'
      returning r.id, r.tenant, r.variant_id, r.location, r.quantity, r.state),
    told as (${stockChanged(sql`ended.tenant`, sql`ended`, sql`now()`)}),
    moved as (
      update stock_level s set reserved = s.reserved - n.units
      from (select variant_id, location, sum(quantity) as units from ended group by variant_id, location) n
      where s.variant_id = n.variant_id and s.location = n.location)
    select id, variant_id, location, quantity, state from ended order by id`;
}
