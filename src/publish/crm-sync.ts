/** Where leads stand in the CRMs that are written to: told from the ledger, never kept beside it. */
import { numbers, sql, type Tx } from '../store/store.ts';

export type CrmSystem = { readonly status: 'pending' | 'synced' | 'failed'; readonly crm_id: string | null };

/** `crm_id`: that of the first CRM that has the lead. */
export type CrmSync = CrmSystem & { readonly systems: Readonly<Record<string, CrmSystem>> };

/** @param streams outgoing streams that write leads, with the names of their connections */
export async function crmSync(
  tx: Tx,
  streams: readonly { readonly id: number; readonly connection: string }[],
  leads: readonly number[],
): Promise<ReadonlyMap<number, CrmSync>> {
  if (streams.length === 0 || leads.length === 0) return new Map();
  const rows = await tx.rows<{ lead: number; stream: number; crm_id: string | null; last: string | null }>(sql`
    select e.id as lead, s.id as stream,
      (select w.external_id from write_state w where w.stream_id = s.id and w.entity_id = e.id and w.state = 'live' limit 1) as crm_id,
      (select l.state from write_ledger l where l.stream_id = s.id and l.entity_id = e.id and l.state <> 'superseded' order by l.id desc limit 1) as last
    from unnest(${numbers(leads)}) as e(id) cross join unnest(${numbers(streams.map((one) => one.id))}) as s(id)`);
  const found = new Map<number, CrmSync>();
  for (const lead of leads) {
    const systems: Record<string, CrmSystem> = {};
    for (const { id, connection } of streams) {
      const row = rows.find((one) => one.lead === lead && one.stream === id);
      systems[connection] = { status: statusOf(row?.crm_id ?? null, row?.last ?? null), crm_id: row?.crm_id ?? null };
    }
    const all = Object.values(systems);
    const is = (status: CrmSystem['status']): boolean => all.some((one) => one.status === status);
    found.set(lead, {
      status: is('failed') ? 'failed' : is('pending') ? 'pending' : 'synced',
      crm_id: all.find((one) => one.crm_id !== null)?.crm_id ?? null,
      systems,
    });
  }
  return found;
}

function statusOf(crmId: string | null, last: string | null): CrmSystem['status'] {
  if (last === 'rejected') return 'failed';
  const isUnderWay = last === 'planned' || last === 'sent' || last === 'retry' || last === 'listed';
  return crmId === null || isUnderWay ? 'pending' : 'synced';
}
