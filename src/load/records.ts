import { CopyRows } from '../store/copy.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import type { RecordPlan } from './plan.ts';
import type { CommitRequest, LoadStream, PreparedPage, Recognised } from './types.ts';

const COLUMNS = [
  ...['stream_id', 'no', 'tenant', 'external_id', 'hash'],
  ...['page_id', 'slot', 'version', 'mapping_set', 'state', 'scope'],
];

/** Writes the latest version of each record; the one before it goes into the history. */
export function writeRecords(tx: Tx, request: CommitRequest, pageId: number, plans: readonly RecordPlan[]): void {
  const { stream, page, set } = request;
  const rows = new CopyRows();
  const updates: Record<string, unknown>[] = [];
  const stillGone: { no: number; version: number | null }[] = [];
  for (const plan of plans) {
    const { candidate, existing, no, slot, state } = plan;
    if (isStillGone(plan)) stillGone.push({ no, version: candidate.version });
    else if (existing)
      updates.push({ no, hash: Buffer.from(candidate.hash).toString('hex'), slot, version: candidate.version, state });
    else {
      rows.row(COLUMNS.length).int4(stream.id).int8(no).int4(stream.tenant).text(candidate.id).raw(candidate.hash);
      rows.int8(pageId).int4(slot).int8(candidate.version).int4(set.id).int2(state).text(page.window.scope);
    }
  }
  tx.copy('record', COLUMNS, rows);
  setVersions(tx, stream, stillGone);
  if (updates.length === 0) return;
  if (!page.again)
    keepHistory(
      tx,
      stream,
      pageId,
      updates.map((row) => Number(row['no'])),
    );
  tx.send(sql`
    update record r set hash = decode(n.hash, 'hex'), page_id = ${pageId}, slot = n.slot, version = n.version, state = n.state, mapping_set = ${set.id}, scope = ${page.window.scope}, confirmed_at = null
    from jsonb_to_recordset(${JSON.stringify(updates)}::jsonb) as n(no bigint, hash text, slot integer, version bigint, state smallint)
    where r.stream_id = ${stream.id} and r.no = n.no`);
}

/** A record that is gone, said again to be gone: the page remembers when, and nothing else is to be written. */
export const isStillGone = ({ existing, state }: RecordPlan): boolean =>
  existing?.state === RECORD_STATE.deleted && state === RECORD_STATE.deleted;

function setVersions(
  tx: Tx,
  stream: LoadStream,
  versions: readonly { readonly no: number; readonly version: number | null }[],
): void {
  if (versions.length === 0) return;
  tx.send(sql`
    update record r set version = n.version from jsonb_to_recordset(${JSON.stringify(versions)}::jsonb) as n(no bigint, version bigint)
    where r.stream_id = ${stream.id} and r.no = n.no and r.version is distinct from n.version`);
}

/**
 * Records that stand unchanged in another scope than before belong to it from now on: the old one may drop them without
 * deleting them. What a later page saw elsewhere stays there.
 */
export function moveScopes(
  tx: Tx,
  stream: LoadStream,
  { window: { scope }, observedAt }: PreparedPage,
  nos: readonly number[],
): void {
  if (nos.length === 0) return;
  tx.send(sql`
    update record r set scope = ${scope}
    where r.stream_id = ${stream.id} and r.no = any(${numbers(nos)}) and r.scope <> ${scope}
      and not exists (select 1 from page p where p.stream_id = ${stream.id} and p.observed_at > ${observedAt.toISOString()}::timestamptz and p.seen @> r.no)`);
}

/** The source's version of a record may rise although its content stays; what lies between the two is older from then on. */
export function raiseVersions(
  tx: Tx,
  stream: LoadStream,
  recognised: readonly Pick<Recognised, 'no' | 'version'>[],
): void {
  const versioned = recognised.flatMap(({ no, version }) => (version === null ? [] : [{ no, version }]));
  if (versioned.length === 0) return;
  tx.send(sql`
    update record r set version = n.version
    from (select no, max(version) as version from jsonb_to_recordset(${JSON.stringify(versioned)}::jsonb) as v(no bigint, version bigint) group by no) n
    where r.stream_id = ${stream.id} and r.no = n.no and (r.version is null or r.version < n.version)`);
}

export const keepHistory = (tx: Tx, stream: LoadStream, pageId: number, nos: readonly number[]): void =>
  tx.send(sql`
    insert into record_history (stream_id, no, tenant, hash, page_id, slot, version, mapping_set, state, replaced_by)
    select stream_id, no, tenant, hash, page_id, slot, version, mapping_set, state, ${pageId}
    from unnest(${numbers(nos)}) as n(key) join record on stream_id = ${stream.id} and no = key`);
