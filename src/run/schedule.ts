/** Ticks: makes due runs, and wakes those that nobody works on. The database decides; any number of schedulers make one run. */
import { schedule as cron } from 'node-cron';
import { publicId } from '../canonical/ids.ts';
import type { WakeQueue } from '../queue/types.ts';
import { sql } from '../store/store.ts';
import type { RunDeps, RunStream } from './deps.ts';
import { createRun, dueRuns, logRun } from './runs.ts';
import { parseSchedule } from './schedule-times.ts';

const SWEEP_MS = 5_000;

/**
 * One look at the schedules: every stream whose time has come gets one run, however many ticks were missed; a tick that
 * finds a run still going is written into that run's log.
 * @returns the runs made
 */
export async function tick(deps: Pick<RunDeps, 'store' | 'clock'>, streams: readonly RunStream[]): Promise<number[]> {
  const now = deps.clock.now();
  const made: number[] = [];
  for (const stream of streams) {
    const times = parseSchedule(stream.config.every, stream.config.timezone);
    if (!times) continue;
    const [row] = await deps.store.rows<{ next_due_at: Date | null }>(
      sql`select next_due_at from stream where id = ${stream.id}`,
    );
    const due = row?.next_due_at ?? now;
    if (due > now) continue;
    const missed = row?.next_due_at ? times.missed(due, now) : { count: 1, last: now };
    await deps.store.rows(
      sql`update stream set next_due_at = ${times.next(now)?.toISOString() ?? null}::timestamptz where id = ${stream.id} and next_due_at is not distinct from ${row?.next_due_at?.toISOString() ?? null}::timestamptz`,
    );
    const [live] = await deps.store.rows<{ id: number }>(
      sql`select id from run where stream_id = ${stream.id} and state in ('queued', 'running') order by due_at limit 1`,
    );
    if (live) {
      await logRun(
        deps.store,
        { id: live.id, tenant: stream.tenant },
        now,
        'info',
        `the schedule was due at ${missed.last.toISOString()} while this run was going; no second run was made`,
      );
      continue;
    }
    const id = await createRun(deps.store, {
      tenant: stream.tenant,
      streamId: stream.id,
      mode: 'incremental',
      trigger: 'schedule',
      dueAt: missed.last,
    });
    if (id === null) continue;
    if (missed.count > 1)
      await logRun(
        deps.store,
        { id, tenant: stream.tenant },
        now,
        'info',
        `${missed.count} due times passed while nobody was there; this run makes up for all of them`,
      );
    made.push(id);
  }
  return made;
}

/** Wakes every run that is due and that nobody works on. What the queue lost is found here. */
export async function sweep(deps: Pick<RunDeps, 'store' | 'clock'>, queue: Pick<WakeQueue, 'wake'>): Promise<number> {
  const due = await dueRuns(deps.store, deps.clock.now());
  for (const run of due)
    await queue.wake(
      { run: publicId('run', run.id), tenant: String(run.tenant) },
      { class: run.trigger === 'webhook' ? 'webhook' : run.mode === 'incremental' ? 'poll' : 'backfill' },
    );
  return due.length;
}

/** Ticks every minute and sweeps every few seconds, until the signal ends it. Errors are logged; the next turn tries again. */
export function startScheduler(
  deps: RunDeps,
  queue: Pick<WakeQueue, 'wake'>,
  streams: readonly RunStream[],
  signal: AbortSignal,
): { readonly done: Promise<void> } {
  const guarded = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (thrown) {
      if (!signal.aborted) deps.log.error({ err: thrown }, `${what} failed; it is tried again`);
    }
  };
  const turn = () =>
    guarded('the schedule', () => tick(deps, streams)).then(() => guarded('the sweep', () => sweep(deps, queue)));
  const minutes = cron('* * * * *', turn, { timezone: 'UTC', noOverlap: true, suppressMissedWarning: true });
  const sweeping = async () => {
    await turn();
    while (!signal.aborted) {
      await deps.clock.sleep(SWEEP_MS, signal).catch(() => undefined);
      if (!signal.aborted) await guarded('the sweep', () => sweep(deps, queue));
    }
    await minutes.destroy();
  };
  return { done: sweeping() };
}
