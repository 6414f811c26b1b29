import { publicId } from '../canonical/ids.ts';
import { TributaryError } from '../errors.ts';
import { sql } from '../store/store.ts';
import type { RunDeps } from './deps.ts';
import { logRun, moveRun } from './runs.ts';
import { isFinal, type RunState } from './states.ts';

/**
 * Ends a run. `cancelled`: it has ended (it was queued, held, or nobody worked on it). `asked`: its worker ends it at the
 * next page. What it loaded stays. @throws ERR_NOT_FOUND, ERR_RUN_STATE when it has ended already
 */
export async function cancelRun(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  tenant: number,
  id: number,
): Promise<'cancelled' | 'asked'> {
  const now = deps.clock.now();
  return deps.store.transaction(async (tx) => {
    const [run] = await tx.rows<{ state: RunState; lease_until: Date | null }>(
      sql`select state, lease_until from run where id = ${id} and tenant = ${tenant} for update`,
    );
    if (!run)
      throw new TributaryError('ERR_NOT_FOUND', `There is no run ${publicId('run', id)}.`, {
        remedy: 'List the runs with `tributary runs list`.',
      });
    if (isFinal(run.state))
      throw new TributaryError('ERR_RUN_STATE', `Run ${publicId('run', id)} has ended already: it is ${run.state}.`);
    if (run.state === 'running' && run.lease_until !== null && run.lease_until > now) {
      await tx.rows(sql`update run set cancel_requested = true where id = ${id}`);
      return 'asked';
    }
    await moveRun(tx, id, 'cancelled', now);
    await tx.rows(sql`update held_delete set state = 'void' where run_id = ${id} and state = 'held'`);
    await logRun(tx, { id, tenant }, now, 'info', 'run cancelled');
    return 'cancelled';
  });
}
