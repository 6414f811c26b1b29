/**
 * Stock is a ledger: figures of a source become movements, a level is their sum. The authority of a level is the
 * connection that first set it (and may speak for stock); what others report is an observation, shown as drift. When the
 * record that set it says nothing about it any more, the level goes to the newest figure of a connection that may speak.
 * A figure is true as of its time T; an older T never applies.
 */
import { CopyRows } from '../store/copy.ts';
import { type IdBlocks, json, numbers, sql, type Tx, takeIds, texts } from '../store/store.ts';
import type { LoadStream } from './types.ts';

/** A source's figure for a variant at a location. */
export type Figure = {
  readonly variantId: number;
  readonly location: string;
  readonly quantity: number;
  /** Epoch milliseconds, the source's clock skew taken off. */
  readonly asOf: number;
  readonly no: number;
  /** The record said the same before: what has happened to the level since then stands. */
  readonly repeats?: 'said again' | 'mapped anew' | null;
};

/** A figure for a variant that is not known yet. */
export type WaitingFigure = {
  readonly no: number;
  readonly output: string;
  readonly key: string;
  readonly value: string;
  readonly location: string;
  readonly quantity: number;
  readonly asOf: number;
};

type LevelRow = {
  variant_id: number;
  location: string;
  quantity: number;
  committed: number;
  as_of: number;
  stream_id: number | null;
  no: number | null;
  connection_id: number | null;
};

const levelKey = (variantId: number, location: string): string => `${variantId}/${location}`;

/**
 * Applies figures. `isNewVariant` tells that no level can exist yet, which spares the look-up.
 * @returns variants whose level changed.
 */
export async function applyFigures(
  tx: Tx,
  ids: IdBlocks,
  stream: LoadStream,
  pageId: number,
  figures: readonly Figure[],
  isNewVariant: (id: number) => boolean,
): Promise<readonly number[]> {
  const latest = new Map<string, Figure>();
  for (const figure of figures) {
    const key = levelKey(figure.variantId, figure.location);
    const other = latest.get(key);
    if (!other || figure.asOf >= other.asOf) latest.set(key, figure);
  }
  const known = [...latest.values()].filter((figure) => !isNewVariant(figure.variantId));
  const levels = await lockLevels(tx, known);
  const created: Figure[] = [];
  const changed: { figure: Figure; delta: number }[] = [];
  const observed: Figure[] = [];
  const taken: Figure[] = [];
  for (const [key, figure] of latest) {
    const level = levels.get(key);
    if (!level) {
      (stream.stockAuthority ? created : observed).push(figure);
    } else if (
      level.connection_id === stream.connectionId ||
      (level.connection_id === null && level.stream_id !== null)
    ) {
      if (figure.asOf >= level.as_of && !isRepetition(stream, figure, level))
        changed.push({ figure, delta: figure.quantity - level.quantity });
    } else if (isNobodys(level) && stream.stockAuthority) {
      changed.push({ figure, delta: figure.quantity - level.quantity });
      taken.push(figure);
    } else observed.push(figure);
  }
  insertLevels(tx, ids, stream, pageId, created);
  setLevels(tx, ids, stream, pageId, changed);
  observe(tx, stream, observed);
  dropObservations(
    tx,
    taken.map((one) => ({ variant_id: one.variantId, location: one.location, stream_id: stream.id })),
  );
  return [
    ...created.map((figure) => figure.variantId),
    ...changed.flatMap((one) => (one.delta === 0 ? [] : [one.figure.variantId])),
  ];
}

/** The record that last set it says nothing about it any more. A level of the platform has no stream either. */
const isNobodys = (level: LevelRow): boolean => level.stream_id !== null && level.no === null;

/** A repetition is no count of its own; one that a changed mapping makes never is. */
const isRepetition = (stream: LoadStream, { repeats, asOf, no }: Figure, level: LevelRow): boolean =>
  asOf === level.as_of &&
  (repeats === 'mapped anew' || (repeats === 'said again' && level.stream_id === stream.id && level.no === no));

async function lockLevels(tx: Tx, figures: readonly Figure[]): Promise<Map<string, LevelRow>> {
  if (figures.length === 0) return new Map();
  const rows = await tx.rows<LevelRow>(sql`
    select l.variant_id, l.location, l.quantity, l.committed, (extract(epoch from l.as_of) * 1000)::bigint as as_of, l.stream_id, l.no, s.connection_id
    from stock_level l left join stream s on s.id = l.stream_id
    where l.variant_id = any(${numbers([...new Set(figures.map((one) => one.variantId))])})
      and l.location = any(${texts([...new Set(figures.map((one) => one.location))])})
    order by l.variant_id, l.location for update of l`);
  return new Map(rows.map((row) => [levelKey(row.variant_id, row.location), row]));
}

const iso = (ms: number): string => new Date(ms).toISOString();

const LEVEL = ['variant_id', 'location', 'tenant', 'quantity', 'as_of', 'stream_id', 'no'];
const MOVEMENT = ['id', 'tenant', 'variant_id', 'location', 'delta', 'reason', 'page_id', 'stream_id', 'no', 'as_of'];

function insertLevels(tx: Tx, ids: IdBlocks, stream: LoadStream, pageId: number, figures: readonly Figure[]): void {
  if (figures.length === 0) return;
  const levels = new CopyRows();
  const movements = new CopyRows();
  for (const { variantId, location, quantity, asOf, no } of figures) {
    levels.row(LEVEL.length).int8(variantId).text(location).int4(stream.tenant);
    levels.int8(quantity).time(asOf).int4(stream.id).int8(no);
    movements.row(MOVEMENT.length).int8(ids.next()).int4(stream.tenant).int8(variantId).text(location);
    movements.int8(quantity).text('set').int8(pageId).int4(stream.id).int8(no).time(asOf);
  }
  tx.copy('stock_level', LEVEL, levels);
  tx.copy('stock_movement', MOVEMENT, movements);
}

/** Sets levels; sales the authority has counted by then are no longer taken off beside its figure. */
function setLevels(
  tx: Tx,
  ids: IdBlocks,
  stream: Pick<LoadStream, 'tenant' | 'id'>,
  pageId: number,
  changes: readonly { readonly figure: Figure; readonly delta: number }[],
): void {
  if (changes.length === 0) return;
  const rows = changes.map(({ figure, delta }) => ({
    id: delta === 0 ? null : ids.next(),
    variant_id: figure.variantId,
    location: figure.location,
    delta,
    as_of: iso(figure.asOf),
    no: figure.no,
  }));
  const input = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n(id bigint, variant_id bigint, location text, delta bigint, as_of timestamptz, no bigint)`;
  tx.send(sql`
    insert into stock_movement (id, tenant, variant_id, location, delta, reason, page_id, stream_id, no, as_of)
    select n.id, ${stream.tenant}, n.variant_id, n.location, n.delta, 'set', ${pageId}, ${stream.id}, n.no, n.as_of from ${input} where n.id is not null`);
  tx.send(sql`
    with confirmed as (
      update reservation r set state = 'confirmed' from ${input}
      where r.variant_id = n.variant_id and r.location = n.location and r.state = 'committed' and r.committed_at <= n.as_of
      returning r.variant_id, r.location, r.quantity)
    update stock_level l set quantity = l.quantity + n.delta, as_of = n.as_of, stream_id = ${stream.id}, no = n.no,
      committed = l.committed - coalesce((select sum(c.quantity) from confirmed c where c.variant_id = l.variant_id and c.location = l.location), 0)
    from ${input} where l.variant_id = n.variant_id and l.location = n.location`);
}

function observe(tx: Tx, stream: LoadStream, figures: readonly Figure[]): void {
  if (figures.length === 0) return;
  const rows = figures.map((one) => ({
    variant_id: one.variantId,
    location: one.location,
    quantity: one.quantity,
    as_of: iso(one.asOf),
    no: one.no,
  }));
  tx.send(sql`
    insert into stock_observation (variant_id, location, stream_id, tenant, quantity, as_of, no)
    select n.variant_id, n.location, ${stream.id}, ${stream.tenant}, n.quantity, n.as_of, n.no
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n(variant_id bigint, location text, quantity bigint, as_of timestamptz, no bigint)
    on conflict (variant_id, location, stream_id) do update set quantity = excluded.quantity, as_of = excluded.as_of, no = excluded.no
    where excluded.as_of >= stock_observation.as_of`);
}

/** Keeps figures until their variant turns up. */
export function keepWaiting(tx: Tx, stream: LoadStream, pageId: number, figures: readonly WaitingFigure[]): void {
  if (figures.length === 0) return;
  const rows = figures.map((one) => ({ ...one, as_of: iso(one.asOf) }));
  tx.send(sql`
    insert into stock_waiting (tenant, stream_id, no, output, key, value, location, quantity, as_of, page_id)
    select ${stream.tenant}, ${stream.id}, n.no, n.output, n.key, n.value, n.location, n.quantity, n.as_of, ${pageId}
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as n(no bigint, output text, key text, value text, location text, quantity bigint, as_of timestamptz)
    on conflict (stream_id, no, output) do update set key = excluded.key, value = excluded.value, location = excluded.location,
      quantity = excluded.quantity, as_of = excluded.as_of, page_id = excluded.page_id`);
}

export async function figuresWait(tx: Tx, tenant: number): Promise<boolean> {
  const [row] = await tx.rows<{ some: boolean }>(
    sql`select exists (select 1 from stock_waiting where tenant = ${tenant}) as some`,
  );
  return row?.some === true;
}

/** A figure that waited, with the variant that turned up for it and the stream it came from. */
export type TakenFigure = {
  readonly variant_id: number;
  readonly stream_id: number;
  readonly no: number;
  readonly location: string;
  readonly quantity: number;
  readonly as_of: number;
  readonly connection_id: number;
  readonly stock_authority: boolean;
};

/** Takes out the figures that waited for these variants, the oldest first. A key that several variants carry leaves its figures waiting. */
export async function takeWaiting(
  tx: Tx,
  tenant: number,
  arrived: readonly { readonly key: string; readonly value: string; readonly id: number }[],
): Promise<readonly TakenFigure[]> {
  if (arrived.length === 0) return [];
  return tx.rows<TakenFigure>(sql`
    with arrived as (
      select key, value, min(id) as id from jsonb_to_recordset(${JSON.stringify(arrived)}::jsonb) as a(key text, value text, id bigint)
      group by key, value having count(distinct id) = 1),
    taken as (
      delete from stock_waiting w using arrived a where w.tenant = ${tenant} and w.key = a.key and w.value = a.value
      returning a.id as variant_id, w.stream_id, w.no, w.location, w.quantity, w.as_of)
    select t.variant_id, t.stream_id, t.no, t.location, t.quantity, (extract(epoch from t.as_of) * 1000)::bigint as as_of, s.connection_id, c.stock_authority
    from taken t join stream s on s.id = t.stream_id join connection c on c.id = s.connection_id order by t.as_of, t.stream_id, t.no`);
}

/** A spot that a record still speaks about. */
export type Spot = { readonly no: number; readonly variantId: number; readonly location: string };

/**
 * Levels last set by records that say nothing about them any more are taken back to zero, as movements, and are nobody's.
 * The time they were counted at stays: a withdrawal is no count, and a record that comes back may bring its old figure.
 */
export async function withdrawFigures(
  tx: Tx,
  stream: LoadStream,
  pageId: number,
  nos: readonly number[],
  at: number,
  kept: readonly Spot[] = [],
): Promise<readonly Place[]> {
  if (nos.length === 0) return [];
  const spots = sql`select * from jsonb_to_recordset(${JSON.stringify(kept)}::jsonb) as k(no bigint, "variantId" bigint, location text)`;
  tx.send(sql`delete from stock_waiting where stream_id = ${stream.id} and no = any(${numbers(nos)})`);
  tx.send(sql`
    delete from stock_observation o where o.stream_id = ${stream.id} and o.no = any(${numbers(nos)})
      and not exists (select 1 from (${spots}) k where k.no = o.no and k."variantId" = o.variant_id and k.location = o.location)`);
  const levels = await tx.rows<{ variant_id: number; location: string; quantity: number; no: number }>(sql`
    select l.variant_id, l.location, l.quantity, l.no from stock_level l
    where l.tenant = ${stream.tenant} and l.stream_id = ${stream.id} and l.no = any(${numbers(nos)})
      and not exists (select 1 from (${spots}) k where k.no = l.no and k."variantId" = l.variant_id and k.location = l.location)
    order by l.variant_id, l.location for update of l`);
  if (levels.length === 0) return [];
  const ids = await takeIds((query) => tx.rows(query), levels.length);
  const rows = levels.map((level) => ({ ...level, id: ids.next() }));
  tx.send(sql`
    with n as (select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n(id bigint, variant_id bigint, location text, quantity bigint, no bigint)),
    moved as (
      insert into stock_movement (id, tenant, variant_id, location, delta, reason, page_id, stream_id, no, as_of)
      select id, ${stream.tenant}, variant_id, location, -quantity, 'withdrawn', ${pageId}, ${stream.id}, no, ${iso(at)}::timestamptz from n where quantity <> 0)
    update stock_level l set quantity = 0, no = null from n where l.variant_id = n.variant_id and l.location = n.location`);
  return levels;
}

/** A variant at a location. */
export type Place = { readonly variant_id: number; readonly location: string };

/**
 * Levels that are nobody's go to the newest figure others reported and may speak for.
 * @returns variants whose level changed
 */
export async function handOver(
  tx: Tx,
  tenant: number,
  pageId: number,
  places: readonly Place[],
): Promise<readonly number[]> {
  if (places.length === 0) return [];
  const heirs = await tx.rows<{
    variant_id: number;
    location: string;
    stream_id: number;
    no: number;
    quantity: number;
    as_of: number;
    stands: number;
  }>(sql`
    select distinct on (o.variant_id, o.location) o.variant_id, o.location, o.stream_id, o.no, o.quantity,
      (extract(epoch from o.as_of) * 1000)::bigint as as_of, l.quantity as stands
    from jsonb_to_recordset(${json(places)}) as p(variant_id bigint, location text)
    join stock_level l on l.variant_id = p.variant_id and l.location = p.location
    join stock_observation o on o.variant_id = l.variant_id and o.location = l.location
    join stream s on s.id = o.stream_id join connection c on c.id = s.connection_id
    where l.tenant = ${tenant} and l.stream_id is not null and l.no is null and c.stock_authority and c.removed_at is null
    order by o.variant_id, o.location, o.as_of desc, o.stream_id`);
  if (heirs.length === 0) return [];
  const ids = await takeIds((query) => tx.rows(query), heirs.length);
  for (const [id, mine] of Map.groupBy(heirs, (one) => one.stream_id)) {
    const changes = mine.map(({ variant_id: variantId, location, quantity, as_of: asOf, no, stands }) => ({
      figure: { variantId, location, quantity, asOf, no },
      delta: quantity - stands,
    }));
    setLevels(tx, ids, { tenant, id }, pageId, changes);
  }
  dropObservations(tx, heirs);
  return heirs.flatMap((one) => (one.quantity === one.stands ? [] : [one.variant_id]));
}

/** A figure that sets the level is no longer beside it. */
function dropObservations(tx: Tx, of: readonly (Place & { readonly stream_id: number })[]): void {
  if (of.length === 0) return;
  tx.send(sql`
    delete from stock_observation o using jsonb_to_recordset(${json(of)}) as d(variant_id bigint, location text, stream_id integer)
    where o.variant_id = d.variant_id and o.location = d.location and o.stream_id = d.stream_id`);
}
