/** Runs as rows: made, claimed, moved on and ended here and nowhere else. */
import { publicId } from '../canonical/ids.ts';
import type { Cursor } from '../connector/contract.ts';
import { type Evidence, TributaryError } from '../errors.ts';
import { type SQL, type Store, sql, type Tx, texts } from '../store/store.ts';
import { isFinal, type RunMode, type RunState, type RunTrigger, statesBefore } from './states.ts';

export type RunRow = {
  id: number;
  tenant: number;
  stream_id: number;
  state: RunState;
  mode: RunMode;
  trigger: RunTrigger;
  mapping_set: number | null;
  seq: number;
  lease_epoch: number;
  cursor: Cursor | null;
  closing: { id: string; scope: string; observedAt: string; expected: number | null } | null;
  tainted: string | null;
  held: boolean;
  cancel_requested: boolean;
  attempts: number;
};

export type RunError = {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly evidence: Evidence;
};

const COLUMNS = sql.raw(
  'id, tenant, stream_id, state, mode, trigger, mapping_set, seq, lease_epoch, cursor, closing, tainted, held, cancel_requested, attempts',
);

export type NewRun = {
  readonly tenant: number;
  readonly streamId: number;
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  readonly dueAt: Date;
};

/** Makes a due run; `null` when there is one for this stream and time already (any number of schedulers make one). */
export async function createRun(store: Store, run: NewRun): Promise<number | null> {
  const id = (await store.newIds(1)).next();
  return (await insertRun(store, id, run)) ? id : null;
}

/** The same with an id at hand, inside a transaction where that is wanted. */
export async function insertRun(db: Pick<Store, 'rows'>, id: number, run: NewRun): Promise<boolean> {
  const made = await db.rows(sql`
    insert into run (id, tenant, stream_id, state, mode, trigger, due_at) values (${id}, ${run.tenant}, ${run.streamId}, 'queued', ${run.mode}, ${run.trigger}, ${run.dueAt.toISOString()}::timestamptz)
    on conflict (stream_id, due_at) do nothing returning id`);
  return made.length > 0;
}

/** A webhook's run looks again so soon. */
const SOON_MS = 200;

export type Claim = { readonly run: RunRow } | { readonly againInMs: number } | null;

/**
 * Takes a run's lease under a new epoch. `null`: it is at its end. `againInMs`: not now (another run of the stream is
 * live, another worker has it, its next attempt is later, or the connection is paused).
 */
export function claimRun(store: Store, id: number, now: Date, leaseMs: number): Promise<Claim> {
  return store.transaction(async (tx) => {
    const [run] = await tx.rows<{
      state: RunState;
      mode: RunMode;
      stream_id: number;
      lease_until: Date | null;
      next_attempt_at: Date | null;
    }>(sql`select state, mode, stream_id, lease_until, next_attempt_at from run where id = ${id} for update`);
    // The run first and its stream after it, as in every page: two who take them in turns never wait for each other.
    if (run) await tx.rows(sql`select 1 from stream where id = ${run.stream_id} for update`);
    if (!run || isFinal(run.state) || run.state === 'held') return null;
    const wait = Math.max(run.lease_until?.getTime() ?? 0, run.next_attempt_at?.getTime() ?? 0) - now.getTime();
    if (wait > 0) return { againInMs: wait };
    // What a webhook named is read between two slices of another run; that one goes on afterwards.
    const isAhead =
      run.mode === 'ids'
        ? sql`o.state = 'running' and (o.mode = 'ids' or o.lease_until > ${now.toISOString()}::timestamptz)`
        : sql`o.state = 'running' or (o.state = 'queued' and (o.due_at, o.id) < (r.due_at, r.id))`;
    const [before] = await tx.rows(
      sql`select 1 from run o join run r on r.id = ${id} where o.stream_id = ${run.stream_id} and o.id <> r.id and (${isAhead}) limit 1`,
    );
    if (before) return { againInMs: run.mode === 'ids' ? SOON_MS : 1000 };
    const [paused] = await tx.rows(
      sql`select 1 from stream s join connection c on c.id = s.connection_id where s.id = ${run.stream_id} and c.paused_at is not null`,
    );
    if (paused) return { againInMs: 30_000 };
    const [claimed] = await tx.rows<RunRow>(sql`
      update run set state = 'running', lease_epoch = lease_epoch + 1, lease_until = ${after(now, leaseMs)}, next_attempt_at = null,
        started_at = coalesce(started_at, ${now.toISOString()}::timestamptz)
      where id = ${id} returning ${COLUMNS}`);
    return claimed ? { run: claimed } : null;
  });
}

const after = (now: Date, ms: number): SQL => sql`${new Date(now.getTime() + ms).toISOString()}::timestamptz`;

/** Keeps the lease; false when it is somebody else's by now. */
export async function renewLease(store: Store, run: RunRow, now: Date, leaseMs: number): Promise<boolean> {
  const kept = await store.rows(
    sql`update run set lease_until = ${after(now, leaseMs)} where id = ${run.id} and lease_epoch = ${run.lease_epoch} and state = 'running' returning id`,
  );
  return kept.length > 0;
}

/** Gives the lease back between slices; the run stays live. */
export async function pauseRun(store: Store, run: RunRow, notBefore: Date | null): Promise<void> {
  await store.rows(
    sql`update run set lease_until = null, next_attempt_at = ${notBefore?.toISOString() ?? null}::timestamptz where id = ${run.id} and lease_epoch = ${run.lease_epoch} and state = 'running'`,
  );
}

/** Puts a run that failed in passing back into the queue. */
export async function retryRun(store: Store, run: RunRow, error: RunError, nextAttempt: Date): Promise<void> {
  await store.rows(sql`
    update run set state = 'queued', attempts = attempts + 1, lease_until = null, next_attempt_at = ${nextAttempt.toISOString()}::timestamptz, error = ${JSON.stringify(error)}::jsonb
    where id = ${run.id} and lease_epoch = ${run.lease_epoch} and state = 'running'`);
}

/** Ends a run (or holds it); only along a legal transition. @throws ERR_RUN_STATE */
export async function moveRun(
  db: Pick<Store, 'rows'> | Tx,
  id: number,
  to: RunState,
  now: Date,
  options: { error?: RunError | null; epoch?: number } = {},
): Promise<void> {
  const moved = await db.rows(sql`
    update run set state = ${to}, lease_until = null, next_attempt_at = null, finished_at = ${now.toISOString()}::timestamptz,
      error = ${options.error === undefined ? sql`error` : sql`${options.error === null ? null : JSON.stringify(options.error)}::jsonb`}
    where id = ${id} and state = any(${texts(statesBefore(to))}) and (${options.epoch ?? null}::integer is null or lease_epoch = ${options.epoch ?? null}) returning id`);
  if (moved.length === 0)
    throw new TributaryError('ERR_RUN_STATE', `Run ${publicId('run', id)} cannot become ${to} now.`);
}

export type Balance = { readonly read: number; readonly outcomes: number };

export async function balanceOf(store: Store, id: number): Promise<Balance> {
  const [row] = await store.rows<Balance>(
    sql`select read, created + updated + unchanged + skipped + dead_lettered as outcomes from run where id = ${id}`,
  );
  return row ?? { read: 0, outcomes: 0 };
}

/** Runs of a tenant's configured streams that nobody works on although they are due. */
export function dueRuns(
  store: Store,
  tenant: number,
  now: Date,
): Promise<{ id: number; mode: RunMode; trigger: RunTrigger }[]> {
  return store.rows(sql`
    select id, mode, trigger from run
    where tenant = ${tenant} and stream_id in (select id from stream where tenant = ${tenant} and removed_at is null)
      and state in ('queued', 'running') and trigger <> 'api' and (lease_until is null or lease_until < ${now.toISOString()}::timestamptz)
      and (next_attempt_at is null or next_attempt_at <= ${now.toISOString()}::timestamptz)
    order by due_at limit 1000`);
}

/** Whether records that webhooks named wait for their stream to be free. */
export async function webhooksWait(store: Store, streamId: number): Promise<boolean> {
  const waiting = await store.rows(
    sql`select 1 from run where state = 'queued' and mode = 'ids' and stream_id = ${streamId} limit 1`,
  );
  return waiting.length > 0;
}

/** A line of a run's log, kept in the store for `runs logs`. */
export async function logRun(
  store: Pick<Store, 'rows'>,
  run: { id: number; tenant: number },
  at: Date,
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Record<string, unknown> = {},
): Promise<void> {
  await store.rows(
    sql`insert into run_log (tenant, run_id, at, level, message, fields) values (${run.tenant}, ${run.id}, ${at.toISOString()}::timestamptz, ${level}, ${message}, ${JSON.stringify(fields)}::jsonb)`,
  );
}
