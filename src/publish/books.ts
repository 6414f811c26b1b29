/** Transactions of a push, and what they count in its run: every entity looked at has one outcome. */
import { countsAdded } from '../load/counts.ts';
import { passFence } from '../load/fence.ts';
import type { Counts } from '../load/types.ts';
import { type Store, sql, type Tx } from '../store/store.ts';
import type { PushRun } from './deps.ts';

/**
 * One transaction of a push, under the run's lease. What is read follows from the other counts.
 * @throws ERR_RUN_FENCED when the run is no longer ours
 */
export async function fenced<T>(
  store: Store,
  run: PushRun,
  books: Counts,
  work: (tx: Tx) => Promise<T>,
): Promise<{ readonly made: T; readonly isCancelled: boolean }> {
  const done = await store.transaction(async (tx) => {
    const { cancelRequested } = await passFence(tx, { runId: run.id, epoch: run.lease_epoch, seq: run.seq });
    const made = await work(tx);
    const read = books.created + books.updated + books.unchanged + books.skipped + books.deadLettered;
    if (read > 0) await tx.rows(sql`update run set ${countsAdded({ ...books, read })} where id = ${run.id}`);
    return { made, isCancelled: cancelRequested };
  });
  run.seq += 1;
  return done;
}
