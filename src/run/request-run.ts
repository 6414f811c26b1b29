/** Runs that somebody asked for. */
import type { Cursor } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { sql } from '../store/store.ts';
import type { RunDeps, RunStream } from './deps.ts';
import type { RunMode, RunTrigger } from './states.ts';

export type RunRequest = {
  readonly mode: RunMode;
  readonly trigger: RunTrigger;
  /** What a replay is to look at. @defaultValue null */
  readonly cursor?: Cursor;
};

/** A push that compares every entity, whatever it has seen. */
export const FROM_THE_START: Cursor = { from: 'start' };

/** Two requests in one millisecond are two runs. */
const TRIES = 100;

/**
 * Makes a run that is due now.
 * @throws ERR_RUN_STATE when its connection is paused: it would wait without an end
 */
export async function requestRun(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  stream: RunStream,
  { mode: asked, trigger, cursor: at }: RunRequest,
): Promise<number> {
  const mode = stream.writes === null ? asked : 'push';
  const cursor = mode === 'push' && asked === 'full' ? FROM_THE_START : at;
  const [paused] = await deps.store.rows(
    sql`select 1 from connection where id = ${stream.connectionId} and paused_at is not null`,
  );
  if (paused) {
    throw new TributaryError('ERR_RUN_STATE', `Connection ${stream.connection} is paused.`, {
      remedy: `Let it go on: tributary connections resume ${stream.connection}`,
      evidence: { connection: stream.connection },
    });
  }
  const id = (await deps.store.newIds(1)).next();
  await insertDue(deps.clock.now(), `${stream.connection}/${stream.name}`, (dueAt) =>
    deps.store.rows(sql`
      insert into run (id, tenant, stream_id, state, mode, trigger, due_at, cursor)
      values (${id}, ${stream.tenant}, ${stream.id}, 'queued', ${mode}, ${trigger}, ${dueAt}::timestamptz, ${cursor ? JSON.stringify(cursor) : null}::jsonb)
      on conflict (stream_id, due_at) do nothing returning id`),
  );
  return id;
}

/** Finds a due time that no run of the stream has yet: now, or some milliseconds later. `insert` gives no row when it is taken. */
export async function insertDue(
  now: Date,
  stream: string,
  insert: (dueAt: string) => Promise<readonly unknown[]>,
): Promise<void> {
  for (let later = 0; later < TRIES; later += 1) {
    const made = await insert(new Date(now.getTime() + later).toISOString());
    if (made.length > 0) return;
  }
  throw new TributaryError('ERR_RUN_STATE', `${TRIES} runs of ${stream} are due at this moment already.`);
}
