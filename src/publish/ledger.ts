/** The write ledger and what is known of each vendor record: their rows, and nothing of what they mean. */
import type { JsonObject, WriteIntent, WriteOutcome } from '../connector/contract.ts';
import { json, numbers, type SQL, type Store, sql, type Tx } from '../store/store.ts';
import type { FieldConflict } from './merge.ts';

export type WriteStateRow = {
  readonly entity_id: number;
  readonly part: string;
  readonly external_id: string;
  readonly state: 'live' | 'gone';
  readonly ours: JsonObject;
  readonly theirs: JsonObject;
  readonly written: JsonObject;
  /** When it was last written or looked at. */
  readonly synced_at: Date;
};

export type LedgerRow = {
  readonly id: number;
  readonly entity: string;
  readonly entity_id: number;
  readonly part: string;
  readonly action: WriteIntent['action'];
  readonly external_id: string | null;
  readonly key: string;
  readonly values: JsonObject;
  readonly expected: JsonObject | null;
  readonly ours: JsonObject;
  readonly theirs: JsonObject;
  readonly conflicts: readonly FieldConflict[];
  readonly attempts: number;
  readonly sent_at: Date | null;
};

export type NewIntent = Omit<LedgerRow, 'sent_at'> & { readonly state: 'listed' | 'planned' | 'retry' | 'ok' };

export const subjectKey = (one: { readonly entity_id: number; readonly part: string }): string =>
  `${one.entity_id}/${one.part}`;

export async function statesOf(
  db: Pick<Store, 'rows'>,
  streamId: number,
  ids: readonly number[],
): Promise<Map<string, WriteStateRow>> {
  const rows = await db.rows<WriteStateRow>(sql`
    select entity_id, part, external_id, state, ours, theirs, written, synced_at from write_state where stream_id = ${streamId} and entity_id = any(${numbers(ids)})`);
  return new Map(rows.map((row) => [subjectKey(row), row]));
}

export type StateWrite = Omit<WriteStateRow, 'synced_at'>;

export async function writeStates(
  tx: Tx,
  stream: { readonly tenant: number; readonly id: number },
  entity: string,
  states: readonly StateWrite[],
  at: Date,
): Promise<void> {
  if (states.length === 0) return;
  await tx.rows(sql`
    insert into write_state (tenant, stream_id, entity, entity_id, part, external_id, state, ours, theirs, written, synced_at)
    select ${stream.tenant}, ${stream.id}, ${entity}, n.entity_id, n.part, n.external_id, n.state, n.ours, n.theirs, n.written, ${at.toISOString()}::timestamptz
    from jsonb_to_recordset(${json(states)}) as n(entity_id bigint, part text, external_id text, state text, ours jsonb, theirs jsonb, written jsonb)
    on conflict (stream_id, entity_id, part) do update set external_id = excluded.external_id, state = excluded.state,
      ours = excluded.ours, theirs = excluded.theirs, written = excluded.written, synced_at = excluded.synced_at`);
}

const COLUMNS = sql.raw(
  'id, entity, entity_id, part, action, external_id, key, values, expected, ours, theirs, conflicts, attempts, sent_at',
);

export async function insertIntents(
  tx: Tx,
  of: { readonly tenant: number; readonly streamId: number; readonly runId: number },
  intents: readonly NewIntent[],
  at: Date,
): Promise<void> {
  if (intents.length === 0) return;
  await tx.rows(sql`
    insert into write_ledger (id, tenant, stream_id, run_id, entity, entity_id, part, action, external_id, key, values, expected, ours, theirs, conflicts, state, attempts, created_at)
    select n.id, ${of.tenant}, ${of.streamId}, ${of.runId}, n.entity, n.entity_id, n.part, n.action, n.external_id, n.key, n.values, n.expected, n.ours, n.theirs,
      n.conflicts, n.state, n.attempts, ${at.toISOString()}::timestamptz
    from jsonb_to_recordset(${json(intents)}) as n(id bigint, entity text, entity_id bigint, part text, action text, external_id text, key text, values jsonb,
      expected jsonb, ours jsonb, theirs jsonb, conflicts jsonb, state text, attempts integer)`);
}

export type Superseded = Pick<LedgerRow, 'entity_id' | 'part' | 'action' | 'key' | 'attempts'>;

/** Intents that were not carried out give way to what is planned for the same entity now. */
export async function supersede(tx: Tx, streamId: number, ids: readonly number[]): Promise<Map<string, Superseded>> {
  const rows = await tx.rows<Superseded>(sql`
    update write_ledger set state = 'superseded' where stream_id = ${streamId} and entity_id = any(${numbers(ids)})
      and state in ('listed', 'planned', 'retry') returning entity_id, part, action, key, attempts`);
  const found = new Map<string, Superseded>();
  // One that only asks to be planned says less than one that was tried.
  for (const row of rows)
    if (row.attempts >= (found.get(subjectKey(row))?.attempts ?? 0)) found.set(subjectKey(row), row);
  return found;
}

/** Entities with a write whose outcome is not known: nothing is planned for them until it is. */
export async function uncertain(
  db: Pick<Store, 'rows'>,
  streamId: number,
  ids: readonly number[],
): Promise<ReadonlySet<number>> {
  const rows = await db.rows<{ entity_id: number }>(
    sql`select entity_id from write_ledger where stream_id = ${streamId} and entity_id = any(${numbers(ids)}) and state = 'sent'`,
  );
  return new Set(rows.map((row) => row.entity_id));
}

/** Entities whose intents are due to be planned anew, and have no write of unknown outcome. */
export async function dueAgain(
  db: Pick<Store, 'rows'>,
  streamId: number,
  now: Date,
  limit: number,
): Promise<readonly number[]> {
  const rows = await db.rows<{ entity_id: number }>(sql`
    select distinct entity_id from write_ledger l where stream_id = ${streamId} and state = 'retry'
      and (next_attempt_at is null or next_attempt_at <= ${now.toISOString()}::timestamptz)
      and not exists (select 1 from write_ledger s where s.stream_id = l.stream_id and s.entity_id = l.entity_id and s.state = 'sent')
    limit ${limit}`);
  return rows.map((row) => row.entity_id);
}

/** Intents in a state, the oldest first; those that wait for a later time than `now` are left out. */
export const openIntents = (
  db: Pick<Store, 'rows'>,
  streamId: number,
  state: 'planned' | 'sent' | 'retry',
  now: Date | null,
  limit: number,
): Promise<LedgerRow[]> =>
  db.rows(sql`
    select ${COLUMNS} from write_ledger where stream_id = ${streamId} and state = ${state}
      and (${now?.toISOString() ?? null}::timestamptz is null or next_attempt_at is null or next_attempt_at <= ${now?.toISOString() ?? null}::timestamptz) order by id limit ${limit}`);

/** Changes that were planned before `since` and not sent are to be planned anew: the vendor's side may have moved. */
export async function planAnew(tx: Tx, streamId: number, since: Date): Promise<void> {
  await tx.rows(sql`
    update write_ledger set state = 'retry' where stream_id = ${streamId} and state = 'planned' and external_id is not null
      and created_at < ${since.toISOString()}::timestamptz`);
}

/** When the next intent that waits may be tried; `null`: none waits. */
export async function nextAttempt(db: Pick<Store, 'rows'>, streamId: number): Promise<Date | null> {
  const [row] = await db.rows<{ at: Date | null }>(
    sql`select min(next_attempt_at) as at from write_ledger where stream_id = ${streamId} and state in ('planned', 'sent', 'retry')`,
  );
  return row?.at ?? null;
}

export async function markSent(tx: Tx, ids: readonly number[], at: Date): Promise<void> {
  await tx.rows(sql`
    update write_ledger set state = 'sent', attempts = attempts + 1, sent_at = ${at.toISOString()}::timestamptz, next_attempt_at = null
    where id = any(${numbers(ids)})`);
}

export type Settled = {
  readonly id: number;
  readonly state: 'ok' | 'rejected' | 'retry' | 'sent';
  readonly external_id: string | null;
  readonly outcome: WriteOutcome;
  readonly next_attempt_at: string | null;
};

export async function settleIntents(tx: Tx, settled: readonly Settled[], at: Date): Promise<void> {
  if (settled.length === 0) return;
  const done: SQL = sql`case when n.state in ('ok', 'rejected') then ${at.toISOString()}::timestamptz end`;
  await tx.rows(sql`
    update write_ledger l set state = n.state, outcome = n.outcome, external_id = coalesce(n.external_id, l.external_id), next_attempt_at = n.next_attempt_at, done_at = ${done}
    from jsonb_to_recordset(${json(settled)}) as n(id bigint, state text, external_id text, outcome jsonb, next_attempt_at timestamptz) where l.id = n.id`);
}
