/** The first writes of a connection wait for somebody who has seen them listed. */
import type { JsonObject } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { auditing } from '../store/audit.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import type { RunDeps } from './deps.ts';

export type ListedWrite = {
  readonly stream: string;
  readonly entity: string;
  readonly entityId: number;
  readonly part: string;
  readonly action: string;
  readonly externalId: string | null;
  readonly values: JsonObject;
  readonly state: string;
  readonly attempts: number;
};

/** Writes of a connection that are listed, under way or were refused; the oldest first. @throws ERR_NOT_FOUND */
export async function listWrites(
  tx: Tx,
  tenant: number,
  connection: string,
  limit: number,
): Promise<{ approved: boolean; total: number; writes: ListedWrite[] }> {
  const [row] = await tx.rows<{ id: number; approved: boolean }>(
    sql`select id, writes_approved_at is not null as approved from connection where tenant = ${tenant} and name = ${connection} and removed_at is null`,
  );
  if (!row) throw unknown(connection);
  const open = sql`l.tenant = ${tenant} and s.connection_id = ${row.id} and l.state in ('listed', 'planned', 'sent', 'retry')`;
  const [count] = await tx.rows<{ total: number }>(
    sql`select count(*) as total from write_ledger l join stream s on s.id = l.stream_id where ${open}`,
  );
  const writes = await tx.rows<ListedWrite>(sql`
    select s.name as stream, l.entity, l.entity_id as "entityId", l.part, l.action, l.external_id as "externalId", l.values, l.state, l.attempts
    from write_ledger l join stream s on s.id = l.stream_id where ${open} order by l.id limit ${limit}::bigint`);
  return { approved: row.approved, total: count?.total ?? 0, writes };
}

const unknown = (connection: string): TributaryError =>
  new TributaryError('ERR_NOT_FOUND', `There is no connection ${connection}.`, {
    remedy: 'List them with `tributary connections list`.',
  });

/**
 * Lets a connection be written to from now on. What was listed is compared once more before it is sent.
 * @returns how many writes were listed; `null`: it was approved before. @throws ERR_NOT_FOUND
 */
export async function approveWrites(
  { store, clock }: Pick<RunDeps, 'store' | 'clock'>,
  { tenant, connection, actor }: { readonly tenant: number; readonly connection: string; readonly actor: string },
): Promise<number | null> {
  const audit = await auditing(store);
  const at = clock.now();
  return store.transaction(async (tx) => {
    const [row] = await tx.rows<{ id: number; approved: boolean }>(
      sql`select id, writes_approved_at is not null as approved from connection where tenant = ${tenant} and name = ${connection} and removed_at is null for update`,
    );
    if (!row) throw unknown(connection);
    if (row.approved) return null;
    await tx.rows(
      sql`update connection set writes_approved_at = ${at.toISOString()}::timestamptz where id = ${row.id}`,
    );
    const streams = await tx.rows<{ id: number }>(
      sql`select id from stream where connection_id = ${row.id} and direction = 'out'`,
    );
    const outs = numbers(streams.map((stream) => stream.id));
    const listed = await tx.rows(
      sql`update write_ledger set state = 'retry' where stream_id = any(${outs}) and state = 'listed' returning id`,
    );
    await tx.rows(sql`
      update run set state = 'succeeded', held = false, finished_at = ${at.toISOString()}::timestamptz where stream_id = any(${outs}) and state = 'held'`);
    await audit(tx, {
      tenant,
      at,
      actor,
      action: 'connections.approve-writes',
      subject: connection,
      details: { listed: listed.length },
    });
    return listed.length;
  });
}
