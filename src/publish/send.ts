/**
 * Carries intents out. The row says `sent` before the vendor is called and what became of it after; an intent whose answer
 * was lost is looked up before anything is tried again.
 */
import type { WriteIntent, WriteOutcome } from '../connector/contract.ts';
import { asTributaryError } from '../errors.ts';
import { delayFor, type RetryPolicy } from '../extract/retry.ts';
import { type Counts, noCounts } from '../load/types.ts';
import type { RecordProblem } from '../mapping/types.ts';
import { sql, type Tx } from '../store/store.ts';
import { fenced } from './books.ts';
import { closeLetters, writeLetters } from './dead-letters.ts';
import type { PushRun } from './deps.ts';
import { type Done, markLateEchoes } from './late-echo.ts';
import {
  type LedgerRow,
  markSent,
  openIntents,
  planAnew,
  type Settled,
  type StateWrite,
  settleIntents,
  statesOf,
  subjectKey,
  type WriteStateRow,
  writeStates,
} from './ledger.ts';
import { isAlike } from './merge.ts';
import { type Planning, picked } from './plan.ts';

/** What the vendor may refuse for a while, before the entity becomes a dead letter. */
const PATIENCE: RetryPolicy = { maxAttempts: 8, baseMs: 2_000, maxMs: 300_000, multiplier: 2, jitter: 0.2 };

/** How long what was read of a vendor's record is good enough to write over. */
const FRESH_MS = 60_000;

/** Sends what is planned, portion by portion, until nothing is due or `isOver` says so. */
export async function sendPlanned(planning: Planning, run: PushRun, isOver: () => boolean): Promise<void> {
  const { deps, stream, target } = planning;
  while (!isOver()) {
    const since = new Date(deps.clock.now().getTime() - FRESH_MS);
    await fenced(deps.store, run, noCounts(), (tx) => planAnew(tx, stream.id, since));
    const due = await openIntents(deps.store, stream.id, 'planned', deps.clock.now(), Math.max(1, target.batch));
    const [first] = due;
    if (!first) return;
    const batch = due.filter((row) => row.action === first.action);
    await fenced(deps.store, run, noCounts(), (tx) =>
      markSent(
        tx,
        batch.map((row) => row.id),
        deps.clock.now(),
      ),
    );
    const sent = batch.map((row) => ({ ...row, attempts: row.attempts + 1, sent_at: deps.clock.now() }));
    await deliver(planning, run, sent);
  }
}

/** One call for a batch. A batch that fails as a whole is cut in two, until it is known who spoils it. */
async function deliver(planning: Planning, run: PushRun, rows: readonly LedgerRow[]): Promise<void> {
  const { source, stream } = planning;
  const intents = rows.map((row) => intentOf(stream.writes?.to ?? '', row));
  let outcomes: readonly WriteOutcome[];
  try {
    const answered = await source.write?.(intents);
    if (!answered || answered.length !== intents.length)
      throw new Error('the connector did not answer for every intent');
    outcomes = answered;
  } catch (thrown) {
    await afterFailure(planning, run, rows, thrown);
    return;
  }
  await settle(planning, run, rows, outcomes);
  const lost = rows.filter((_, at) => outcomes[at]?.state === 'unknown');
  if (lost.length > 0) await lookUp(planning, run, lost);
}

async function afterFailure(
  planning: Planning,
  run: PushRun,
  rows: readonly LedgerRow[],
  thrown: unknown,
): Promise<void> {
  const error = asTributaryError(thrown);
  const left = await lookUp(planning, run, rows, error.message);
  if (error.retry === 'transient' || left.length === 0) {
    if (error.retry === 'transient') throw error;
    return;
  }
  const middle = Math.ceil(left.length / 2);
  if (left.length === 1) {
    const { code, message } = error;
    await settle(planning, run, left, [{ state: 'rejected', code, message, fields: [], retry: 'terminal' }]);
    return;
  }
  await deliver(planning, run, left.slice(0, middle));
  await deliver(planning, run, left.slice(middle));
}

export const intentOf = (stream: string, row: LedgerRow): WriteIntent => ({
  stream,
  action: row.action,
  idempotencyKey: row.key,
  id: row.external_id,
  values: row.values,
  expected: row.expected,
});

/**
 * Looks intents of unknown outcome up. That one was not carried out is only believed after the vendor's visibility lag, and of a
 * create when it can no longer be under way.
 * @returns those that were not carried out; they stay `sent` where that is not certain yet
 */
export async function lookUp(
  planning: Planning,
  run: PushRun,
  rows: readonly LedgerRow[],
  why = 'the answer was lost',
): Promise<readonly LedgerRow[]> {
  const { source, stream, deps, target, lagMs } = planning;
  const found: LedgerRow[] = [];
  const outcomes: WriteOutcome[] = [];
  const absent: LedgerRow[] = [];
  const waiting: LedgerRow[] = [];
  let leastMs = Math.max(1_000, lagMs);
  for (const row of rows) {
    const doubtMs = Math.max(lagMs, row.external_id === null ? (target.madeWithinMs ?? 0) : 0);
    const leftMs = (row.sent_at?.getTime() ?? 0) + doubtMs - deps.clock.now().getTime();
    const outcome = (await source.find?.(intentOf(stream.writes?.to ?? '', row))) ?? null;
    if (outcome !== null && outcome.state !== 'unknown') {
      found.push(row);
      outcomes.push(outcome);
    } else if (outcome === null && leftMs <= 0) absent.push(row);
    else {
      waiting.push(row);
      // Looked up a few times, ever closer to the end of the doubt: a look can cost many calls.
      leastMs = Math.max(leastMs, leftMs / 2);
    }
  }
  await settle(planning, run, found, outcomes);
  if (absent.length > 0)
    await fenced(deps.store, run, noCounts(), (tx) => backTo(tx, 'planned', absent, deps.clock.now(), why));
  if (waiting.length > 0) {
    const until = new Date(deps.clock.now().getTime() + leastMs);
    await fenced(deps.store, run, noCounts(), (tx) => backTo(tx, 'sent', waiting, until, why));
  }
  return absent;
}

async function backTo(
  tx: Tx,
  state: 'planned' | 'sent',
  rows: readonly LedgerRow[],
  at: Date,
  message: string,
): Promise<void> {
  await tx.rows(sql`
    update write_ledger set state = ${state}, next_attempt_at = ${at.toISOString()}::timestamptz, outcome = ${JSON.stringify({ state: 'unknown', message })}::jsonb
    where id = any(${sql.param(rows.map((row) => row.id))}::bigint[]) and state = 'sent'`);
}

/** Writes down what became of intents, in one transaction with what is now known of the vendor's records. */
async function settle(
  planning: Planning,
  run: PushRun,
  rows: readonly LedgerRow[],
  outcomes: readonly WriteOutcome[],
): Promise<void> {
  if (rows.length === 0) return;
  const { deps, stream, outgoing } = planning;
  const now = deps.clock.now();
  const books = noCounts();
  const ids = await deps.store.newIds(rows.length + 32);
  await fenced(deps.store, run, books, async (tx) => {
    const known = await statesOf(
      tx,
      stream.id,
      rows.map((row) => row.entity_id),
    );
    const results = rows.flatMap((row, at): Result[] => {
      const outcome = outcomes[at];
      if (!outcome || outcome.state === 'unknown') return [];
      const before = known.get(subjectKey(row)) ?? null;
      return [outcome.state === 'ok' ? carriedOut(row, outcome, before, now) : refused(row, outcome, now)];
    });
    const linked = results.flatMap(({ row, isLinked }) => (isLinked ? [row.entity_id] : []));
    for (const { row, settled } of results) countDone(books, row, settled.state);
    await settleIntents(
      tx,
      results.map(({ settled }) => settled),
      now,
    );
    const states = results.flatMap(({ state }) => state ?? []);
    await writeStates(tx, stream, outgoing.entity, states, now);
    const done = results.flatMap((result) => result.done ?? []);
    await markLateEchoes(deps, tx, ids, stream, outgoing, done);
    const letters = results.flatMap(({ row, problem }) =>
      problem ? [{ view: viewOf(row), problems: [problem] }] : [],
    );
    await writeLetters(tx, ids, stream, run.id, outgoing.entity, letters, now);
    const fine = results.flatMap(({ row, settled }) => (settled.state === 'ok' ? [viewOf(row)] : []));
    await closeLetters(tx, stream, outgoing.entity, fine);
    // What refers to these entities can name them at the vendor from now on.
    if (linked.length > 0)
      await tx.rows(sql`insert into outbox (id, tenant, entity, change, ids, at)
        values (${ids.next()}, ${stream.tenant}, ${outgoing.entity}, 'linked', ${sql.param(linked)}::bigint[], ${now.toISOString()}::timestamptz)`);
  });
}

type Ok = Extract<WriteOutcome, { state: 'ok' }>;

/** What an answer means for its intent, and for what is known of the record. */
type Result = {
  readonly row: LedgerRow;
  readonly settled: Settled;
  readonly state: StateWrite | null;
  readonly done: Done | null;
  readonly isLinked: boolean;
  readonly problem: RecordProblem | null;
};

const viewOf = (row: LedgerRow) => ({ entityId: row.entity_id, part: row.part });

function carriedOut(row: LedgerRow, outcome: Ok, before: WriteStateRow | null, now: Date): Result {
  const state = stateAfter(row, outcome, before);
  const done = {
    ...{ entityId: row.entity_id, externalId: outcome.id, sentAt: row.sent_at ?? now, theirs: state.theirs },
    written: picked(state.written, row.values),
  };
  return {
    row,
    state,
    settled: { id: row.id, state: 'ok', external_id: outcome.id, outcome, next_attempt_at: null },
    done: row.part === '' && row.action !== 'delete' ? done : null,
    isLinked: before?.external_id !== outcome.id && row.part === '',
    problem: null,
  };
}

function refused(row: LedgerRow, outcome: Extract<WriteOutcome, { state: 'rejected' }>, now: Date): Result {
  const result = { row, state: null, done: null, isLinked: false, problem: null };
  const settled = { id: row.id, external_id: null, outcome, next_attempt_at: null };
  const mayTryAgain = row.attempts < PATIENCE.maxAttempts;
  // It is there already: from now on it is ours to update, by what both sides say.
  if (outcome.existingId !== undefined && row.external_id === null && mayTryAgain)
    return {
      ...result,
      settled: { ...settled, state: 'retry' },
      state: { ...emptyState(row), external_id: outcome.existingId },
    };
  if (outcome.retry === 'transient' && mayTryAgain) {
    const next = new Date(now.getTime() + delayFor(PATIENCE, Math.max(1, row.attempts)));
    return { ...result, settled: { ...settled, state: 'retry', next_attempt_at: next.toISOString() } };
  }
  const { code, message, fields, madeId } = outcome;
  const field = fields[0] ? `write.${fields[0]}` : 'write';
  return {
    ...result,
    state: madeId === undefined ? null : { ...emptyState(row), external_id: madeId },
    settled: { ...settled, state: 'rejected', external_id: madeId ?? null },
    problem: { field, pointer: fields.join(', '), code, message },
  };
}

function countDone(books: Counts, row: LedgerRow, state: Settled['state']): void {
  if (state === 'rejected') books.deadLettered += 1;
  if (state !== 'ok') return;
  if (row.action === 'create' || row.action === 'upsert') books.created += 1;
  else books.updated += 1;
  if (row.action === 'delete') books.deleted += 1;
}

const emptyState = (row: LedgerRow): Omit<StateWrite, 'external_id'> => ({
  entity_id: row.entity_id,
  part: row.part,
  state: 'live',
  ours: {},
  theirs: {},
  written: {},
});

function stateAfter(row: LedgerRow, outcome: Ok, before: WriteStateRow | null): StateWrite {
  const base = before?.external_id === outcome.id ? before : null;
  const kept = Object.fromEntries(
    Object.keys(row.values).map((name) => [name, outcome.stored?.[name] ?? row.values[name] ?? null]),
  );
  const theirs = { ...base?.theirs, ...row.theirs, ...outcome.stored, ...kept };
  const written = { ...base?.written, ...kept };
  return {
    ...emptyState(row),
    external_id: outcome.id,
    state: row.action === 'delete' ? 'gone' : 'live',
    ours: { ...base?.ours, ...row.ours },
    theirs,
    written: Object.fromEntries(Object.entries(written).filter(([name, value]) => isAlike(value, theirs[name]))),
  };
}
