/** Records that are gone: what they said is withdrawn, never erased. */
import { RECORD_STATE } from '../store/record-state.ts';
import { tellStock } from '../store/stock-outbox.ts';
import { type IdBlocks, numbers, sql, type Tx } from '../store/store.ts';
import { withdrawContributions } from './contributions.ts';
import type { LoadDeps } from './deps.ts';
import { applyEntities, type Touch, touch } from './entities.ts';
import { contributionsOfRecords, type rawPages } from './evaluate.ts';
import { redirectArchived } from './merges.ts';
import { writeOutbox } from './outbox.ts';
import type { RecordRow } from './plan.ts';
import { keepHistory } from './records.ts';
import { NO_HASH, NO_SLOT } from './sort-out.ts';
import { handOver, withdrawFigures } from './stock.ts';
import type { LoadStream, PreparedPage } from './types.ts';

/** Withdraws everything these records say; their entities are folded anew, or archived when nobody speaks for them. */
export async function withdrawRecords(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  pages: ReturnType<typeof rawPages>,
  request: { readonly stream: LoadStream; readonly page: Pick<PreparedPage, 'observedAt'> },
  pageId: number,
  at: string,
  gone: readonly RecordRow[],
): Promise<void> {
  if (gone.length === 0) return;
  const { stream, page } = request;
  const nos = gone.map((row) => row.no);
  const rows = (await contributionsOfRecords(tx, stream.id, nos)).filter((row) => row.state === 'live');
  const touches = new Map<number, Touch>();
  for (const row of rows) touch(touches, row.entity_id, row.entity, false);
  const { byEntity } = await applyEntities(deps, tx, pages, stream, touches, new Set(nos), [], at);
  withdrawContributions(tx, stream, rows);
  await redirectArchived(tx, stream.tenant, byEntity);
  const levels = await withdrawFigures(tx, stream, pageId, nos, page.observedAt.getTime());
  await handOver(tx, stream.tenant, pageId, levels);
  const moved = levels.map((level) => level.variant_id);
  tellStock(tx, stream.tenant, moved, page.observedAt);
  keepHistory(tx, stream, pageId, nos);
  // Absence has no version: what comes later is held against the time it was observed.
  tx.send(sql`
    update record set state = ${RECORD_STATE.deleted}, hash = ${NO_HASH}, page_id = ${pageId}, slot = ${NO_SLOT}, version = null, confirmed_at = null
    from unnest(${numbers(nos)}) as n(key) where stream_id = ${stream.id} and no = key`);
  writeOutbox(tx, ids, stream.tenant, pageId, at, byEntity, null);
}
