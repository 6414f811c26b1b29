/** Working on a run here and now, without a queue. */
import { sql } from '../store/store.ts';
import type { RunDeps } from './deps.ts';
import { runSlice } from './slice.ts';
import { isFinal, type RunState } from './states.ts';

/** How soon to look again at a run that cannot go on at the moment. */
const LOOK_AGAIN_MS = 500;

/** Works slice by slice until the run has ended or is held. Earlier runs of its stream, which go first, are worked on as well. */
export async function driveRun(deps: RunDeps, runId: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const [run] = await deps.store.rows<{ state: RunState }>(sql`select state from run where id = ${runId}`);
    if (!run || isFinal(run.state) || run.state === 'held') return;
    const [ahead] = await deps.store.rows<{ id: number }>(sql`
      select o.id from run o join run r on r.id = ${runId} and o.stream_id = r.stream_id and o.id <> r.id
      where o.state = 'running' or (o.state = 'queued' and (o.due_at, o.id) < (r.due_at, r.id)) order by o.state desc, o.due_at, o.id limit 1`);
    const result = await runSlice(deps, ahead?.id ?? runId, signal);
    signal.throwIfAborted();
    if (result && result.againInMs > 0) await deps.clock.sleep(Math.min(result.againInMs, LOOK_AGAIN_MS), signal);
  }
}

/**
 * Takes every lease back. Only for a process that has the store to itself: whoever held one is dead.
 */
export async function releaseLeases(deps: Pick<RunDeps, 'store'>): Promise<void> {
  await deps.store.rows(sql`update run set lease_until = null where state = 'running' and lease_until is not null`);
}
