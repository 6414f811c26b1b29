/** What the store knows of a stream, held against what the vendor has. */
import type { App } from '../../src/app.ts';
import { unpack } from '../../src/load/payload.ts';
import type { RunStream } from '../../src/run/deps.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { RECORD_STATE } from '../../src/store/record-state.ts';
import { numbers, sql } from '../../src/store/store.ts';

export type Findings = {
  /** Records that are missing or old, and deletes that nobody noticed. */
  readonly lost: readonly string[];
  readonly falseDeletes: readonly string[];
  readonly duplicates: readonly string[];
  readonly unbalanced: readonly string[];
};

type Row = { no: number; external_id: string; state: number; page_id: number; slot: number };

export type Extent = {
  /** Also deletes that the source does not name: behind a full read, or where it was asked for each record. */
  readonly isAll: boolean;
  /** These records alone. */
  readonly only?: ReadonlySet<string>;
};

export async function verifyStream(
  app: App,
  system: VendorSystem,
  stream: RunStream,
  { isAll, only }: Extent,
): Promise<Omit<Findings, 'unbalanced'>> {
  const truth = new Map([...system.truth(stream.name)].filter(([id]) => only?.has(id) ?? true));
  const all = await app.store.rows<Row>(
    sql`select no, external_id, state, page_id, slot from record where stream_id = ${stream.id} order by no`,
  );
  const rows = all.filter((row) => only?.has(row.external_id) ?? true);
  const known = await markersOf(app, system, stream, rows);
  const lost: string[] = [];
  const falseDeletes: string[] = [];
  const states = new Map(rows.map((row) => [row.external_id, row.state]));
  for (const [id, marker] of truth) {
    const state = states.get(id);
    if (state === RECORD_STATE.deleted) falseDeletes.push(`${stream.name} ${id} (${marker})`);
    else if (state === undefined) lost.push(`${stream.name} ${id} (${marker}) is missing`);
    else if (state === RECORD_STATE.dead) lost.push(`${stream.name} ${id} (${marker}) is a dead letter`);
    else if (known.get(id) !== marker) lost.push(`${stream.name} ${id} is ${known.get(id)}, not ${marker}`);
  }
  const connector = stream.connector.streams?.find(({ name }) => name === stream.name);
  if (isAll || connector?.deletes.includes('tombstone') === true)
    for (const { external_id: id, state } of rows)
      if (state !== RECORD_STATE.deleted && !truth.has(id)) lost.push(`the delete of ${stream.name} ${id}`);
  return { lost, falseDeletes, duplicates: [...(await doubled(app, stream)), ...(await halfAlive(app, stream))] };
}

async function markersOf(app: App, system: VendorSystem, stream: RunStream, rows: readonly Row[]) {
  const pages = await app.store.rows<{ id: number; payload: Uint8Array; context: Record<string, never> }>(
    sql`select id, payload, context from page where id = any(${numbers([...new Set(rows.map(({ page_id: id }) => id))])})`,
  );
  const decode = app.decodeOf(stream.id);
  const known = new Map<string, string>();
  const records = new Map<number, Awaited<ReturnType<typeof unpack>>>();
  for (const { id, payload } of pages) records.set(id, await unpack(payload));
  const contexts = new Map(pages.map(({ id, context }) => [id, context]));
  for (const { external_id: id, state, page_id: page, slot } of rows) {
    const parts = state === RECORD_STATE.deleted ? undefined : records.get(page)?.at(slot);
    if (parts) known.set(id, system.marker(stream.name, decode(parts, contexts.get(page) ?? {})));
  }
  return known;
}

/** Records that are there twice, versions of one that were loaded twice in a row, and pages that were. */
async function doubled({ store }: App, { id, name }: RunStream): Promise<string[]> {
  const twice = await store.rows<{ external_id: string; count: number }>(
    sql`select external_id, count(*)::integer as count from record where stream_id = ${id} group by 1 having count(*) > 1`,
  );
  const again = await store.rows<{ external_id: string }>(sql`
    select r.external_id from (
      select no, hash, state, lead(hash) over w as next_hash, lead(state) over w as next_state
      from (select no, hash, state, replaced_by as at from record_history where stream_id = ${id}
        union all select no, hash, state, ${Number.MAX_SAFE_INTEGER}::bigint from record where stream_id = ${id}) versions
      window w as (partition by no order by at)) v
    join record r on r.stream_id = ${id} and r.no = v.no where v.hash = v.next_hash and v.state = v.next_state`);
  const pages = await store.rows<{ run_id: number; seq: number }>(
    sql`select run_id, seq from page where stream_id = ${id} group by 1, 2 having count(*) > 1`,
  );
  return [
    ...pages.map((row) => `page ${row.seq} of run ${row.run_id} of ${name} was loaded twice`),
    ...twice.map((row) => `${name} ${row.external_id} is there ${row.count} times`),
    ...again.map((row) => `a version of ${name} ${row.external_id} was loaded twice`),
  ];
}

/** Live records without a living entity, and entities that live on although none of their records does. */
async function halfAlive({ store }: App, { id, name }: RunStream): Promise<string[]> {
  const rows = await store.rows<{ external_id: string; outputs: number }>(sql`
    select r.external_id, count(*)::integer as outputs from record r
      join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.state = 'live'
    where r.stream_id = ${id} group by r.external_id, c.mapping_id, c.output having count(*) > 1
    union all
    select r.external_id, 0 from record r join contribution c on c.stream_id = r.stream_id and c.no = r.no and c.state = 'live'
    where r.stream_id = ${id} and r.state = ${RECORD_STATE.deleted}`);
  return rows.map((row) => `${name} ${row.external_id} speaks ${row.outputs} times`);
}

/** Runs that are not at an end or do not balance. */
export async function unbalanced({ store }: App): Promise<string[]> {
  const rows = await store.rows<{
    id: number;
    name: string;
    state: string;
    read: number;
    outcomes: number;
    paged: number;
  }>(sql`
    select r.id, s.name, r.state, r.read, r.created + r.updated + r.unchanged + r.skipped + r.dead_lettered as outcomes,
      r.tombstones + coalesce((select sum(p.read) from page p where p.run_id = r.id), 0)::bigint as paged
    from run r join stream s on s.id = r.stream_id order by r.id`);
  return rows
    .filter(
      ({ state, read, outcomes, paged }) =>
        read !== outcomes || paged !== read || ['queued', 'running'].includes(state),
    )
    .map(
      (row) =>
        `run ${row.id} of ${row.name} is ${row.state}: ${row.read} read, ${row.outcomes} accounted for, ${row.paged} in pages`,
    );
}
