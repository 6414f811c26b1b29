/**
 * A person's wish to be forgotten, as a vendor passes it on: nothing of what the connection's records said of the person is
 * kept, in no version. That they were there is: numbers, times and counters stay, so that the books balance.
 */
import { ENTITIES, ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import { publicId } from '../canonical/ids.ts';
import { auditing } from '../store/audit.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { type IdBlocks, json, numbers, type SQL, sql, type Tx, texts } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { applyEntities, type Touch, touch } from './entities.ts';
import { contributionsOfRecords, rawPages } from './evaluate.ts';
import { writeOutbox } from './outbox.ts';
import { eraseSlots } from './payload.ts';
import type { RecordRow } from './plan.ts';
import { NO_HASH, NO_SLOT } from './sort-out.ts';
import type { LoadStream } from './types.ts';
import { withdrawRecords } from './withdraw.ts';

type NamedRecord = { readonly streamId: number; readonly id: string };

/** A stream, with the name of its connection. */
type ErasedFrom = LoadStream & { readonly connection: string };

/** Entities that are people. */
const PEOPLE: readonly EntityName[] = ['customer', 'lead'];
const PERSONAL = [
  ...new Set(
    Object.values(ENTITIES).flatMap(({ fields }) =>
      Object.entries(fields).flatMap(([name, field]) => (field.personal ? [name] : [])),
    ),
  ),
];

/**
 * Erases the records that a vendor names, those that were merged into them, and those of the connection's streams that speak
 * for the same customer or lead and for nothing else. One transaction for each stream; again, it finds nothing left to do.
 * @returns what was erased
 */
export async function eraseRecords(
  deps: LoadDeps,
  streams: readonly ErasedFrom[],
  named: readonly NamedRecord[],
  actor: string,
): Promise<readonly NamedRecord[]> {
  const found = await deps.store.rows<{ stream_id: number; external_id: string }>(sql`
    with recursive named as (
      select n.stream_id, n.external_id collate "C" as external_id
      from jsonb_to_recordset(${json(named.map(({ streamId, id }) => ({ stream_id: streamId, external_id: id })))}) as n(stream_id integer, external_id text)
      union select m.stream_id, m.external_id from named n join merged_record m on m.stream_id = n.stream_id and m.merged_into = n.external_id),
    person as (
      select distinct c.entity_id from named n join record r on r.stream_id = n.stream_id and r.external_id = n.external_id
      join contribution c on c.stream_id = r.stream_id and c.no = r.no where c.entity = any(${texts(PEOPLE)}))
    select stream_id, external_id from named
    union select r.stream_id, r.external_id from person p join contribution c on c.entity_id = p.entity_id
      join record r on r.stream_id = c.stream_id and r.no = c.no
      where c.stream_id = any(${numbers(streams.map((stream) => stream.id))})
        and not exists (select 1 from contribution o where o.stream_id = c.stream_id and o.no = c.no and not o.entity = any(${texts(PEOPLE)}))`);
  for (const stream of streams) {
    const ids = found.flatMap((one) => (one.stream_id === stream.id ? [one.external_id] : []));
    if (ids.length > 0) await eraseOfStream(deps, stream, ids, actor);
  }
  return found.map((one) => ({ streamId: one.stream_id, id: one.external_id }));
}

async function eraseOfStream(
  deps: LoadDeps,
  stream: ErasedFrom,
  externalIds: readonly string[],
  actor: string,
): Promise<void> {
  const ids = await deps.store.newIds(4096);
  const audit = await auditing(deps.store);
  await deps.store.transaction(async (tx) => {
    await tx.rows(sql`select 1 from stream where id = ${stream.id} for update`);
    const at = deps.clock.now();
    const records = await tx.rows<RecordRow>(sql`
      select no, external_id, hash, page_id, slot, version, mapping_set, state, scope, 0::bigint as observed
      from record where stream_id = ${stream.id} and external_id = any(${texts(externalIds)}) order by no`);
    const erased = { stream, externalIds, nos: records.map((record) => record.no) };
    const { pages, versions } = await eraseVersions(tx, erased);
    const deadLetters = await eraseLetters(tx, erased);
    const entities = await emptyEntities(deps, tx, ids, erased, records, at);
    const writes = await eraseWrites(tx, stream, entities);
    await audit(tx, {
      tenant: stream.tenant,
      at,
      actor,
      action: 'webhooks.erase',
      subject: `${stream.connection}/${stream.name}`,
      details: {
        records: externalIds.map((id) => `${stream.name}/${id}`),
        ...{ versions, pages, entities: entities.size, deadLetters, writes },
      },
    });
  });
}

type Erased = { readonly stream: LoadStream; readonly externalIds: readonly string[]; readonly nos: readonly number[] };

/**
 * Empties the slots of the records in every page that saw them. A slot that nothing refers to goes with them: it holds a
 * version that was left out, and does not say whose.
 */
async function eraseVersions(
  tx: Tx,
  { stream, externalIds, nos }: Erased,
): Promise<{ pages: number; versions: number }> {
  const theirs = sql`stream_id = ${stream.id} and no = any(${numbers(nos)})`;
  const letters = sql`from dead_letter d where d.stream_id = ${stream.id} and d.external_id = any(${texts(externalIds)})`;
  const pages = await tx.rows<{ id: number }>(sql`
    with seen as (select coalesce(range_agg(int8range(no, no + 1)), '{}') as nos from unnest(${numbers(nos)}) as n(no))
    select p.id from page p, seen where p.stream_id = ${stream.id} and p.bytes > 0 and (
      p.seen && seen.nos or p.stale && seen.nos or p.id in (
        select page_id from record where ${theirs} union select page_id from record_history where ${theirs}
        union select page_id from contribution where ${theirs} union select d.page_id ${letters})
      -- A dead letter that failed again names its last page alone.
      or p.run_id in (select r.id from run r, lateral (select min(d.first_at) as since, max(d.last_at) as until ${letters} and d.times > 1) t
        where r.stream_id = ${stream.id} and r.dead_lettered > 0 and r.started_at <= t.until and (r.finished_at is null or r.finished_at >= t.since)))
    order by p.id`);
  const ids = numbers(pages.map((page) => page.id));
  const others = sql`stream_id = ${stream.id} and page_id = any(${ids}) and no <> all(${numbers(nos)})`;
  const kept = await tx.rows<{ page_id: number; slot: number }>(sql`
    select page_id, slot from record where ${others} union select page_id, slot from record_history where ${others}
    union select page_id, slot from contribution where ${others}
    union select page_id, coalesce(slot, kept) from dead_letter
      where stream_id = ${stream.id} and page_id = any(${ids}) and (external_id is null or external_id <> all(${texts(externalIds)})) and coalesce(slot, kept) is not null`);
  const isKept = new Set(kept.map((one) => `${one.page_id}/${one.slot}`));
  const done = { pages: 0, versions: 0 };
  for (const { id } of pages) {
    const [page] = await tx.rows<{ payload: Uint8Array }>(sql`select payload from page where id = ${id}`);
    const left = page ? await eraseSlots(page.payload, (slot) => isKept.has(`${id}/${slot}`)) : null;
    if (!left) continue;
    await tx.rows(sql`update page set payload = ${left.compressed}, bytes = ${left.bytes} where id = ${id}`);
    done.pages += 1;
    done.versions += left.erased;
  }
  return done;
}

/** That a record failed is kept, with its code; what was in it is not. */
async function eraseLetters(tx: Tx, { stream, externalIds }: Erased): Promise<number> {
  const rows = await tx.rows(sql`
    update dead_letter set slot = null, kept = null, problems = ${FORGOTTEN}, state = case state when 'open' then 'accepted' else state end
    where stream_id = ${stream.id} and external_id = any(${texts(externalIds)}) returning 1`);
  return rows.length;
}

const FORGOTTEN: SQL = sql`jsonb_build_array(jsonb_build_object('field', 'record', 'pointer', '', 'code', code, 'message', 'erased: the person asked to be forgotten'))`;

/** Withdraws what the records said, and folds anew whatever they ever spoke about. @returns those entities */
async function emptyEntities(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  { stream, nos }: Erased,
  records: readonly RecordRow[],
  at: Date,
): Promise<ReadonlyMap<number, Touch>> {
  const touches = new Map<number, Touch>();
  for (const row of await contributionsOfRecords(tx, stream.id, nos)) touch(touches, row.entity_id, row.entity, false);
  await tx.rows(sql`
    delete from decision d where entity_id = any(${numbers([...touches.keys()])}) and (field = any(${texts(PERSONAL)})
      or not exists (select 1 from contribution c where c.entity_id = d.entity_id and c.state = 'live' and not (c.stream_id = ${stream.id} and c.no = any(${numbers(nos)}))))`);
  const pages = rawPages(tx);
  const gone = records.filter((record) => record.state !== RECORD_STATE.deleted);
  const pageId = ids.next();
  const now = at.toISOString();
  if (records.length > 0) {
    await tx.rows(sql`
      insert into page (id, tenant, stream_id, run_id, seq, window_id, scope, observed_at, read, context, payload, bytes, seen)
      values (${pageId}, ${stream.tenant}, ${stream.id}, 0, 0, 'erased', '', ${now}::timestamptz, 0, '{}'::jsonb, ${new Uint8Array()}, 0, '{}'::int8multirange)`);
    await withdrawRecords(deps, tx, ids, pages, { stream, page: { observedAt: at } }, pageId, now, gone);
  }
  // What was observed before the wish comes too late, also for those that were gone already.
  await tx.rows(sql`
    update record set hash = ${NO_HASH}, page_id = ${pageId}, slot = ${NO_SLOT}, version = null where stream_id = ${stream.id} and no = any(${numbers(nos)})`);
  await tx.rows(
    sql`update record_history set hash = ${NO_HASH} where stream_id = ${stream.id} and no = any(${numbers(nos)})`,
  );
  // What was withdrawn before has left last words.
  const { byEntity } = await applyEntities(deps, tx, pages, stream, touches, new Set(nos), [], now);
  writeOutbox(tx, ids, stream.tenant, null, now, byEntity, null);
  return touches;
}

/**
 * Empties what was written, or was to be, to any vendor of entities that nobody speaks for any more, and to this connection
 * of the others. A write of unknown outcome is still looked up.
 */
async function eraseWrites(tx: Tx, stream: LoadStream, entities: ReadonlyMap<number, Touch>): Promise<number> {
  const people = ENTITY_NAMES.flatMap((entity) =>
    [...entities].flatMap(([id, of]) => (of.entity === entity ? [{ id, name: publicId(entity, id) }] : [])),
  );
  const here = sql`(select e.id, e.name, s.id as out from jsonb_to_recordset(${json(people)}) as e(id bigint, name text)
    join stream s on s.tenant = ${stream.tenant} and s.direction = 'out' and (s.connection_id = ${stream.connectionId}
      or not exists (select 1 from contribution c where c.entity_id = e.id and c.state = 'live')))`;
  const writes = await tx.rows(sql`
    update write_ledger l set values = '{}', ours = '{}', theirs = '{}', conflicts = '[]', expected = null,
      outcome = l.outcome - array['stored', 'message', 'fields'], state = case when l.state in ('listed', 'planned', 'retry') then 'superseded' else l.state end
    from ${here} h where l.stream_id = h.out and l.entity_id = h.id returning 1`);
  await tx.rows(sql`
    update write_state w set ours = '{}', theirs = '{}', written = '{}' from ${here} h where w.stream_id = h.out and w.entity_id = h.id`);
  await tx.rows(sql`
    update dead_letter d set problems = ${FORGOTTEN}, state = case d.state when 'open' then 'accepted' else d.state end
    from ${here} h where d.stream_id = h.out and d.external_id = h.name`);
  return writes.length;
}
