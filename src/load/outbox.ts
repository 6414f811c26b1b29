import { type IdBlocks, numbers, sql, type Tx } from '../store/store.ts';
import type { EntityChanges } from './entities.ts';
import { type Counts, count } from './types.ts';

/** One row per entity and kind of change, in the transaction that made the changes. `counts` takes them up. */
export function writeOutbox(
  tx: Tx,
  ids: IdBlocks,
  tenant: number,
  pageId: number | null,
  at: string,
  changes: EntityChanges['byEntity'],
  counts: Counts | null,
): void {
  for (const [entity, byChange] of changes) {
    for (const [change, changed] of byChange) {
      if (counts) count(counts.entities, `${entity}.${change}`, changed.length);
      tx.send(sql`insert into outbox (id, tenant, page_id, entity, change, ids, at)
        values (${ids.next()}, ${tenant}, ${pageId}, ${entity}, ${change}, ${numbers(changed)}, ${at}::timestamptz)`);
    }
  }
}
