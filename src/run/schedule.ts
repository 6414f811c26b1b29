/** Ticks: makes due runs, and wakes those that nobody works on. The database decides; any number of schedulers make one run. */
import { schedule as cron } from 'node-cron';
import { publicId } from '../canonical/ids.ts';
import type { StreamConfig } from '../config/types.ts';
import { asTributaryError } from '../errors.ts';
import type { WakeQueue } from '../queue/types.ts';
import { type Store, sql, texts } from '../store/store.ts';
import type { RunDeps, RunStream } from './deps.ts';
import { dueRuns, insertRun, logRun } from './runs.ts';
import { MOST_COUNTED, parseSchedule } from './schedule-times.ts';
import type { RunMode } from './states.ts';

const SWEEP_MS = 5_000;
const HOUR_MS = 3_600_000;

type Scheduled = Pick<RunStream, 'id' | 'tenant' | 'config' | 'writes'>;

/**
 * One look at the schedules: every stream whose time has come gets one run, however many ticks were missed; a tick that
 * finds a run still going is written into that run's log. What is due is taken and turned into a run in one transaction, so
 * that of any number of schedulers one does it, and a crash leaves it due.
 * @returns the runs made
 * @throws at the end, what is wrong with the first stream that is wrong
 */
export async function tick(deps: Pick<RunDeps, 'store' | 'clock'>, streams: readonly Scheduled[]): Promise<number[]> {
  const now = deps.clock.now();
  const made: number[] = [];
  let broken: unknown;
  for (const stream of streams)
    for (const kind of KINDS) {
      try {
        const id = await tickStream(deps.store, stream, kind, now);
        if (id !== null) made.push(id);
      } catch (thrown) {
        // What is wrong with one stream keeps no other back; what ails the database ails them all.
        if (asTributaryError(thrown).retry === 'transient') throw thrown;
        broken ??= thrown;
      }
    }
  if (broken !== undefined) throw broken;
  return made;
}

/** What a stream has schedules for. */
type Kind = {
  readonly mode: 'incremental' | 'full' | 'sweep';
  readonly every: (config: StreamConfig) => string;
  readonly column: string;
  /** Runs that do the same, or more. */
  readonly covers: readonly RunMode[];
  /** Set apart from the others that are due at the same time; in this order. */
  readonly offsetMs: number;
};
const KINDS: readonly Kind[] = [
  {
    mode: 'incremental',
    every: (config) => config.every,
    column: 'next_due_at',
    covers: ['incremental', 'full', 'remap', 'replay', 'push'],
    offsetMs: 0,
  },
  {
    mode: 'full',
    every: (config) => config.reconcile ?? 'manual',
    column: 'next_reconcile_at',
    covers: ['full'],
    offsetMs: 1,
  },
  {
    mode: 'sweep',
    every: (config) => config.sweep ?? 'manual',
    column: 'next_sweep_at',
    covers: ['full', 'sweep'],
    offsetMs: 2,
  },
];

async function tickStream(store: Store, stream: Scheduled, kind: Kind, now: Date): Promise<number | null> {
  const times = parseSchedule(kind.every(stream.config), stream.config.timezone);
  if (!times) return null;
  const column = sql.raw(kind.column);
  const [row] = await store.rows<{ due: Date | null }>(
    sql`select ${column} as due from stream where id = ${stream.id}`,
  );
  const due = row?.due ?? null;
  if (due && due > now) {
    const next = due.getTime() - now.getTime() > HOUR_MS ? times.next(now) : due;
    if (next && due > next)
      // The clock was ahead when it was set: nobody would come before the clock is there again.
      await store.rows(
        sql`update stream set ${column} = ${next.toISOString()}::timestamptz where id = ${stream.id} and ${column} = ${due.toISOString()}::timestamptz`,
      );
    return null;
  }
  const missed = due ? times.missed(due, now) : { count: 1, last: now };
  const next = times.next(now);
  const id = (await store.newIds(1)).next();
  return store.transaction(async (tx) => {
    const taken = await tx.rows(
      sql`update stream set ${column} = ${next?.toISOString() ?? null}::timestamptz where id = ${stream.id} and ${column} is not distinct from ${due?.toISOString() ?? null}::timestamptz returning id`,
    );
    if (taken.length === 0) return null;
    // The first read of a stream reads everything; the others begin with their next time.
    if (due === null && kind.mode !== 'incremental') return null;
    const say = (run: number, message: string) => logRun(tx, { id: run, tenant: stream.tenant }, now, 'info', message);
    const [live] = await tx.rows<{ id: number }>(
      sql`select id from run where stream_id = ${stream.id} and state in ('queued', 'running') and mode = any(${texts(kind.covers)}) order by due_at limit 1`,
    );
    if (live) {
      const at = missed.last.toISOString();
      await say(live.id, `the schedule was due at ${at} while this run was going; no second run was made`);
      return null;
    }
    const run = {
      tenant: stream.tenant,
      streamId: stream.id,
      mode: stream.writes ? 'push' : kind.mode,
      trigger: 'schedule',
    } as const;
    const dueAt = new Date(missed.last.getTime() + kind.offsetMs);
    if (!(await insertRun(tx, id, { ...run, dueAt }))) return null;
    const many = `${missed.count}${missed.count >= MOST_COUNTED ? ' or more' : ''}`;
    if (missed.count > 1)
      await say(id, `${many} due times passed while nobody was there; this run makes up for all of them`);
    return id;
  });
}

/** Wakes every run of the tenant that is due and that nobody works on. What the queue lost is found here. */
export async function sweep(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  queue: Pick<WakeQueue, 'wake'>,
  tenant: number,
): Promise<number> {
  const due = await dueRuns(deps.store, tenant, deps.clock.now());
  for (const run of due)
    await queue.wake(
      { run: publicId('run', run.id), tenant: String(tenant) },
      {
        class:
          run.trigger === 'webhook'
            ? 'webhook'
            : run.mode === 'incremental' || run.mode === 'push'
              ? 'poll'
              : 'backfill',
      },
    );
  return due.length;
}

/** Ticks at every minute and every few seconds, and sweeps as often, until the signal ends it. Errors are logged; the next turn tries again. */
export function startScheduler(
  deps: RunDeps,
  queue: Pick<WakeQueue, 'wake'>,
  { tenant, streams }: { readonly tenant: number; readonly streams: readonly RunStream[] },
  signal: AbortSignal,
): { readonly done: Promise<void> } {
  const told = new Map<string, string>();
  const guarded = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
      if (told.delete(what)) deps.log.info({}, `${what} works again`);
    } catch (thrown) {
      // Once per cause: it is tried every few seconds.
      const { code, message } = asTributaryError(thrown);
      if (signal.aborted || told.get(what) === code) return;
      told.set(what, code);
      deps.log.error(
        { err: code === 'ERR_INTERNAL' ? thrown : undefined, code },
        `${what} failed: ${message} It is tried again.`,
      );
    }
  };
  const turn = () =>
    guarded('the schedule', () => tick(deps, streams)).then(() =>
      guarded('the sweep', () => sweep(deps, queue, tenant)),
    );
  const minutes = cron('* * * * *', turn, { timezone: 'UTC', noOverlap: true, suppressMissedWarning: true });
  const sweeping = async () => {
    await turn();
    while (!signal.aborted) {
      await deps.clock.sleep(SWEEP_MS, signal).catch(() => undefined);
      if (!signal.aborted) await turn();
    }
    await minutes.destroy();
  };
  return { done: sweeping() };
}
