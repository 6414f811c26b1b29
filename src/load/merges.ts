/**
 * Records that their source merged into others. Who names such a record by its id means the survivor from then on, and an
 * entity that only merged records spoke about says where it went. Both follow from what is stored, whichever came first.
 */
import { ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import { tableOf } from '../store/columns.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { json, numbers, sql, type Tx, texts } from '../store/store.ts';
import type { EntityChanges } from './entities.ts';
import type { RecordPlan } from './plan.ts';
import { externalNames, pointTo, type Settled, type Target } from './references.ts';
import type { LoadStream } from './types.ts';

export type Followed = {
  /** Entities whose references moved. */
  readonly moved: readonly { readonly entity: EntityName; readonly id: number }[];
  /** Survivors under the ids of the records that were merged into them. */
  readonly targets: readonly Target[];
};

const NOTHING: Followed = { moved: [], targets: [] };

/** Takes up what a page's records and tombstones say of merges. */
export async function followMerges(
  tx: Tx,
  stream: LoadStream,
  plans: readonly RecordPlan[],
  at: string,
): Promise<Followed> {
  const merged = plans.flatMap(({ candidate: { id, mergedInto }, state }) =>
    id === null || mergedInto === undefined || state !== RECORD_STATE.deleted
      ? []
      : [{ external_id: id, merged_into: mergedInto }],
  );
  if (merged.length === 0 && !(await anyMerged(tx, stream.tenant))) return NOTHING;
  const affected = await affectedBy(tx, stream, merged, plans);
  if (affected.length === 0) return NOTHING;
  const found = await tx.rows<{ value: string; entity: EntityName; id: number }>(sql`
    with recursive named as (
      select id as value, id collate "C" as external_id from unnest(${texts(affected)}) as a(id)
      union select n.value, m.merged_into from named n join merged_record m on m.stream_id = ${stream.id} and m.external_id = n.external_id)
    select n.value, c.entity, min(c.entity_id) as id from named n
    join record r on r.stream_id = ${stream.id} and r.external_id = n.external_id
    join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.state = 'live'
    group by 1, 2 having count(distinct c.entity_id) = 1`);
  const moved = await tx.rows<Settled>(sql`
    update reference r set target_id = f.id from jsonb_to_recordset(${json(found)}) as f(value text, entity text, id bigint)
    where r.tenant = ${stream.tenant} and r.target = f.entity and r.value = f.value and r.key = any(${texts(externalNames(stream))})
      and r.target_id is distinct from f.id
    returning r.entity, r.entity_id, r.field, r.target_id`);
  const spoken = await tx.rows<{ entity: EntityName; id: number }>(sql`
    select distinct c.entity, c.entity_id as id
    from unnest(${texts(affected)}) as n(key) join record r on r.stream_id = ${stream.id} and r.external_id = key
    join contribution c on c.stream_id = r.stream_id and c.no = r.no`);
  await redirect(tx, spoken);
  const names = externalNames(stream);
  return {
    moved: await pointTo(tx, moved, at),
    targets: found.flatMap((one) => names.map((key) => ({ ...one, key }))),
  };
}

/** Entities that a page archived may have been merged, by records that went before. */
export async function redirectArchived(tx: Tx, tenant: number, changes: EntityChanges['byEntity']): Promise<void> {
  const archived = [...changes].flatMap(([entity, kinds]) =>
    (kinds.get('archived') ?? []).map((id) => ({ entity, id })),
  );
  if (archived.length > 0 && (await anyMerged(tx, tenant))) await redirect(tx, archived);
}

async function anyMerged(tx: Tx, tenant: number): Promise<boolean> {
  const [row] = await tx.rows<{ some: boolean }>(
    sql`select exists (select 1 from merged_record where tenant = ${tenant}) as some`,
  );
  return row?.some === true;
}

/** Ids that may mean other entities than before: merged ones, those merged into them, and those that came back. */
async function affectedBy(
  tx: Tx,
  stream: LoadStream,
  merged: readonly { readonly external_id: string; readonly merged_into: string }[],
  plans: readonly RecordPlan[],
): Promise<string[]> {
  const here = plans.filter((plan) => plan.state !== RECORD_STATE.deleted);
  const returned = await tx.rows<{ external_id: string }>(sql`
    delete from merged_record where stream_id = ${stream.id} and external_id = any(${texts(here.flatMap(({ candidate }) => candidate.id ?? []))})
    returning external_id`);
  const changed = await tx.rows<{ external_id: string }>(sql`
    insert into merged_record (stream_id, tenant, external_id, merged_into)
    select ${stream.id}, ${stream.tenant}, n.* from jsonb_to_recordset(${json(merged)}) as n(external_id text, merged_into text)
    on conflict (stream_id, external_id) do update set merged_into = excluded.merged_into where merged_record.merged_into <> excluded.merged_into
    returning external_id`);
  const heard = here.flatMap(({ candidate, entities }) =>
    entities.some(({ prior }) => prior?.state !== 'live') ? (candidate.id ?? []) : [],
  );
  const moved = [...changed, ...returned].map((row) => row.external_id);
  const losers = await tx.rows<{ external_id: string }>(sql`
    with recursive losers as (
      select m.external_id from merged_record m where m.stream_id = ${stream.id} and m.merged_into = any(${texts([...heard, ...moved])})
      union select m.external_id from losers l join merged_record m on m.stream_id = ${stream.id} and m.merged_into = l.external_id)
    select external_id from losers`);
  return [...new Set([...moved, ...losers.map((row) => row.external_id)])];
}

/** Says of archived entities which one took their place: the one that all survivors of their merged records speak about. */
async function redirect(
  tx: Tx,
  entities: readonly { readonly entity: EntityName; readonly id: number }[],
): Promise<void> {
  for (const entity of ENTITY_NAMES) {
    const ids = numbers(entities.flatMap((one) => (one.entity === entity ? [one.id] : [])));
    if (!entities.some((one) => one.entity === entity)) continue;
    await tx.rows(sql`
      with recursive path as (
        select c.entity_id as id, m.stream_id, m.merged_into from contribution c
        join record r on r.stream_id = c.stream_id and r.no = c.no
        join merged_record m on m.stream_id = r.stream_id and m.external_id = r.external_id where c.entity_id = any(${ids})
        union select p.id, p.stream_id, m.merged_into from path p join merged_record m on m.stream_id = p.stream_id and m.external_id = p.merged_into),
      survivor as (
        select p.id, min(c.entity_id) as into_id from path p
        join record r on r.stream_id = p.stream_id and r.external_id = p.merged_into
        join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.entity = ${entity} and c.entity_id <> p.id
        where not exists (select 1 from merged_record m where m.stream_id = p.stream_id and m.external_id = p.merged_into)
        group by 1 having count(distinct c.entity_id) = 1)
      update ${sql.identifier(tableOf(entity))} t set merged_into = s.into_id
      from unnest(${ids}) as e(id) left join survivor s on s.id = e.id
      where t.id = e.id and t.archived_at is not null and t.merged_into is distinct from s.into_id`);
  }
}
