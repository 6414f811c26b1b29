/**
 * Forgets what is older than the operator wants kept, counted from when it was loaded: a file may be of last year. What stands
 * behind a current row is never removed.
 */
import { type Store, sql } from '../store/store.ts';

export type Retention = { readonly rawDays: number; readonly outboxDays: number; readonly runDays: number };

/** Vendors repeat a delivery for two days at most. */
const DELIVERY_DAYS = 14;
const DAY_MS = 86_400_000;

/** @returns how many rows went, by table */
export async function forget(
  store: Store,
  tenant: number,
  retention: Retention,
  now: Date,
): Promise<Readonly<Record<string, number>>> {
  const before = (days: number) => sql`${new Date(now.getTime() - days * DAY_MS).toISOString()}::timestamptz`;
  const gone = async (statement: ReturnType<typeof sql>): Promise<number> =>
    (
      await store.rows<{ gone: number }>(sql`with gone as (${statement} returning 1) select count(*) as gone from gone`)
    )[0]?.gone ?? 0;
  return {
    record_history: await gone(
      sql`delete from record_history h using page p, run r where h.tenant = ${tenant} and p.id = h.replaced_by and r.id = p.run_id and r.started_at < ${before(retention.rawDays)}`,
    ),
    page: await gone(sql`
      delete from page p using run loaded where p.tenant = ${tenant} and loaded.id = p.run_id and loaded.started_at < ${before(retention.rawDays)}
        and not exists (select 1 from record r where r.page_id = p.id) and not exists (select 1 from contribution c where c.page_id = p.id)
        and not exists (select 1 from record_history h where h.page_id = p.id or h.replaced_by = p.id)
        and not exists (select 1 from dead_letter d where d.page_id = p.id and d.state = 'open')
        -- Who approves deletes has to know what came back since, and who reads on in a window what was seen in it.
        and not exists (select 1 from held_delete h where h.stream_id = p.stream_id and h.state = 'held')
        and (p.stream_id, p.window_id) not in (select distinct on (l.stream_id) l.stream_id, l.window_id from page l where l.tenant = ${tenant} order by l.stream_id, l.id desc)
        and not exists (select 1 from run r where r.id = p.run_id and r.state in ('queued', 'running', 'held'))`),
    inbound_delivery: await gone(
      sql`delete from inbound_delivery where tenant = ${tenant} and received_at < ${before(DELIVERY_DAYS)}`,
    ),
    login: await gone(sql`delete from login where tenant = ${tenant} and expires_at < ${before(1)}`),
    // What a push has not seen yet stays, however long its vendor is away.
    outbox: await gone(sql`
      delete from outbox o where o.tenant = ${tenant} and o.at < ${before(retention.outboxDays)}
        and not exists (select 1 from stream s where s.tenant = ${tenant} and s.direction = 'out' and s.removed_at is null and (s.cursor->>'xact')::xid8 <= o.xact)`),
    run: await gone(sql`
      delete from run r where r.tenant = ${tenant} and r.finished_at < ${before(retention.runDays)} and r.state not in ('queued', 'running', 'held')
        and r.id <> (select max(id) from run o where o.stream_id = r.stream_id) and not exists (select 1 from page p where p.run_id = r.id)`),
    alert: await gone(sql`delete from alert where tenant = ${tenant} and recovered_at < ${before(retention.runDays)}`),
    run_log: await gone(sql`delete from run_log l where l.tenant = ${tenant} and l.at < ${before(retention.runDays)}`),
    dead_letter: await gone(
      sql`delete from dead_letter where tenant = ${tenant} and state <> 'open' and last_at < ${before(retention.rawDays)}`,
    ),
    held_delete: await gone(
      sql`delete from held_delete h where h.tenant = ${tenant} and h.state <> 'held' and not exists (select 1 from run r where r.id = h.run_id)`,
    ),
  };
}
