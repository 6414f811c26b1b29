/**
 * Taking stock. A reservation is one conditional statement: the level's row gives its units or refuses, whoever else
 * asks at the same moment and from whatever process. Levels are always locked before reservations, and in order.
 */

import { stockChanged } from '../store/stock-outbox.ts';
import { json, numbers, type Store, sql, type Tx } from '../store/store.ts';
import { expireDue } from './settle.ts';

/** Reservations hold stock this long unless said otherwise: 15 minutes. */
export const RESERVATION_MS = 900_000;

export type Line = {
  readonly variantId: number;
  /** A location's code; `null`: the one with most available. */
  readonly location: string | null;
  /** Whole units, above zero. */
  readonly quantity: number;
};

export type Reserving = {
  readonly tenant: number;
  /** The buyer's order, as the caller names it. */
  readonly orderRef: string;
  /** All of them or none. */
  readonly lines: readonly Line[];
  readonly now: Date;
  /** @defaultValue 15 minutes */
  readonly lifetimeMs?: number;
};

export type Reservation = {
  readonly id: number;
  readonly variantId: number;
  readonly location: string;
  readonly quantity: number;
  readonly expiresAt: Date;
};

/** What a line lacks. `available` is what was there at that moment. */
export type Shortage = Line & { readonly available: number };

export type ReserveOutcome =
  | { readonly ok: true; readonly reservations: readonly Reservation[] }
  | { readonly ok: false; readonly short: readonly Shortage[] };

type Row = { id: number; variant_id: number; location: string; quantity: number };

/** Takes stock for all lines, or for none. Never more than is available. */
export async function reserve(store: Store, asked: Reserving): Promise<ReserveOutcome> {
  if (asked.lines.length === 0) throw new RangeError('a reservation needs a line');
  for (const { quantity } of asked.lines)
    if (!Number.isSafeInteger(quantity) || quantity <= 0)
      throw new RangeError('a reservation takes whole units above zero');
  const first = await tryReserve(store, asked);
  if (first.ok) return first;
  // What has expired may not have been swept yet.
  const freed = await expireDue(store, {
    now: asked.now,
    variantIds: asked.lines.map((line) => line.variantId),
    tenant: asked.tenant,
  });
  return freed > 0 ? tryReserve(store, asked) : first;
}

async function tryReserve(store: Store, asked: Reserving): Promise<ReserveOutcome> {
  const [line, ...others] = asked.lines;
  if (line && others.length === 0 && line.location !== null) {
    const rows = await reserveOne(store, asked, line, line.location);
    if (rows.length > 0) return { ok: true, reservations: rows.map((row) => made(row, asked)) };
  }
  return store.transaction((tx) => reserveLocked(tx, asked));
}

const expiry = ({ now, lifetimeMs = RESERVATION_MS }: Reserving): Date => new Date(now.getTime() + lifetimeMs);

const made = (row: Row, asked: Reserving): Reservation => ({
  id: row.id,
  variantId: row.variant_id,
  location: row.location,
  quantity: row.quantity,
  expiresAt: expiry(asked),
});

/** The usual case, and the fast one: one line, one statement. */
function reserveOne(store: Store, asked: Reserving, line: Line, location: string): Promise<Row[]> {
  return store.rows<Row>(sql`
    with taken as (
      update stock_level set reserved = reserved + ${line.quantity}::bigint
      where tenant = ${asked.tenant} and variant_id = ${line.variantId} and location = ${location}
        and quantity - reserved - committed >= ${line.quantity}::bigint
      returning variant_id, location),
    told as (${stockChanged(sql`${asked.tenant}::integer`, sql`taken`, sql`${asked.now.toISOString()}::timestamptz`)})
    insert into reservation (id, tenant, variant_id, location, quantity, order_ref, state, created_at, expires_at)
    select nextval('id_block'), ${asked.tenant}, variant_id, location, ${line.quantity}::bigint, ${asked.orderRef}, 'open',
      ${asked.now.toISOString()}::timestamptz, ${expiry(asked).toISOString()}::timestamptz
    from taken returning id, variant_id, location, quantity`);
}

type LockedLevel = { variant_id: number; location: string; available: number };

/** Several lines, or a location to be chosen: the levels stand still while it is decided. */
async function reserveLocked(tx: Tx, asked: Reserving): Promise<ReserveOutcome> {
  const levels = await tx.rows<LockedLevel>(sql`
    select variant_id, location, quantity - reserved - committed as available from stock_level
    where tenant = ${asked.tenant} and variant_id = any(${numbers([...new Set(asked.lines.map((line) => line.variantId))])})
    order by variant_id, location for update`);
  const left = levels.map((level) => ({ ...level }));
  const short: Shortage[] = [];
  const chosen: { variant_id: number; location: string; quantity: number }[] = [];
  for (const line of asked.lines) {
    const level = fullest(
      left.filter(
        (one) => one.variant_id === line.variantId && (line.location === null || one.location === line.location),
      ),
    );
    if (level === null || level.available < line.quantity) {
      short.push({ ...line, available: Math.max(0, level?.available ?? 0) });
    } else {
      level.available -= line.quantity;
      chosen.push({ variant_id: line.variantId, location: level.location, quantity: line.quantity });
    }
  }
  if (short.length > 0) return { ok: false, short };
  const rows = await tx.rows<Row>(sql`
    with asked as (select * from jsonb_to_recordset(${json(chosen)}) as a(variant_id bigint, location text, quantity bigint)),
    taken as (
      update stock_level s set reserved = s.reserved + a.quantity
      from (select variant_id, location, sum(quantity) as quantity from asked group by variant_id, location) a
      where s.variant_id = a.variant_id and s.location = a.location),
    told as (${stockChanged(sql`${asked.tenant}::integer`, sql`asked`, sql`${asked.now.toISOString()}::timestamptz`)})
    insert into reservation (id, tenant, variant_id, location, quantity, order_ref, state, created_at, expires_at)
    select nextval('id_block'), ${asked.tenant}, variant_id, location, quantity, ${asked.orderRef}, 'open',
      ${asked.now.toISOString()}::timestamptz, ${expiry(asked).toISOString()}::timestamptz
    from asked returning id, variant_id, location, quantity`);
  return { ok: true, reservations: rows.map((row) => made(row, asked)) };
}

const fullest = <T extends LockedLevel>(levels: readonly T[]): T | null =>
  levels.reduce<T | null>((best, level) => (best === null || level.available > best.available ? level : best), null);
