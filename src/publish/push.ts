/**
 * A push: what changed here is written to a vendor. Intents are committed together with the cursor that has seen the changes,
 * and carried out after that; so a crash anywhere leaves either a change to be looked at or an intent to be looked up.
 */
import type { Cursor } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { noCounts } from '../load/types.ts';
import { json, sql } from '../store/store.ts';
import { fenced } from './books.ts';
import { lettersOf } from './dead-letters.ts';
import type { PublishDeps, PushRun, PushStream } from './deps.ts';
import { dueAgain, nextAttempt, openIntents } from './ledger.ts';
import { keepPlan, makePlan, type Planning } from './plan.ts';
import { lookUp, sendPlanned } from './send.ts';
import { nextTouched } from './touched.ts';

/** Entities looked at in one go. */
const PORTION = 200;
const EVERYTHING = 1_000_000;

/** `cursor`: `deadLetters`: their numbers, which are tried again; any other: everything is compared. */
export type PushRequest = PushRun & { readonly cursor: Cursor | null; readonly trigger: string };
export type Pushed = { readonly state: 'done' | 'later' | 'cancelled'; readonly notBefore: Date | null };

/** Works on a push until it is done or `until` (epoch milliseconds). @throws ERR_RUN_FENCED, ERR_MAPPING_INVALID, and what the vendor's calls throw */
export async function push(
  deps: PublishDeps,
  run: PushRequest,
  stream: PushStream,
  until: number,
  signal: AbortSignal,
): Promise<Pushed> {
  const outgoing = deps.outgoing(stream);
  const letters = lettersAsked(run.cursor);
  if (run.seq === 0 && run.cursor !== null && letters === null)
    await fenced(deps.store, run, noCounts(), (tx) =>
      tx.rows(sql`update stream set cursor = null where id = ${stream.id}`),
    );
  const source = await deps.open(stream, signal);
  try {
    const declaration = source.streams().find((one) => one.name === outgoing.to);
    if (!declaration?.writes || !source.write || !source.find)
      throw new TributaryError(
        'ERR_CONFIG_INVALID',
        `Nothing can be written into ${outgoing.to} of ${stream.connection}.`,
        {
          remedy: 'Write `to:` with a stream that the connector declares for writing.',
        },
      );
    const [row] = await deps.store.rows<{ approved: boolean }>(
      sql`select writes_approved_at is not null as approved from connection where id = ${stream.connectionId}`,
    );
    const isApproved = row?.approved === true;
    const planning: Planning = {
      ...{ deps, stream, outgoing, source, isApproved },
      target: declaration.writes,
      lagMs: declaration.visibilityLagMs,
    };
    // Whoever asks for a push wants what failed to be tried as well.
    if (run.seq === 0 && (letters !== null || run.trigger === 'command'))
      await planPortion(planning, run, await lettersOf(deps.store, stream, outgoing.entity, letters), null);
    const isOver = () => signal.aborted || deps.clock.now().getTime() >= until;
    return await work(planning, run, isOver, signal);
  } finally {
    await source.close();
  }
}

function lettersAsked(cursor: Cursor | null): readonly number[] | null {
  const asked = cursor?.['deadLetters'];
  return Array.isArray(asked) ? asked.filter((one) => typeof one === 'number') : null;
}

async function work(planning: Planning, run: PushRun, isOver: () => boolean, signal: AbortSignal): Promise<Pushed> {
  const { deps, stream, outgoing, isApproved } = planning;
  for (;;) {
    signal.throwIfAborted();
    if (isApproved) {
      const lost = await openIntents(deps.store, stream.id, 'sent', deps.clock.now(), EVERYTHING);
      if (lost.length > 0) await lookUp(planning, run, lost);
      await sendPlanned(planning, run, isOver);
      signal.throwIfAborted();
    }
    if (isOver()) return { state: 'later', notBefore: null };
    const step = await planNext(planning, run);
    if (step === 'cancelled') return { state: 'cancelled', notBefore: null };
    if (step === 'more') continue;
    const next = isApproved ? await nextAttempt(deps.store, stream.id) : null;
    if (next !== null) return { state: 'later', notBefore: next };
    if (!isApproved) await holdWhatIsListed(planning, run, outgoing.to);
    return { state: 'done', notBefore: null };
  }
}

/** Plans the next portion: first what is to be planned anew, then what changed. */
async function planNext(planning: Planning, run: PushRun): Promise<'more' | 'end' | 'cancelled'> {
  const { deps, stream, outgoing } = planning;
  const again = await dueAgain(deps.store, stream.id, deps.clock.now(), PORTION);
  if (again.length > 0) return (await planPortion(planning, run, again, null)) ? 'cancelled' : 'more';
  const [row] = await deps.store.rows<{ cursor: Cursor | null }>(
    sql`select cursor from stream where id = ${stream.id}`,
  );
  const touched = await nextTouched(deps.store, stream.tenant, outgoing.entity, row?.cursor ?? null, PORTION);
  for (let at = 0; at < touched.ids.length; at += PORTION) {
    const isLast = at + PORTION >= touched.ids.length;
    if (await planPortion(planning, run, touched.ids.slice(at, at + PORTION), isLast ? touched.next : null))
      return 'cancelled';
  }
  if (touched.ids.length === 0) {
    const { isCancelled } = await fenced(deps.store, run, noCounts(), (tx) =>
      tx.rows(sql`update stream set cursor = ${json(touched.next)} where id = ${stream.id}`),
    );
    if (isCancelled) return 'cancelled';
  }
  return touched.isEnd ? 'end' : 'more';
}

async function planPortion(
  planning: Planning,
  run: PushRun,
  ids: readonly number[],
  cursor: Cursor | null,
): Promise<boolean> {
  const { deps, stream } = planning;
  const plan = await makePlan(planning, ids);
  const blocks = await deps.store.newIds(plan.verdicts.length * 2 + plan.waiting.size + 1);
  const books = noCounts();
  const { isCancelled } = await fenced(deps.store, run, books, async (tx) => {
    await keepPlan(planning, tx, blocks, run.id, plan, books);
    if (cursor !== null) await tx.rows(sql`update stream set cursor = ${json(cursor)} where id = ${stream.id}`);
  });
  return isCancelled;
}

/** The run ends as one that waits for a person, when it has listed something. */
async function holdWhatIsListed({ deps, stream }: Planning, run: PushRun, to: string): Promise<void> {
  const [row] = await deps.store.rows<{ listed: number }>(
    sql`select count(*) as listed from write_ledger where stream_id = ${stream.id} and state = 'listed'`,
  );
  if (!row?.listed) return;
  await fenced(deps.store, run, noCounts(), async (tx) => {
    await tx.rows(sql`update run set held = true where id = ${run.id}`);
    const message = `${row.listed} writes to ${to} are listed and wait: tributary connections writes ${stream.connection}, then tributary connections approve-writes ${stream.connection}`;
    await tx.rows(
      sql`insert into run_log (tenant, run_id, at, level, message, fields) values (${run.tenant}, ${run.id}, ${deps.clock.now().toISOString()}::timestamptz, 'warn', ${message}, '{}'::jsonb)`,
    );
  });
}
