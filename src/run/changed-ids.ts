/** Records that webhooks named: noted with a run that reads them again, and read by it. What a webhook's body says is not loaded. */
import type { Page, Source } from '../connector/contract.ts';
import { type IdBlocks, json, numbers, type Store, sql, type Tx } from '../store/store.ts';
import type { RunStream } from './deps.ts';

/** Ids asked for at once. */
const BATCH = 100;
/** Runs of a stream that may be due in one millisecond. */
const TRIES = 100;
/** Whoever notes changes of a stream holds this lock, so that they share a run. It is not the stream's row, which page commits hold. */
const LOCK = 7_421_907;
/** Changes without a run wait so long: their run failed, and is not tried again at once. */
const AGAIN_MS = 600_000;

export type NamedChange = { readonly streamId: number; readonly id: string };

/**
 * Notes records to be read again, and makes a run for each of their streams that has none waiting.
 * @param ids two for each stream, taken before the transaction
 * @returns the runs to be woken
 */
export async function noteChanges(
  tx: Tx,
  { tenant, at, changes, ids }: { tenant: number; at: Date; changes: readonly NamedChange[]; ids: IdBlocks },
): Promise<number[]> {
  const streams = [...new Set(changes.map((one) => one.streamId))].sort((a, b) => a - b);
  const now = at.toISOString();
  for (const stream of streams) await tx.rows(sql`select pg_advisory_xact_lock(${LOCK}::integer, ${stream}::integer)`);
  await tx.rows(sql`
    insert into inbound_change (stream_id, external_id, tenant, received_at)
    select distinct c.stream_id, c.id, ${tenant}::integer, ${now}::timestamptz
    from jsonb_to_recordset(${json(changes.map(({ streamId, id }) => ({ stream_id: streamId, id })))}) as c(stream_id integer, id text)
    on conflict (stream_id, external_id) do update set times = inbound_change.times + 1, received_at = excluded.received_at`);
  // Locked, so that one that waits is not taken before these changes are there for it to see.
  const waiting = await tx.rows<{ id: number; stream_id: number }>(sql`
    select id, stream_id from run where stream_id = any(${numbers(streams)}) and mode = 'ids' and state = 'queued' order by id for update`);
  const runs = new Map(waiting.map((run) => [run.stream_id, run.id]));
  for (const stream of streams)
    if (!runs.has(stream)) runs.set(stream, await insertIdsRun(tx, { tenant, stream, at, id: ids.next() }));
  return [...runs.values()];
}

async function insertIdsRun(
  tx: Tx,
  { tenant, stream, at, id }: { tenant: number; stream: number; at: Date; id: number },
): Promise<number> {
  for (let later = 0; later < TRIES; later += 1) {
    const made = await tx.rows(sql`
      insert into run (id, tenant, stream_id, state, mode, trigger, due_at)
      values (${id}, ${tenant}, ${stream}, 'queued', 'ids', 'webhook', ${new Date(at.getTime() + later).toISOString()}::timestamptz)
      on conflict (stream_id, due_at) do nothing returning id`);
    if (made.length > 0) break;
  }
  return id;
}

/** Makes runs for changes that have none any more, because theirs failed. @returns the runs to be woken */
export async function rescueChanges(store: Store, tenant: number, now: Date): Promise<number[]> {
  const before = sql`${new Date(now.getTime() - AGAIN_MS).toISOString()}::timestamptz`;
  const left = await store.rows<{ stream_id: number; external_id: string }>(sql`
    select distinct on (c.stream_id) c.stream_id, c.external_id from inbound_change c join stream s on s.id = c.stream_id and s.removed_at is null
    where c.tenant = ${tenant} and c.received_at < ${before} and not exists (
      select 1 from run r where r.stream_id = c.stream_id and r.mode = 'ids' and (r.finished_at is null or r.finished_at > ${before}))
    order by c.stream_id`);
  if (left.length === 0) return [];
  const ids = await store.newIds(left.length);
  const changes = left.map((row) => ({ streamId: row.stream_id, id: row.external_id }));
  return store.transaction((tx) => noteChanges(tx, { tenant, at: now, changes, ids }));
}

/** A source that reads what was noted for the stream, and forgets it when it is committed. */
export function changedSource(store: Store, stream: Pick<RunStream, 'id'>, source: Source): Source {
  return {
    ...source,
    async *read(request) {
      let last: Pending | undefined;
      for (;;) {
        const pending = await pendingOf(store, stream.id, last);
        last = pending.at(-1);
        if (!last) return;
        const page = await source.readIds(
          request.stream,
          pending.map((one) => one.external_id),
        );
        yield settling(page, () => forget(store, stream.id, pending));
      }
    },
  };
}

type Pending = { readonly external_id: string; readonly times: number; readonly received_at: Date };

function pendingOf(store: Store, stream: number, last: Pending | undefined): Promise<Pending[]> {
  const behind = last
    ? sql`and (received_at, external_id) > (${last.received_at.toISOString()}::timestamptz, ${last.external_id})`
    : sql``;
  return store.rows<Pending>(sql`
    select external_id, times, received_at from inbound_change where stream_id = ${stream} ${behind} order by received_at, external_id limit ${BATCH}`);
}

const settling = (page: Page, settle: () => Promise<void>): Page => ({
  ...page,
  next: null,
  complete: false,
  afterCommit: async () => {
    await page.afterCommit?.();
    await settle();
  },
});

/** One that was named again while it was read stays: what was read may be older. */
async function forget(store: Store, stream: number, read: readonly Pending[]): Promise<void> {
  const rows = read.map(({ external_id, times }) => ({ external_id, times }));
  await store.rows(sql`
    delete from inbound_change c using jsonb_to_recordset(${json(rows)}) as r(external_id text, times integer)
    where c.stream_id = ${stream} and c.external_id = r.external_id and c.times = r.times`);
}
