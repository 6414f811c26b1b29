/** Whether a stream that is written to has something to do that nobody is at. */
import type { Cursor } from '../connector/contract.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { type Store, sql } from '../store/store.ts';
import { isBehind } from './touched.ts';

/** False while a push of it is queued or going, or its connection is paused. */
export async function isPushDue(
  store: Store,
  stream: { readonly id: number; readonly tenant: number },
  entity: Outgoing['entity'],
): Promise<boolean> {
  const [row] = await store.rows<{ cursor: Cursor | null; busy: boolean }>(sql`
    select s.cursor, c.paused_at is not null or exists (select 1 from run r where r.stream_id = s.id and r.state in ('queued', 'running')) as busy
    from stream s join connection c on c.id = s.connection_id where s.id = ${stream.id}`);
  return row !== undefined && !row.busy && isBehind(store, stream.tenant, entity, row.cursor);
}
