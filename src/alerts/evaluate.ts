/** What somebody should know: runs that failed or wait for a decision, and schedules that nobody kept. Told from the rows alone. */
import { publicId } from '../canonical/ids.ts';
import { ERRORS, type ErrorCode } from '../errors.ts';
import { json, type Store, sql, type Tx, texts } from '../store/store.ts';

/** A schedule may be late by this much: ten minutes. */
const GRACE_MS = 600_000;
/** Whoever evaluates a tenant's alerts holds this lock, so that a cause is opened once. */
const LOCK = 7_421_906;

export type Evaluation = { readonly tenant: number; readonly now: Date; readonly graceMs?: number };
export type Evaluated = { readonly opened: number; readonly recovered: number };

type StreamRow = {
  connection: string;
  stream: string;
  isPaused: boolean;
  run_id: number | null;
  state: 'succeeded' | 'failed' | 'incomplete' | 'held' | null;
  code: string | null;
  held_run: number | null;
  held_mode: string | null;
  held_deletes: number;
  due_at: string | null;
};
type Cause = { readonly cause: string; readonly message: string };

/**
 * Opens an alert for every cause that is new, and ends those whose cause is gone. Sends nothing.
 * A failed or incomplete run ends with the stream's next run that succeeds.
 */
export function evaluateAlerts(store: Store, { tenant, now, graceMs = GRACE_MS }: Evaluation): Promise<Evaluated> {
  return store.transaction(async (tx) => {
    await tx.rows(sql`select pg_advisory_xact_lock(${LOCK}::integer, ${tenant}::integer)`);
    const streams = await streamsOf(tx, tenant, new Date(now.getTime() - graceMs));
    const going = streams.filter((row) => !row.isPaused);
    const causes = [...going.flatMap(causesOf), ...(await webhookCauses(tx, tenant))];
    // A held run is neither: what failed before it still stands. Nor does what failed get well by a pause.
    const undecided = [
      ...going.filter((row) => row.state === 'held').map((row) => `${row.connection}/${row.stream}:failed`),
      ...streams
        .filter((row) => row.isPaused)
        .flatMap((row) => causesOf({ ...row, due_at: null }).map((one) => one.cause)),
    ];
    const recovered = await tx.rows(sql`
      update alert set recovered_at = ${now.toISOString()}::timestamptz
      where tenant = ${tenant} and recovered_at is null and cause <> all(${texts([...causes.map((one) => one.cause), ...undecided])}) returning cause`);
    const opened = await tx.rows(sql`
      insert into alert (tenant, cause, message, opened_at)
      select ${tenant}::integer, c.cause, c.message, ${now.toISOString()}::timestamptz
      from jsonb_to_recordset(${json(causes)}) as c(cause text, message text)
      where not exists (select 1 from alert a where a.tenant = ${tenant} and a.cause = c.cause and a.recovered_at is null)
      on conflict (tenant, cause, opened_at) do nothing returning cause`);
    return { opened: opened.length, recovered: recovered.length };
  });
}

function streamsOf(tx: Tx, tenant: number, late: Date): Promise<StreamRow[]> {
  const before = sql`${late.toISOString()}::timestamptz`;
  return tx.rows<StreamRow>(sql`
    select c.name as connection, s.name as stream, c.paused_at is not null as "isPaused", r.id as run_id, r.state, r.error ->> 'code' as code, h.id as held_run, h.mode as held_mode,
      (select count(*) from held_delete d where d.run_id = h.id and d.state = 'held')::integer as held_deletes,
      to_char(least(case when s.next_due_at < ${before} then s.next_due_at end, q.due_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as due_at
    from stream s join connection c on c.id = s.connection_id and c.removed_at is null
    left join lateral (select id, state, error from run where stream_id = s.id and state in ('succeeded', 'failed', 'incomplete', 'held')
      and not (state = 'succeeded' and mode in ('ids', 'sweep')) order by id desc limit 1) r on true
    left join lateral (select id, mode from run where stream_id = s.id and state = 'held' order by id desc limit 1) h on true
    left join lateral (select due_at from run where stream_id = s.id and state = 'queued' and started_at is null and due_at < ${before} order by due_at limit 1) q on true
    where s.tenant = ${tenant} and s.removed_at is null order by c.name, s.name`);
}

/** Webhooks that a vendor does not send any more: changes come with the polls only. */
async function webhookCauses(tx: Tx, tenant: number): Promise<Cause[]> {
  const rows = await tx.rows<{ name: string }>(sql`
    select name from connection where tenant = ${tenant} and removed_at is null and webhooks_problem is not null order by name`);
  return rows.map(({ name }) => ({
    cause: `${name}:webhooks`,
    message: `Webhooks of ${name} do not come any more; changes are found by its schedule only. Look at \`tributary connections check ${name}\`.`,
  }));
}

function causesOf(row: StreamRow): Cause[] {
  const subject = `${row.connection}/${row.stream}`;
  const causes: Cause[] = [];
  if (row.run_id !== null && (row.state === 'failed' || row.state === 'incomplete')) {
    const word = row.state === 'failed' ? 'failed' : 'is incomplete';
    causes.push({
      cause: `${subject}:failed`,
      message: `Run ${publicId('run', row.run_id)} of ${subject} ${word}. ${explain(row.code)}`,
    });
  }
  if (row.held_run !== null) {
    const id = publicId('run', row.held_run);
    causes.push({
      cause: `${subject}:held`,
      message:
        row.held_mode === 'push'
          ? `Run ${id} of ${subject} has listed what it would write, which waits for approval. Look at \`tributary connections writes ${row.connection}\`.`
          : `Run ${id} of ${subject} would delete ${row.held_deletes} records and waits for approval. Look at \`tributary runs show ${id}\`.`,
    });
  }
  if (row.due_at !== null) {
    causes.push({
      cause: `${subject}:overdue`,
      message: `${subject} was due at ${row.due_at} UTC and nobody has started it. Is a worker and a scheduler running?`,
    });
  }
  return causes;
}

/** In the words of the error table only: the run's own message may hold what must not leave. */
function explain(code: string | null): string {
  if (code === null || !isErrorCode(code)) return 'See `tributary runs show`.';
  return `${code}: ${ERRORS[code].cause} ${ERRORS[code].remedy}`;
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);
