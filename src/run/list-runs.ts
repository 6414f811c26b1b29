/** Runs as they are shown: the command line and the API give the same. */
import { parseId, publicId } from '../canonical/ids.ts';
import { TributaryError } from '../errors.ts';
import { numbers, type SQL, sql, type Tx, texts } from '../store/store.ts';
import type { RunError } from './runs.ts';
import { isFinal, type RunMode, type RunState, type RunTrigger } from './states.ts';

export type RunFacts = {
  /** `run_…` */
  readonly id: string;
  readonly connection: string;
  readonly stream: string;
  readonly state: RunState;
  readonly read: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly deadLettered: number;
  readonly deleted: number;
  readonly error: RunError | null;
  /** ISO 8601 UTC, as all times here. */
  readonly nextAttemptAt: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  /** Reason to count. */
  readonly skippedBy: Readonly<Record<string, number>>;
  /** `entity.change` to count. */
  readonly entities: Readonly<Record<string, number>>;
  /** What kept the source from being read whole. */
  readonly tainted: string | null;
  /** Deletes that wait for approval. */
  readonly held: number;
  readonly dueAt: string;
};

export type RunFilter = {
  readonly ids?: readonly number[];
  readonly connection?: string | undefined;
  readonly stream?: string | undefined;
  readonly states?: readonly string[];
  readonly limit: number;
  /** From 1. */
  readonly page: number;
};

type Row = Omit<RunFacts, 'id'> & { id: number };

const iso = (column: string): SQL => sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);

/** Newest first. */
export async function listRuns(tx: Tx, filter: RunFilter): Promise<RunFacts[]> {
  const where = [sql`true`];
  if (filter.ids) where.push(sql`r.id = any(${numbers(filter.ids)})`);
  if (filter.connection !== undefined) where.push(sql`c.name = ${filter.connection}`);
  if (filter.stream !== undefined) where.push(sql`s.name = ${filter.stream}`);
  if (filter.states && filter.states.length > 0) where.push(sql`r.state = any(${texts(filter.states)})`);
  const rows = await tx.rows<Row>(sql`
    select r.id, c.name as connection, s.name as stream, r.state, r.read, r.created, r.updated, r.unchanged, r.skipped, r.dead_lettered as "deadLettered",
      r.deleted, r.error, ${iso('r.next_attempt_at')} as "nextAttemptAt", ${iso('r.started_at')} as "startedAt", ${iso('r.finished_at')} as "finishedAt",
      r.mode, r.trigger, r.skipped_by as "skippedBy", r.entities, r.tainted,
      (select count(*)::bigint from held_delete h where h.run_id = r.id and h.state = 'held') as held, ${iso('r.due_at')} as "dueAt"
    from run r join stream s on s.id = r.stream_id join connection c on c.id = s.connection_id
    where ${sql.join(where, sql` and `)} order by r.id desc limit ${filter.limit}::bigint offset ${(filter.page - 1) * filter.limit}::bigint`);
  return rows.map((row) => ({ ...row, id: publicId('run', row.id) }));
}

/** The number behind a run's id. @throws ERR_NOT_FOUND */
export function runNumber(id: string): number {
  const number = parseId('run', id);
  if (number !== null) return number;
  throw noRun(id);
}

/** @throws ERR_NOT_FOUND */
export async function showRun(tx: Tx, id: string): Promise<RunFacts> {
  const [run] = await listRuns(tx, { ids: [runNumber(id)], limit: 1, page: 1 });
  return run ?? noRun(id);
}

function noRun(id: string): never {
  throw new TributaryError('ERR_NOT_FOUND', `There is no run ${id.slice(0, 40)}.`, {
    remedy: 'List the runs with `tributary runs list`.',
  });
}

/** Nobody will work on it any more, unless a person decides something. */
export const isOver = (run: Pick<RunFacts, 'state'>): boolean => isFinal(run.state) || run.state === 'held';

export type LogLine = {
  readonly at: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** A run's log, oldest first. */
export function runLog(tx: Tx, id: number): Promise<LogLine[]> {
  return tx.rows(
    sql`select ${iso('at')} as at, level, message, fields from run_log where run_id = ${id} order by run_log.at`,
  );
}
