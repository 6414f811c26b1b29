/**
 * Deletes by absence, and their brake. Only a window that was read to its end without a gap may say that a record is
 * gone, and only within its scope.
 */
import { publicId } from '../canonical/ids.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { json, numbers, type SQL, type Store, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { rawPages } from './evaluate.ts';
import { passFence } from './fence.ts';
import type { RecordRow } from './plan.ts';
import type { Fence, LoadStream } from './types.ts';
import { withdrawRecords } from './withdraw.ts';

export type WindowEnd = {
  readonly id: string;
  readonly scope: string;
  readonly observedAt: Date;
  /** What the source promised for the window; `null`: it promised nothing. */
  readonly expected: number | null;
};
export type Brake = { readonly share: number; readonly count: number };

/** What became of the records a complete window did not show. */
export type Absence = {
  readonly state: 'nothing' | 'deleted' | 'held';
  readonly records: number;
  readonly of: number;
  /** What was deleted, as it was known. */
  readonly gone: readonly { readonly no: number; readonly hash: Uint8Array }[];
};

/** Stands behind a window's id in the page of what it did not show. */
export const DELETES = '#deletes';

/** Records that an error text names. */
const MOST_NAMED = 5;

const ROWS = sql.raw(
  `r.no, r.external_id, r.hash, r.page_id, r.slot, r.version, r.mapping_set, r.state, r.scope, 0::bigint as observed`,
);

/**
 * Deletes what a complete window did not show, unless the brake holds: then the deletes are listed for somebody to
 * approve. Fenced and counted like a page.
 */
export async function deleteAbsent(
  deps: LoadDeps,
  stream: LoadStream,
  fence: Fence,
  end: WindowEnd,
  brake: Brake,
): Promise<Absence> {
  const ids = await deps.store.newIds(4096);
  return deps.store.transaction(async (tx) => {
    const at = deps.clock.now().toISOString();
    await passFence(tx, fence);
    const [run] = await tx.rows<{ mode: string; began: Date | null }>(sql`
      update run set closing = null where id = ${fence.runId} returning mode,
        (select min(observed_at) from page p where p.stream_id = ${stream.id} and p.window_id = ${end.id} and p.run_id = ${fence.runId}) as began`);
    const window: Read = {
      ...end,
      // What was seen after the first part of the window was read may be gone from the source only to be back behind that part.
      observedAt: run?.began ?? end.observedAt,
      // A full read has read all of the window itself: what earlier runs made of the same file is past.
      by: run?.mode === 'full' ? sql`and p.run_id = ${fence.runId}` : sql``,
    };
    const doubt =
      (await unreadable(tx, stream, fence.runId, window)) ?? (await missing(tx, stream, fence.runId, window));
    if (doubt !== null)
      await tx.rows(sql`update run set tainted = coalesce(tainted, ${doubt}) where id = ${fence.runId}`);
    const absent = doubt === null ? await absentRecords(tx, stream, window) : [];
    if (absent.length === 0) return { state: 'nothing', gone: [], records: 0, of: 0 };
    const [live] = await tx.rows<{ live: number }>(
      sql`select count(*) as live from record where stream_id = ${stream.id} and scope = ${window.scope} and state in (1, 2)`,
    );
    const of = live?.live ?? 0;
    const [open] = await tx.rows(
      sql`select 1 from held_delete h join run on run.id = h.run_id where h.stream_id = ${stream.id} and h.state = 'held' and (run.state = 'held' or run.id = ${fence.runId}) limit 1`,
    );
    if (open || (absent.length > brake.count && absent.length > brake.share * of)) {
      await tx.rows(sql`update run set held = true where id = ${fence.runId}`);
      await tx.rows(sql`insert into held_delete (tenant, run_id, stream_id, no, external_id, state, page_id)
        select ${stream.tenant}, ${fence.runId}, ${stream.id}, n.no, n.external_id, 'held', ${ids.next()}
        from jsonb_to_recordset(${json(absent.map((row) => ({ no: row.no, external_id: row.external_id })))}) as n(no bigint, external_id text) on conflict do nothing`);
      return { state: 'held', gone: [], records: absent.length, of };
    }
    await removeRecords(deps, tx, ids, stream, fence.runId, fence.seq + 1, window, at, absent);
    return { state: 'deleted', gone: absent, records: absent.length, of };
  });
}

/** A window that was read to its end. `by`: which of its pages count. */
type Read = WindowEnd & { readonly by: SQL };

/** Which part of a window could not be read, by this run or an earlier one that broke off, and what that leaves open; `null`: none. */
async function unreadable(tx: Tx, stream: LoadStream, runId: number, window: Read): Promise<string | null> {
  const [tainted] = await tx.rows<{ run_id: number }>(
    sql`select run_id from page p where p.stream_id = ${stream.id} and p.window_id = ${window.id} ${window.by} and p.tainted order by run_id = ${runId} desc, id desc limit 1`,
  );
  if (!tainted) return null;
  const unseen = await absentRecords(tx, stream, window);
  const named = unseen.slice(0, MOST_NAMED).map((row) => row.external_id);
  const more = unseen.length > named.length ? ` and ${unseen.length - named.length} more` : '';
  const open =
    unseen.length === 0
      ? ''
      : `; whether records that were not seen are gone was not judged, and none was deleted: ${named.join(', ')}${more}`;
  return `a part that was read earlier, by ${publicId('run', tainted.run_id)} (\`tributary runs show\` names the place)${open}`;
}

/** How a window fell short of what the source promised; `null`: it did not. */
async function missing(tx: Tx, stream: LoadStream, runId: number, window: WindowEnd): Promise<string | null> {
  if (window.expected === null) return null;
  const [row] = await tx.rows<{ alone: number; read: number }>(sql`
    select coalesce(sum(read) filter (where run_id = ${runId}), 0)::bigint as alone, coalesce(sum(read), 0)::bigint as read
    from page where stream_id = ${stream.id} and window_id = ${window.id}`);
  // Read by this run from its start, or gone on with where an earlier run broke off.
  const { alone = 0, read = 0 } = row ?? {};
  if (alone === window.expected || read === window.expected) return null;
  return `the source promised ${window.expected} records and sent ${alone}`;
}

/** Live records of the scope that no page of the window saw. */
async function absentRecords(tx: Tx, stream: LoadStream, window: Read): Promise<RecordRow[]> {
  return tx.rows<RecordRow>(sql`
    with r as materialized (
      select * from record
      where stream_id = ${stream.id} and scope = ${window.scope} and state in (${RECORD_STATE.live}, ${RECORD_STATE.filtered})
        and not no <@ (select coalesce(range_agg(span), '{}'::int8multirange) from page p, unnest(p.seen + p.stale) as span
          where p.stream_id = ${stream.id} and p.window_id = ${window.id} and p.scope = ${window.scope} ${window.by}))
    select ${ROWS} from r
    where not exists (select 1 from page later where later.stream_id = ${stream.id} and later.observed_at > ${window.observedAt.toISOString()}::timestamptz and (later.seen @> r.no or later.stale @> r.no))`);
}

/** Commits deletes as a page of their own. */
async function removeRecords(
  deps: LoadDeps,
  tx: Tx,
  ids: Awaited<ReturnType<Store['newIds']>>,
  stream: LoadStream,
  runId: number,
  seq: number,
  window: WindowEnd,
  at: string,
  gone: readonly RecordRow[],
): Promise<void> {
  const pageId = ids.next();
  await tx.rows(sql`
    insert into page (id, tenant, stream_id, run_id, seq, window_id, scope, observed_at, read, context, payload, bytes, seen)
    values (${pageId}, ${stream.tenant}, ${stream.id}, ${runId}, ${seq}, ${window.id + DELETES}, ${window.scope}, ${window.observedAt.toISOString()}::timestamptz, 0, '{}'::jsonb, ${new Uint8Array()}, 0, '{}'::int8multirange)`);
  await withdrawRecords(
    deps,
    tx,
    ids,
    rawPages(tx),
    { stream, page: { observedAt: window.observedAt } },
    pageId,
    at,
    gone,
  );
  await tx.rows(sql`update run set deleted = deleted + ${gone.length} where id = ${runId}`);
}

/**
 * Carries out exactly the deletes a run listed; records that were seen again since are left alone.
 * @returns how many were deleted and how many had come back.
 */
export async function approveDeletes(
  deps: LoadDeps,
  stream: LoadStream,
  runId: number,
): Promise<{ deleted: number; returned: number }> {
  const ids = await deps.store.newIds(4096);
  return deps.store.transaction(async (tx) => {
    const at = deps.clock.now();
    const [run] = await tx.rows<{ seq: number; observed: Date }>(sql`
      update run set seq = seq + 1 where id = ${runId} returning seq, (select max(observed_at) from page where run_id = ${runId}) as observed`);
    // A run that is going on takes these records for unchanged when it meets them: it begins a new slice, and knows better.
    await tx.rows(
      sql`update run set lease_epoch = lease_epoch + 1, lease_until = null where stream_id = ${stream.id} and state = 'running'`,
    );
    const listed = await tx.rows<RecordRow & { seen_again: boolean }>(sql`
      select ${ROWS}, exists (
          select 1 from page later where later.stream_id = h.stream_id and later.id > h.page_id and (later.seen @> r.no or later.stale @> r.no)) as seen_again
      from held_delete h join record r on r.stream_id = h.stream_id and r.no = h.no
      where h.run_id = ${runId} and h.state = 'held' order by r.no for update of r`);
    const gone = listed.filter(
      (row) => !row.seen_again && (row.state === RECORD_STATE.live || row.state === RECORD_STATE.filtered),
    );
    const window: WindowEnd = {
      id: `run ${runId}`,
      scope: listed[0]?.scope ?? '',
      observedAt: run?.observed ?? at,
      expected: null,
    };
    if (gone.length > 0)
      await removeRecords(deps, tx, ids, stream, runId, run?.seq ?? 0, window, at.toISOString(), gone);
    await tx.rows(sql`update held_delete set state = case when no = any(${numbers(gone.map((row) => row.no))}) then 'applied' else 'void' end
      where run_id = ${runId} and state = 'held'`);
    return { deleted: gone.length, returned: listed.length - gone.length };
  });
}
