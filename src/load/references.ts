/**
 * References by key: resolved when the target is known, kept waiting when it is not, and resolved in the transaction
 * that creates the target.
 */
import { ENTITIES, type EntityName } from '../canonical/entities.ts';
import type { ReferenceValue } from '../mapping/types.ts';
import { tableOf } from '../store/columns.ts';
import { numbers, sql, type Tx, texts } from '../store/store.ts';
import { entry } from './entry.ts';
import type { LoadStream } from './types.ts';

export type KeyReference = Exclude<ReferenceValue, { kind: 'output' }> & {
  /** Whose external id it is, where not that of the stream being loaded. */
  readonly connectionId?: number;
};

/** A reference field of an entity whose winning value is a key. */
export type Pending = {
  readonly entity: EntityName;
  readonly entityId: number;
  readonly field: string;
  readonly to: KeyReference;
};

/** Something of this page that waiting references may be meant for. */
export type Target = { readonly entity: EntityName; readonly id: number; readonly key: string; readonly value: string };

/** Name of the key by which a reference names its target; one stream's external ids are not another's. */
export const keyName = (stream: LoadStream, to: KeyReference): string =>
  to.kind === 'match' ? `match:${to.field}` : `external:${to.connectionId ?? stream.connectionId}:${to.stream ?? '*'}`;
export const keyValue = (to: KeyReference): string => (to.kind === 'match' ? to.value : to.id);

/** Names under which others may wait for what a record of the stream speaks about. */
export const externalNames = ({ connectionId, name }: LoadStream): readonly string[] => [
  `external:${connectionId}:*`,
  `external:${connectionId}:${name}`,
];

/** Resolves what can be resolved, by `<entity id>/<field>`; ambiguous keys stay unresolved. */
export async function resolve(
  tx: Tx,
  stream: LoadStream,
  pending: readonly Pending[],
  created: readonly Target[],
): Promise<Map<string, number>> {
  const found = new Map<string, Set<number>>();
  const nameOf = (entity: EntityName, key: string, value: string) => `${entity}\u0000${key}\u0000${value}`;
  const idsOf = (entity: EntityName, key: string, value: string) =>
    entry(found, nameOf(entity, key, value), () => new Set<number>());
  for (const { entity, key, value, id } of created) idsOf(entity, key, value).add(id);
  const named = pending.map((one) => one.to);
  for (const { to, ids } of await findTargets(tx, stream, named)) {
    for (const id of ids) idsOf(to.entity, keyName(stream, to), keyValue(to)).add(id);
  }
  const resolved = new Map<string, number>();
  for (const { to, entityId, field } of pending) {
    const hits = idsOf(to.entity, keyName(stream, to), keyValue(to));
    const [only] = hits;
    if (only !== undefined && hits.size === 1) resolved.set(`${entityId}/${field}`, only);
  }
  return resolved;
}

/** The entities that each key finds in the store. */
export async function findTargets(
  tx: Tx,
  stream: LoadStream,
  named: readonly KeyReference[],
): Promise<readonly { readonly to: KeyReference; readonly ids: readonly number[] }[]> {
  const found: { to: KeyReference; ids: readonly number[] }[] = [];
  for (const [, members] of groupBy(named, (to) => `${to.entity}\u0000${keyName(stream, to)}`)) {
    const byValue = new Map(members.map((to) => [keyValue(to), to]));
    const [first] = members;
    if (!first) continue;
    const hits = await hitsOf(tx, stream, first, [...byValue.keys()]);
    const ids = groupBy(hits, (hit) => hit.value);
    for (const [value, to] of byValue) found.push({ to, ids: [...new Set(ids.get(value)?.map((hit) => hit.id))] });
  }
  return found;
}

/** Targets whose match keys no other entity carries. */
export async function soleTargets(tx: Tx, stream: LoadStream, targets: readonly Target[]): Promise<readonly Target[]> {
  const several = new Set<string>();
  const nameOf = ({ entity, key, value }: Omit<Target, 'id'>) => `${entity}\u0000${key}\u0000${value}`;
  const named = targets.flatMap(({ entity, key, value }): KeyReference[] =>
    key.startsWith('match:') ? [{ kind: 'match', entity, field: key.slice('match:'.length), value }] : [],
  );
  for (const { to, ids } of await findTargets(tx, stream, named)) {
    if (ids.length > 1) several.add(nameOf({ entity: to.entity, key: keyName(stream, to), value: keyValue(to) }));
  }
  return targets.filter((target) => !several.has(nameOf(target)));
}

type Hit = { value: string; id: number };

const hitsOf = (tx: Tx, stream: LoadStream, to: KeyReference, values: readonly string[]): Promise<Hit[]> =>
  to.kind === 'match'
    ? byMatch(tx, stream.tenant, to.entity, to.field, values)
    : byExternalId(tx, to.connectionId ?? stream.connectionId, to.entity, to.stream, values);

function byMatch(tx: Tx, tenant: number, entity: EntityName, field: string, values: readonly string[]): Promise<Hit[]> {
  const key = sql.identifier(`${field}_key`);
  return tx.rows(sql`select ${key} as value, id from ${sql.identifier(tableOf(entity))}
    where tenant = ${tenant} and ${key} = any(${texts(values)}) and merged_into is null`);
}

function byExternalId(
  tx: Tx,
  connectionId: number,
  entity: EntityName,
  name: string | null,
  values: readonly string[],
): Promise<Hit[]> {
  // A record that was merged into another is found under both ids.
  return tx.rows(sql`
    with recursive streams as (
      select id from stream where connection_id = ${connectionId} and (${name}::text is null or name = ${name}::text)),
    merged as (
      select m.stream_id, m.external_id as value, m.merged_into from merged_record m
      where m.stream_id in (select id from streams) and m.external_id = any(${texts(values)})
      union select o.stream_id, o.value, m.merged_into from merged o join merged_record m on m.stream_id = o.stream_id and m.external_id = o.merged_into)
    select r.external_id as value, c.entity_id as id from streams s
    join record r on r.stream_id = s.id and r.external_id = any(${texts(values)})
    join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.entity = ${entity} and c.state = 'live'
    union select m.value, c.entity_id from merged m
    join record r on r.stream_id = m.stream_id and r.external_id = m.merged_into
    join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.entity = ${entity} and c.state = 'live'`);
}

/** Remembers references by key, resolved or not; replaces what the same fields referred to before. */
export function remember(
  tx: Tx,
  stream: LoadStream,
  pending: readonly Pending[],
  resolved: ReadonlyMap<string, number>,
): void {
  if (pending.length === 0) return;
  const rows = pending.map((one) => ({
    entity: one.entity,
    entity_id: one.entityId,
    field: one.field,
    target: one.to.entity,
    key: keyName(stream, one.to),
    value: keyValue(one.to),
    target_id: resolved.get(`${one.entityId}/${one.field}`) ?? null,
  }));
  tx.send(sql`
    insert into reference (tenant, entity, entity_id, field, target, key, value, target_id)
    select ${stream.tenant}, n.* from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as n(entity text, entity_id bigint, field text, target text, key text, value text, target_id bigint)
    on conflict (entity_id, field) do update set target = excluded.target, key = excluded.key, value = excluded.value, target_id = excluded.target_id`);
}

/** Forgets what fields referred to that name nothing by key any more; a target that comes later is not theirs. */
export function forget(tx: Tx, fields: readonly { readonly id: number; readonly field: string }[]): void {
  if (fields.length === 0) return;
  tx.send(sql`delete from reference r using jsonb_to_recordset(${JSON.stringify(fields)}::jsonb) as n(id bigint, field text)
    where r.entity_id = n.id and r.field = n.field`);
}

/** Resolves references that waited for these targets; returns the entities whose rows changed. */
export async function settle(
  tx: Tx,
  stream: LoadStream,
  targets: readonly Target[],
  at: string,
): Promise<readonly { entity: EntityName; id: number }[]> {
  if (targets.length === 0) return [];
  const [any] = await tx.rows<{ some: boolean }>(
    sql`select exists (select 1 from reference where tenant = ${stream.tenant} and target_id is null) as some`,
  );
  if (!any?.some) return [];
  const sole = await soleTargets(tx, stream, targets);
  const settled = await tx.rows<Settled>(sql`
    update reference r set target_id = n.id
    from (select target, key, value, min(id) as id from jsonb_to_recordset(${JSON.stringify(sole.map((one) => ({ target: one.entity, key: one.key, value: one.value, id: one.id })))}::jsonb)
            as t(target text, key text, value text, id bigint) group by 1, 2, 3 having count(distinct id) = 1) n
    where r.tenant = ${stream.tenant} and r.target_id is null and r.target = n.target and r.key = n.key and r.value = n.value
    returning r.entity, r.entity_id, r.field, r.target_id`);
  return pointTo(tx, settled, at);
}

/** A reference that found its target, or another one than before. */
export type Settled = { entity: EntityName; entity_id: number; field: string; target_id: number };

/** Writes what references found into their rows; returns the entities whose rows changed. */
export async function pointTo(
  tx: Tx,
  settled: readonly Settled[],
  at: string,
): Promise<readonly { entity: EntityName; id: number }[]> {
  for (const [, members] of groupBy(settled, (one) => `${one.entity}.${one.field}`)) {
    const first = members[0];
    if (!first || !(first.field in ENTITIES[first.entity].fields)) continue;
    await tx.rows(sql`update ${sql.identifier(tableOf(first.entity))} t set ${sql.identifier(`${first.field}_id`)} = n.target, updated_at = ${at}::timestamptz
      from unnest(${numbers(members.map((one) => one.entity_id))}, ${numbers(members.map((one) => one.target_id))}) as n(id, target) where t.id = n.id`);
  }
  return settled.map((one) => ({ entity: one.entity, id: one.entity_id }));
}

function groupBy<T>(all: readonly T[], by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = by(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}
