/** Connections and their streams, as they are shown; pausing and resuming them. */
import { publicId } from '../canonical/ids.ts';
import { TributaryError } from '../errors.ts';
import { auditing } from '../store/audit.ts';
import { sql, type Tx } from '../store/store.ts';
import type { RunDeps } from './deps.ts';
import type { RunState } from './states.ts';
import { PLATFORM } from './streams.ts';

export type StreamFacts = {
  readonly name: string;
  readonly every: string;
  readonly nextDueAt: string | null;
  /** When everything is read again, and when fields the cursor cannot see. */
  readonly reconcile: { readonly every: string; readonly nextAt: string | null };
  readonly sweep: { readonly every: string; readonly nextAt: string | null };
  readonly records: number;
  readonly deadLetters: number;
  readonly lastRun: { readonly id: string; readonly state: RunState; readonly finishedAt: string | null } | null;
};
export type ConnectionFacts = {
  readonly name: string;
  readonly connector: string;
  readonly direction: string;
  readonly stockAuthority: boolean;
  readonly pausedAt: string | null;
  readonly streams: readonly StreamFacts[];
};

type Row = {
  name: string;
  connector: string;
  direction: string;
  stock_authority: boolean;
  paused_at: Date | null;
  stream: string | null;
  every: string;
  next_due_at: Date | null;
  reconcile: string;
  next_reconcile_at: Date | null;
  sweep: string;
  next_sweep_at: Date | null;
  records: number;
  dead: number;
  run_id: number | null;
  run_state: RunState;
  finished_at: Date | null;
};

/** What the configuration names now, in the order of names. */
export async function listConnections(tx: Tx): Promise<ConnectionFacts[]> {
  const rows = await tx.rows<Row>(sql`
    select c.name, c.connector, c.direction, c.stock_authority, c.paused_at, s.name as stream, s.every, s.next_due_at, s.reconcile, s.next_reconcile_at, s.sweep, s.next_sweep_at,
      (select count(*)::bigint from record r where r.stream_id = s.id and r.state = 1) as records,
      (select count(*)::bigint from dead_letter d where d.stream_id = s.id and d.state = 'open') as dead,
      last.id as run_id, last.state as run_state, last.finished_at
    from connection c left join stream s on s.connection_id = c.id and s.removed_at is null
    left join lateral (select id, state, finished_at from run where stream_id = s.id order by id desc limit 1) last on true
    where c.removed_at is null and c.name <> ${PLATFORM} order by c.name, s.id`);
  const byName = new Map<string, ConnectionFacts & { streams: StreamFacts[] }>();
  for (const row of rows) {
    const { name, connector, direction, stock_authority: stockAuthority } = row;
    const known = byName.get(name) ?? {
      name,
      connector,
      direction,
      stockAuthority,
      pausedAt: iso(row.paused_at),
      streams: [],
    };
    byName.set(name, known);
    if (row.stream === null) continue;
    known.streams.push({
      name: row.stream,
      every: row.every,
      nextDueAt: iso(row.next_due_at),
      reconcile: { every: row.reconcile, nextAt: iso(row.next_reconcile_at) },
      sweep: { every: row.sweep, nextAt: iso(row.next_sweep_at) },
      records: row.records,
      deadLetters: row.dead,
      lastRun:
        row.run_id === null
          ? null
          : { id: publicId('run', row.run_id), state: row.run_state, finishedAt: iso(row.finished_at) },
    });
  }
  return [...byName.values()];
}

const iso = (time: Date | null): string | null => (time === null ? null : time.toISOString());

export type PauseRequest = {
  readonly tenant: number;
  readonly connection: string;
  readonly paused: boolean;
  readonly actor: string;
};

/**
 * Pauses a connection, or lets it go on: no run of it starts or goes on beyond its slice while it is paused.
 * @returns whether that changed anything. @throws ERR_NOT_FOUND
 */
export async function pauseConnection(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  { tenant, connection, paused, actor }: PauseRequest,
): Promise<boolean> {
  const audit = await auditing(deps.store);
  const at = deps.clock.now();
  return deps.store.transaction(async (tx) => {
    const [row] = await tx.rows<{ id: number; paused: boolean }>(
      sql`select id, paused_at is not null as paused from connection where tenant = ${tenant} and name = ${connection} and removed_at is null for update`,
    );
    if (!row)
      throw new TributaryError('ERR_NOT_FOUND', `There is no connection ${connection}.`, {
        remedy: 'List them with `tributary connections list`.',
      });
    if (row.paused === paused) return false;
    await tx.rows(
      sql`update connection set paused_at = ${paused ? at.toISOString() : null}::timestamptz where id = ${row.id}`,
    );
    await audit(tx, {
      tenant,
      at,
      actor,
      action: paused ? 'connections.pause' : 'connections.resume',
      subject: connection,
      details: {},
    });
    return true;
  });
}
