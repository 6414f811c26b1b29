/** Folds the entities a page touches and writes their rows; everything is set-based. */
import { ENTITIES, ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import type { Json } from '../connector/contract.ts';
import { CopyRows } from '../store/copy.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { entry } from './entry.ts';
import {
  type ContributionRow,
  contributionsOfEntities,
  contributionsOfRecords,
  evaluate,
  type rawPages,
} from './evaluate.ts';
import { type Decision, fold, type Statement, same } from './fold.ts';
import { isErased } from './payload.ts';
import { forget, type KeyReference, type Pending, remember, resolve, settle, type Target } from './references.ts';
import {
  type InsertShape,
  insertShape,
  keyFields,
  keyOf,
  readRows,
  referenceFields,
  type StoredRow,
  updateRows,
} from './rows.ts';
import type { LoadStream } from './types.ts';

/** An entity a page says something about, or no longer says something about. */
export type Touch = {
  readonly entity: EntityName;
  readonly isNew: boolean;
  /** What records of this page say now. */
  readonly statements: Statement[];
};

export type Change = 'created' | 'updated' | 'archived' | 'restored';
export type EntityChanges = {
  readonly byEntity: Map<EntityName, Map<Change, number[]>>;
  /** Keys that new or re-keyed entities carry, for figures and references that wait for them. */
  readonly targets: readonly Target[];
};

type Row = {
  id: number;
  entity: EntityName;
  values: Record<string, unknown>;
  /** Who gave each value, where several speak. */
  winners: Readonly<Record<string, Statement | null>>;
  archived: boolean;
  stored: StoredRow | null;
};

/**
 * @param spoken numbers of the stream's records whose statements are in `touches` (or withdrawn): what the store still
 * says for them is out of date.
 */
export async function applyEntities(
  deps: LoadDeps,
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  stream: LoadStream,
  touches: ReadonlyMap<number, Touch>,
  spoken: ReadonlySet<number>,
  named: readonly Target[],
  at: string,
): Promise<EntityChanges> {
  const rows: Row[] = [];
  const known: [number, Touch][] = [];
  for (const [id, touch] of touches) {
    const [only] = touch.statements;
    if (touch.isNew && only && touch.statements.length === 1)
      rows.push({ id, entity: touch.entity, values: only.values, winners: {}, archived: false, stored: null });
    else if (touch.isNew)
      rows.push({ id, entity: touch.entity, ...fold(touch.entity, touch.statements), archived: false, stored: null });
    else known.push([id, touch]);
  }
  rows.push(...(await refold(deps, tx, pages, stream, known, spoken)));
  const targets = [...matchTargets(rows), ...named];
  await fillReferences(tx, stream, rows, targets);
  const changes = write(tx, stream.tenant, rows, at);
  for (const one of await settle(tx, stream, targets, at)) note(changes, one.entity, 'updated', one.id);
  return { byEntity: changes, targets };
}

/** Folds entities that other records, or earlier ones, speak about as well. */
async function refold(
  deps: LoadDeps,
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  stream: LoadStream,
  known: readonly (readonly [number, Touch])[],
  spoken: ReadonlySet<number>,
): Promise<Row[]> {
  if (known.length === 0) return [];
  const ids = known.map(([id]) => id);
  // Before their contributions are read: a page of another stream that touches them waits, and then sees what this one wrote.
  const stored = new Map<number, StoredRow>();
  for (const entity of ENTITY_NAMES) {
    const mine = known.flatMap(([id, touch]) => (touch.entity === entity ? [id] : []));
    for (const [id, row] of await readRows(tx, entity, mine, true)) stored.set(id, row);
  }
  const all = await contributionsOfEntities(tx, ids);
  const isOutdated = (row: ContributionRow): boolean => row.stream_id === stream.id && spoken.has(row.no);
  const statementsOf = async (rows: readonly ContributionRow[]): Promise<ReadonlyMap<number, Statement[]>> => {
    const siblings = [...all];
    for (const [streamId, nos] of recordsOf(rows.filter((row) => !isOutdated(row))))
      siblings.push(...(await contributionsOfRecords(tx, streamId, nos)));
    return byEntity(await evaluate(deps, pages, rows, siblings, tx));
  };
  const others = await statementsOf(all.filter((row) => row.state === 'live' && !isOutdated(row)));
  const live = new Map(known.map(([id, { statements }]) => [id, [...statements, ...(others.get(id) ?? [])]]));
  const isSilent = (id: number): boolean => live.get(id)?.length === 0;
  // What was said before counts only when nothing at all is left to say; nor does a person who asked to be forgotten keep last words.
  const past = all.filter((row) => isSilent(row.entity_id));
  const raw = await pages(past.map((row) => row.page_id));
  const forgotten = new Set(
    past.flatMap((row) => (isErased(raw.get(row.page_id)?.records.at(row.slot)) ? [row.entity_id] : [])),
  );
  const lastWords = await statementsOf(past.filter((row) => !forgotten.has(row.entity_id)));
  const decisions = await decisionsOf(tx, ids);
  return known.map(([id, { entity }]) => {
    const archived = isSilent(id);
    const folded = fold(entity, (archived ? lastWords : live).get(id) ?? [], decisions.get(id));
    return { id, entity, ...folded, archived, stored: stored.get(id) ?? null };
  });
}

function byEntity(statements: ReadonlyMap<ContributionRow, Statement>): ReadonlyMap<number, Statement[]> {
  const grouped = new Map<number, Statement[]>();
  for (const [row, statement] of statements) entry(grouped, row.entity_id, (): Statement[] => []).push(statement);
  return grouped;
}

function recordsOf(rows: readonly { stream_id: number; no: number }[]): Map<number, number[]> {
  const byStream = new Map<number, number[]>();
  for (const row of rows) byStream.set(row.stream_id, [...(byStream.get(row.stream_id) ?? []), row.no]);
  return byStream;
}

async function decisionsOf(tx: Tx, ids: readonly number[]): Promise<Map<number, Decision[]>> {
  const rows = await tx.rows<{ entity_id: number; field: string; value: Json }>(
    sql`select entity_id, field, value from decision where entity_id = any(${numbers(ids)})`,
  );
  const byEntity = new Map<number, Decision[]>();
  for (const row of rows) byEntity.set(row.entity_id, [...(byEntity.get(row.entity_id) ?? []), row]);
  return byEntity;
}

/** Keys under which others may be waiting for these entities. */
function matchTargets(rows: readonly Row[]): Target[] {
  const targets: Target[] = [];
  for (const row of rows) {
    for (const field of keyFields(row.entity)) {
      const value = keyOf(row.entity, field, row.values[field]);
      if (value !== null && value !== (row.stored && keyOf(row.entity, field, row.stored.values[field]))) {
        targets.push({ entity: row.entity, id: row.id, key: `match:${field}`, value });
      }
    }
  }
  return targets;
}

async function fillReferences(
  tx: Tx,
  stream: LoadStream,
  rows: readonly Row[],
  targets: readonly Target[],
): Promise<void> {
  const pending: Pending[] = [];
  const unnamed: { id: number; field: string }[] = [];
  const connectionOf = await connectionsOf(tx, stream, rows);
  for (const row of rows) {
    const copied = { done: false };
    for (const field of referenceFields(row.entity)) {
      const value = row.values[field];
      if (typeof value !== 'object' || value === null) {
        if (row.stored) unnamed.push({ id: row.id, field });
        continue;
      }
      if (!copied.done) row.values = { ...row.values };
      copied.done = true;
      row.values[field] = null;
      const connectionId = connectionOf(row.winners[field]?.streamId);
      pending.push({ entity: row.entity, entityId: row.id, field, to: { ...(value as KeyReference), connectionId } });
    }
  }
  forget(tx, unnamed);
  if (pending.length === 0) return;
  const resolved = await resolve(tx, stream, pending, targets);
  remember(tx, stream, pending, resolved);
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const one of pending) {
    const row = byId.get(one.entityId);
    if (row) row.values[one.field] = resolved.get(`${one.entityId}/${one.field}`) ?? null;
  }
}

/** Connections of the streams that gave references; an external id is that of the connection which says it. */
async function connectionsOf(
  tx: Tx,
  stream: LoadStream,
  rows: readonly Row[],
): Promise<(streamId: number | undefined) => number> {
  const others = new Set<number>();
  for (const row of rows) {
    for (const field of referenceFields(row.entity)) {
      const winner = row.winners[field];
      if (winner && winner.streamId !== stream.id && typeof row.values[field] === 'object') others.add(winner.streamId);
    }
  }
  if (others.size === 0) return () => stream.connectionId;
  const found = await tx.rows<{ id: number; connection_id: number }>(
    sql`select id, connection_id from stream where id = any(${numbers([...others])})`,
  );
  const byStream = new Map(found.map((one) => [one.id, one.connection_id]));
  return (streamId) => byStream.get(streamId ?? stream.id) ?? stream.connectionId;
}

function write(tx: Tx, tenant: number, rows: readonly Row[], at: string): Map<EntityName, Map<Change, number[]>> {
  const changes = new Map<EntityName, Map<Change, number[]>>();
  const inserts = new Map<EntityName, { shape: InsertShape; rows: CopyRows }>();
  const updates = new Map<EntityName, Row[]>();
  const madeAt = Date.parse(at);
  for (const row of rows) {
    if (!row.stored) {
      const insert = entry(inserts, row.entity, () => ({
        shape: insertShape(row.entity, Object.keys(ENTITIES[row.entity].fields)),
        rows: new CopyRows(),
      }));
      insert.shape.write(insert.rows, row.id, tenant, madeAt, row.values);
      note(changes, row.entity, 'created', row.id);
      continue;
    }
    const change = changeOf(row, row.stored);
    if (!change) continue;
    entry(updates, row.entity, () => []).push(row);
    note(changes, row.entity, change, row.id);
  }
  for (const { shape, rows } of inserts.values()) tx.copy(shape.table, shape.columns, rows);
  for (const [entity, changed] of updates) updateRows(tx, entity, changed, at);
  return changes;
}

function changeOf(row: Row, stored: StoredRow): Change | null {
  if (row.archived !== stored.archived) return row.archived ? 'archived' : 'restored';
  for (const field of Object.keys(ENTITIES[row.entity].fields)) {
    if (!sameStored(ENTITIES[row.entity].fields[field]?.type, row.values[field] ?? null, stored.values[field] ?? null))
      return 'updated';
  }
  return null;
}

/** Equality across the database: "1.50" and "1.5" are one decimal. */
function sameStored(type: string | undefined, value: unknown, stored: unknown): boolean {
  if (same(value, stored)) return true;
  if (type !== 'decimal' || typeof value !== 'string' || typeof stored !== 'string') return false;
  return trimDecimal(value) === trimDecimal(stored);
}

const trimDecimal = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

/** Notes a change of an entity. */
export function note(
  changes: Map<EntityName, Map<Change, number[]>>,
  entity: EntityName,
  change: Change,
  id: number,
): void {
  entry(
    entry(changes, entity, () => new Map<Change, number[]>()),
    change,
    () => [],
  ).push(id);
}

export function touch(touches: Map<number, Touch>, id: number, entity: EntityName, isNew: boolean): Touch {
  return entry(touches, id, () => ({ entity, isNew, statements: [] }));
}
