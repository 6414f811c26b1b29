/**
 * Which entities a push has to look at. Ids of the outbox are taken before its rows are written, so a lower one can turn up
 * after a higher one: rows are read in the order of their transactions, and only those before the oldest that still runs.
 */
import { ENTITIES, ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import type { Cursor } from '../connector/contract.ts';
import { tableOf } from '../store/columns.ts';
import { numbers, type SQL, type Store, sql, texts } from '../store/store.ts';

/** `all`: everything is compared once, from this id on; then changes from the transaction `xact` on. */
type Position = { readonly xact: string; readonly id: number; readonly all: number | null };

export type Touched = { readonly ids: readonly number[]; readonly next: Cursor; readonly isEnd: boolean };

type Subject = EntityName | 'stock';

/** The next entities (of `stock`: variants) after a cursor; `null` begins with everything. */
export async function nextTouched(
  store: Pick<Store, 'rows'>,
  tenant: number,
  entity: Subject,
  cursor: Cursor | null,
  limit: number,
): Promise<Touched> {
  const [now] = await store.rows<{ xmin: string; xmax: string }>(
    sql`select pg_snapshot_xmin(s)::text as xmin, pg_snapshot_xmax(s)::text as xmax from pg_current_snapshot() as s`,
  );
  const xmin = now?.xmin ?? '0';
  const at = positionOf(cursor);
  // A cursor of the future is that of another database: what it has seen says nothing here.
  const isForeign = at !== null && BigInt(at.xact) > BigInt(now?.xmax ?? '0');
  const position: Position = at === null || isForeign ? { xact: xmin, id: 0, all: 0 } : at;
  return position.all === null
    ? nextChanged(store, tenant, entity, position, xmin, limit)
    : nextOfAll(store, tenant, entity, position, position.all, limit);
}

/** Whether changes wait for a stream at this cursor. */
export async function isBehind(
  store: Pick<Store, 'rows'>,
  tenant: number,
  entity: Subject,
  cursor: Cursor | null,
): Promise<boolean> {
  const at = positionOf(cursor);
  if (at === null || at.all !== null) return true;
  const [row] = await store.rows<{ some: boolean }>(sql`select exists (${changes(tenant, entity, at)}) as some`);
  return row?.some === true;
}

function positionOf(cursor: Cursor | null): Position | null {
  if (cursor === null || typeof cursor['xact'] !== 'string') return null;
  const { xact, id, all } = cursor;
  return { xact, id: typeof id === 'number' ? id : 0, all: typeof all === 'number' ? all : null };
}

async function nextOfAll(
  store: Pick<Store, 'rows'>,
  tenant: number,
  entity: Subject,
  position: Position,
  after: number,
  limit: number,
): Promise<Touched> {
  const rows = await store.rows<{ id: number }>(
    entity === 'stock'
      ? sql`select distinct variant_id as id from stock_level where tenant = ${tenant} and variant_id > ${after}::bigint order by 1 limit ${limit}`
      : sql`select id from ${sql.identifier(tableOf(entity))} where tenant = ${tenant} and id > ${after}::bigint and merged_into is null order by id limit ${limit}`,
  );
  const last = rows.at(-1)?.id;
  const isEnd = rows.length < limit || last === undefined;
  return { ids: rows.map((row) => row.id), next: { ...position, all: isEnd ? null : last }, isEnd: false };
}

async function nextChanged(
  store: Pick<Store, 'rows'>,
  tenant: number,
  entity: Subject,
  position: Position,
  xmin: string,
  limit: number,
): Promise<Touched> {
  const rows = await store.rows<{ id: number; xact: string; entity: Subject; ids: number[] }>(
    sql`${changes(tenant, entity, position)} order by o.xact, o.id limit ${limit}`,
  );
  const taken: typeof rows = [];
  let size = 0;
  for (const row of rows) {
    if (size >= limit) break;
    taken.push(row);
    size += row.ids.length;
  }
  const last = taken.at(-1);
  if (!last) return { ids: [], next: { xact: xmin, id: 0, all: null }, isEnd: true };
  const ids = new Set<number>();
  for (const row of taken) for (const id of await concerned(store, tenant, entity, row)) ids.add(id);
  return { ids: [...ids], next: { xact: last.xact, id: last.id, all: null }, isEnd: false };
}

const changes = (tenant: number, entity: Subject, { xact, id }: Position): SQL => sql`
  select o.id, o.xact::text as xact, o.entity, o.ids from outbox o
  where o.tenant = ${tenant} and (o.xact, o.id) > (${xact}::text::xid8, ${id}::bigint)
    and o.xact < pg_snapshot_xmin(pg_current_snapshot()) and o.entity = any(${texts(sourcesOf(entity))})`;

/** Entities whose changes concern those of another: what it refers to shows in what is written. */
function sourcesOf(entity: Subject): readonly Subject[] {
  if (entity === 'stock') return ['stock', 'variant', 'location'];
  const targets = Object.values(ENTITIES[entity].fields).flatMap((field) => field.entity ?? []);
  return [entity, ...ENTITY_NAMES.filter((name) => name !== entity && targets.includes(name))];
}

async function concerned(
  store: Pick<Store, 'rows'>,
  tenant: number,
  entity: Subject,
  changed: { readonly entity: Subject; readonly ids: readonly number[] },
): Promise<readonly number[]> {
  if (changed.entity === entity || (entity === 'stock' && changed.entity === 'variant')) return changed.ids;
  if (entity === 'stock') {
    const rows = await store.rows<{ id: number }>(sql`
      select distinct l.variant_id as id from stock_level l join location p on p.tenant = l.tenant and p.code = l.location
      where l.tenant = ${tenant} and p.id = any(${numbers(changed.ids)})`);
    return rows.map((row) => row.id);
  }
  const columns = Object.entries(ENTITIES[entity].fields).flatMap(([name, field]) =>
    field.entity === changed.entity ? [sql.identifier(`${name}_id`)] : [],
  );
  const rows = await store.rows<{ id: number }>(sql`
    select id from ${sql.identifier(tableOf(entity))} where tenant = ${tenant} and (${sql.join(
      columns.map((column) => sql`${column} = any(${numbers(changed.ids)})`),
      sql` or `,
    )})`);
  return rows.map((row) => row.id);
}
