/** Where each stream is read on, and starting over. */
import { publicId } from '../canonical/ids.ts';
import type { Cursor } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { auditing } from '../store/audit.ts';
import { sql, type Tx } from '../store/store.ts';
import type { RunDeps, RunStream } from './deps.ts';

export type Checkpoint = {
  readonly connection: string;
  readonly stream: string;
  /** `null`: the next run reads from the beginning. */
  readonly cursor: Cursor | null;
  readonly movedAt: string | null;
};

export async function showCheckpoints(
  tx: Tx,
  filter: { readonly connection?: string | undefined; readonly stream?: string | undefined },
): Promise<Checkpoint[]> {
  const rows = await tx.rows<Omit<Checkpoint, 'movedAt'> & { moved: Date | null }>(sql`
    select c.name as connection, s.name as stream, s.cursor, (select max(observed_at) from page p where p.stream_id = s.id) as moved
    from stream s join connection c on c.id = s.connection_id
    where s.removed_at is null and (${filter.connection ?? null}::text is null or c.name = ${filter.connection ?? null})
      and (${filter.stream ?? null}::text is null or s.name = ${filter.stream ?? null}) order by c.name, s.id`);
  return rows.map(({ connection, stream, cursor, moved }) => ({
    connection,
    stream,
    cursor,
    movedAt: cursor && moved ? moved.toISOString() : null,
  }));
}

/**
 * Forgets where a stream is read on: the next run reads from the beginning, and what it knows already is unchanged.
 * @returns the cursor that was forgotten. @throws ERR_RUN_STATE while a run of the stream is queued or going
 */
export async function resetCheckpoint(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  stream: RunStream,
  actor: string,
): Promise<Cursor | null> {
  const audit = await auditing(deps.store);
  const at = deps.clock.now();
  return deps.store.transaction(async (tx) => {
    const [row] = await tx.rows<{ cursor: Cursor | null }>(
      sql`select cursor from stream where id = ${stream.id} for update`,
    );
    const [live] = await tx.rows<{ id: number; state: string }>(
      sql`select id, state from run where stream_id = ${stream.id} and state in ('queued', 'running') order by id limit 1`,
    );
    if (live) {
      const id = publicId('run', live.id);
      throw new TributaryError('ERR_RUN_STATE', `Run ${id} of ${stream.connection}/${stream.name} is ${live.state}.`, {
        remedy: `Wait for its end, or end it: tributary runs cancel ${id}`,
      });
    }
    await tx.rows(sql`update stream set cursor = null where id = ${stream.id}`);
    await audit(tx, {
      tenant: stream.tenant,
      at,
      actor,
      action: 'checkpoints.reset',
      subject: `${stream.connection}/${stream.name}`,
      details: { cursor: row?.cursor ?? null },
    });
    return row?.cursor ?? null;
  });
}
