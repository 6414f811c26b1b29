import type { Gauges } from '../observe/metrics.ts';
import { type Store, sql } from '../store/store.ts';

type Row = { connection: string; stream: string; dead: number; held: number; success: number | null };

/** Reads the figures that only the store knows; for `metrics.beforeScrape`. */
export function storeGauges(store: Store, tenant: number): (gauges: Gauges) => Promise<void> {
  return async (gauges) => {
    const rows = await store.rows<Row>(sql`
      select c.name as connection, s.name as stream,
        (select count(*) from dead_letter d where d.tenant = s.tenant and d.stream_id = s.id and d.state = 'open')::bigint as dead,
        (select count(*) from held_delete h where h.stream_id = s.id and h.state = 'held')::bigint as held,
        (select (extract(epoch from r.finished_at) * 1000)::bigint from run r where r.stream_id = s.id and r.state = 'succeeded' and r.finished_at is not null order by r.id desc limit 1) as success
      from stream s join connection c on c.id = s.connection_id where s.tenant = ${tenant} and s.removed_at is null`);
    for (const { connection, stream, dead, held, success } of rows) {
      gauges.deadLettersOpen({ connection, stream }, dead);
      gauges.deletesHeld({ connection, stream }, held);
      if (success !== null) gauges.lastSuccess({ connection, stream }, new Date(success));
    }
    const [outbox] = await store.rows<{ open: number }>(
      sql`select count(*)::bigint as open from outbox where tenant = ${tenant} and published_at is null`,
    );
    gauges.outboxOpen(outbox?.open ?? 0);
  };
}
