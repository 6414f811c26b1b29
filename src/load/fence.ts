import { TributaryError } from '../errors.ts';
import { sql, type Tx } from '../store/store.ts';
import type { Fence } from './types.ts';

/** The first statement of every page: zero rows moved means that another worker has the run. @throws ERR_RUN_FENCED */
export async function passFence(tx: Tx, fence: Fence): Promise<{ readonly cancelRequested: boolean }> {
  const [moved] = await tx.rows<{ cancel_requested: boolean }>(sql`
    update run set seq = seq + 1, attempts = 0
    where id = ${fence.runId} and lease_epoch = ${fence.epoch} and seq = ${fence.seq} and state = 'running' returning cancel_requested`);
  if (!moved)
    throw new TributaryError('ERR_RUN_FENCED', `Run ${fence.runId} has gone on elsewhere.`, {
      evidence: { epoch: fence.epoch, seq: fence.seq },
    });
  return { cancelRequested: moved.cancel_requested };
}
