import { publicId } from '../canonical/ids.ts';
import { TributaryError } from '../errors.ts';
import { approveDeletes } from '../load/deletes.ts';
import { auditing } from '../store/audit.ts';
import { sql, type Tx } from '../store/store.ts';
import type { RunDeps } from './deps.ts';
import { logRun, moveRun } from './runs.ts';
import type { RunState } from './states.ts';

export type Approval = {
  readonly deleted: number;
  /** Records that were seen again since the run listed them; they stay. */
  readonly returned: number;
  readonly state: 'succeeded' | 'incomplete';
};

/** Carries out exactly the deletes a held run listed, and ends the run. @throws ERR_NOT_FOUND, ERR_RUN_STATE */
export async function approveRun(
  deps: RunDeps,
  { tenant, id, actor }: { readonly tenant: number; readonly id: number; readonly actor: string },
): Promise<Approval> {
  const name = publicId('run', id);
  const [run] = await deps.store.rows<{ state: RunState; stream_id: number; tainted: string | null }>(
    sql`select state, stream_id, tainted from run where id = ${id} and tenant = ${tenant}`,
  );
  if (!run) {
    throw new TributaryError('ERR_NOT_FOUND', `There is no run ${name}.`, {
      remedy: 'List the runs with `tributary runs list`.',
    });
  }
  if (run.state !== 'held') {
    throw new TributaryError('ERR_RUN_STATE', `Run ${name} is ${run.state}; only a held run waits for approval.`);
  }
  const stream = await deps.stream(run.stream_id);
  if (stream.writes)
    throw new TributaryError('ERR_RUN_STATE', `Run ${name} has listed writes, not deletes.`, {
      remedy: `Look at them with \`tributary connections writes ${stream.connection}\`, then \`tributary connections approve-writes ${stream.connection}\`.`,
    });
  const { deleted, returned } = await approveDeletes(deps.load, stream, id);
  const state = run.tainted === null ? 'succeeded' : 'incomplete';
  const audit = await auditing(deps.store);
  const at = deps.clock.now();
  await deps.store.transaction(async (tx) => {
    await moveRun(tx, id, state, at);
    await logRun(
      tx,
      { id, tenant },
      at,
      'info',
      `${actor} approved: ${deleted} deleted, ${returned} had come back and stay`,
    );
    await audit(tx, { tenant, at, actor, action: 'runs.approve', subject: name, details: { deleted, returned } });
  });
  return { deleted, returned, state };
}

export type HeldDelete = { readonly externalId: string; readonly state: 'held' | 'applied' | 'void' };

/** What a run wanted to delete, in the order of the source's first mention. */
export const heldDeletes = (tx: Tx, runId: number, limit: number): Promise<HeldDelete[]> =>
  tx.rows(
    sql`select external_id as "externalId", state from held_delete where run_id = ${runId} order by no limit ${limit}::bigint`,
  );
