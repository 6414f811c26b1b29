/** What a push did, in the counters of its run: every entity looked at has one outcome. */
import { passFence } from '../load/fence.ts';
import { json, type Store, sql, type Tx } from '../store/store.ts';
import type { PushRun } from './deps.ts';

export type Books = {
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  deadLettered: number;
  deleted: number;
  skippedBy: Record<string, number>;
};

export const newBooks = (): Books => ({
  created: 0,
  updated: 0,
  unchanged: 0,
  skipped: 0,
  deadLettered: 0,
  deleted: 0,
  skippedBy: {},
});

export function skipped(books: Books, reason: string): void {
  books.skipped += 1;
  books.skippedBy[reason] = (books.skippedBy[reason] ?? 0) + 1;
}

/** One transaction of a push, under the run's lease. @throws ERR_RUN_FENCED when the run is no longer ours */
export async function fenced<T>(
  store: Store,
  run: PushRun,
  books: Books,
  work: (tx: Tx) => Promise<T>,
): Promise<{ readonly made: T; readonly isCancelled: boolean }> {
  const done = await store.transaction(async (tx) => {
    const { cancelRequested } = await passFence(tx, { runId: run.id, epoch: run.lease_epoch, seq: run.seq });
    const made = await work(tx);
    const read = books.created + books.updated + books.unchanged + books.skipped + books.deadLettered;
    if (read > 0)
      await tx.rows(sql`
        update run set read = read + ${read}, created = created + ${books.created}, updated = updated + ${books.updated},
          unchanged = unchanged + ${books.unchanged}, skipped = skipped + ${books.skipped}, dead_lettered = dead_lettered + ${books.deadLettered},
          deleted = deleted + ${books.deleted},
          skipped_by = (select coalesce(jsonb_object_agg(key, total), '{}') from (
            select key, sum(value::bigint) as total from (
              select key, value from jsonb_each_text(run.skipped_by) union all select key, value from jsonb_each_text(${json(books.skippedBy)})) as both_counts
            group by key) as totals)
        where id = ${run.id}`);
    return { made, isCancelled: cancelRequested };
  });
  run.seq += 1;
  return done;
}
