/** Decides, for a portion of entities, what the vendor has to be told; and commits that before anybody is told. */
import type { JsonObject, Source, WriteDeclaration } from '../connector/contract.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { fitValues } from '../mapping/outgoing-fit.ts';
import type { RecordProblem } from '../mapping/types.ts';
import { type IdBlocks, sql, type Tx } from '../store/store.ts';
import type { Books } from './books.ts';
import { skipped } from './books.ts';
import { closeLetters, writeLetters } from './dead-letters.ts';
import type { PublishDeps, PushStream } from './deps.ts';
import { insertIntents, type NewIntent, type StateWrite, statesOf, subjectKey, supersede, type WriteStateRow, writeStates } from './ledger.ts';
import { type Base, isAlike, type Merged, merge } from './merge.ts';
import { type Held, readAgain } from './read-again.ts';
import { type View, viewsOf } from './view.ts';
import { type Words, wordsOf } from './winners.ts';

export type Planning = {
  readonly deps: PublishDeps;
  readonly stream: PushStream;
  readonly outgoing: Outgoing;
  readonly target: WriteDeclaration;
  readonly source: Source;
  /** False until somebody has approved the connection's writes: then they are only listed. */
  readonly isApproved: boolean;
  /** How long after a write the vendor's searches may still not show it. */
  readonly lagMs: number;
};

/** What is to become of one view. */
type Verdict =
  | { readonly kind: 'skip'; readonly view: View; readonly reason: string }
  | { readonly kind: 'dead'; readonly view: View; readonly problems: readonly RecordProblem[] }
  | { readonly kind: 'same'; readonly view: View }
  | {
      readonly kind: 'write';
      readonly view: View;
      readonly action: 'create' | 'update' | 'upsert' | 'delete';
      readonly id: string | null;
      readonly values: JsonObject;
      readonly ours: JsonObject;
      readonly theirs: JsonObject;
      readonly merged: Merged | null;
    }
  | {
      readonly kind: 'agree';
      readonly view: View;
      readonly id: string;
      readonly merged: Merged;
      readonly ours: JsonObject;
      readonly theirs: JsonObject;
    };

export type Plan = {
  readonly ids: readonly number[];
  readonly verdicts: readonly Verdict[];
  readonly states: ReadonlyMap<string, WriteStateRow>;
};

/** Everything that needs reading: here, and at the vendor. Nothing is written. */
export async function makePlan(planning: Planning, ids: readonly number[]): Promise<Plan> {
  const { deps, stream, outgoing, target, source } = planning;
  const { views, states, shared } = await deps.store.transaction(async (tx) => {
    const found = await viewsOf(tx, stream, outgoing.entity, ids);
    const known = await statesOf(tx, stream.id, ids);
    return { views: found, states: known, shared: await sharedIds(tx, stream, found) };
  });
  const verdicts: Verdict[] = [];
  const updates: { view: View; id: string; values: JsonObject; base: WriteStateRow | null }[] = [];
  for (const view of views) {
    const state = states.get(subjectKey({ entity_id: view.entityId, part: view.part })) ?? null;
    const result = outgoing.map(view.entity);
    if (view.isTheirs) verdicts.push({ kind: 'skip', view, reason: 'the vendor counts this stock itself' });
    else if (result.kind === 'skipped') verdicts.push({ kind: 'skip', view, reason: result.reason });
    else if (state?.state === 'gone') verdicts.push({ kind: 'skip', view, reason: 'deleted at the vendor' });
    else if (result.kind === 'rejected') verdicts.push({ kind: 'dead', view, problems: result.problems });
    else if (result.action === 'delete')
      verdicts.push({ ...nothingSaid, kind: 'write', view, action: 'delete', id: result.id });
    else {
      const fitted = fitValues(result.values, target, result.action === 'create');
      if ('problems' in fitted) verdicts.push({ kind: 'dead', view, problems: fitted.problems });
      else if (result.id === null) {
        const action = outgoing.match.length > 0 && target.actions.includes('upsert') ? 'upsert' : 'create';
        verdicts.push({ ...nothingSaid, kind: 'write', view, action, id: null, values: fitted.values, ours: fitted.values });
      } else if (shared.has(result.id) && shared.get(result.id) !== view.entityId)
        verdicts.push({ kind: 'dead', view, problems: [alreadyTaken(result.id)] });
      else {
        const base = state?.external_id === result.id ? state : null;
        if (base && Object.entries(fitted.values).every(([name, value]) => isAlike(value, base.ours[name])))
          verdicts.push({ kind: 'same', view });
        else updates.push({ view, id: result.id, values: fitted.values, base });
      }
    }
  }
  const held = await readAgain(
    source,
    stream,
    updates.map(({ id, view }) => ({ id, recordId: view.recordId ?? id })),
  );
  const words = await wordsFor(planning, updates, held);
  for (const { view, id, values, base } of updates)
    verdicts.push(verdictOf(planning, view, id, values, base, held.get(id) ?? null, words));
  return { ids, verdicts, states };
}

const nothingSaid = { values: {}, ours: {}, theirs: {}, merged: null } as const;

const alreadyTaken = (id: string): RecordProblem => ({
  field: 'write.id',
  pointer: '',
  code: 'ERR_LOAD_MATCH_AMBIGUOUS',
  message: `the vendor's record ${id} is another entity's already; merge the two, or give the record to one of them`,
});

/** Vendor records that are known to be an entity's: two entities must not write to one record in turn. */
async function sharedIds(tx: Tx, stream: PushStream, views: readonly View[]): Promise<Map<string, number>> {
  if (views.length === 0 || views.some((view) => view.part !== '')) return new Map();
  const ids = views.flatMap((view) => (view.recordId === null ? [] : [view.recordId]));
  const rows = await tx.rows<{ external_id: string; entity_id: number }>(sql`
    select external_id, min(entity_id) as entity_id from write_state
    where stream_id = ${stream.id} and state = 'live' and external_id = any(${sql.param(ids)}::text[]) group by external_id`);
  return new Map(rows.map((row) => [row.external_id, row.entity_id]));
}

/** Whose words these values are; asked only where the vendor's side has moved as well. */
async function wordsFor(
  { deps, outgoing }: Planning,
  updates: readonly { view: View; id: string; values: JsonObject; base: Base | null }[],
  held: ReadonlyMap<string, Held>,
): Promise<Words> {
  if (outgoing.entity === 'stock') return () => null;
  const moved = updates.filter(({ id, values, base }) => {
    const theirs = held.get(id)?.values;
    return theirs && Object.entries(values).some(([name, value]) => !isAlike(theirs[name], value) && !isAlike(theirs[name], base?.theirs[name]));
  });
  if (moved.length === 0) return () => null;
  return deps.store.transaction((tx) => wordsOf(deps.load, tx, [...new Set(moved.map(({ view }) => view.entityId))]));
}

function verdictOf(
  { stream, outgoing }: Planning,
  view: View,
  id: string,
  ours: JsonObject,
  base: WriteStateRow | null,
  held: Held | null,
  words: Words,
): Verdict {
  if (held?.values === null) return { kind: 'skip', view, reason: 'deleted at the vendor' };
  const theirs = held?.values ?? {};
  const wordsOfField = (field: string) =>
    (outgoing.reads[field] ?? []).flatMap((name) => words(view.entityId, name) ?? []);
  const merged = merge({
    ours,
    theirs,
    base,
    policy: stream.writes?.conflict ?? 'last_write_wins',
    isTheirWord(field) {
      const spoken = wordsOfField(field);
      return spoken.length > 0 && spoken.every(({ streamId }) => streamId !== null && streamId === stream.twin);
    },
    isOursLater: (field) => Math.max(0, ...wordsOfField(field).map(({ at }) => at)) >= (held?.at ?? 0),
  });
  if (Object.keys(merged.write).length === 0) return { kind: 'agree', view, id, merged, ours, theirs };
  return { kind: 'write', view, action: 'update', id, values: merged.write, ours, theirs, merged };
}

/** Commits a plan: intents, agreed bases, dead letters and counts. `cursor`: with what was looked at. */
export async function keepPlan(
  { deps, stream, outgoing, isApproved }: Planning,
  tx: Tx,
  ids: IdBlocks,
  runId: number,
  plan: Plan,
  books: Books,
): Promise<void> {
  const at = deps.clock.now();
  const entity = outgoing.entity;
  const before = await supersede(tx, stream.id, plan.ids);
  const intents: NewIntent[] = [];
  const states: StateWrite[] = [];
  const letters: { view: View; problems: readonly RecordProblem[] }[] = [];
  const fine: View[] = [];
  for (const verdict of plan.verdicts) {
    const { view } = verdict;
    const subject = { entity_id: view.entityId, part: view.part };
    const key = subjectKey(subject);
    if (verdict.kind === 'dead') letters.push(verdict);
    else fine.push(view);
    if (verdict.kind === 'skip') skipped(books, verdict.reason);
    if (verdict.kind === 'dead') books.deadLettered += 1;
    if (verdict.kind === 'same' || verdict.kind === 'agree') books.unchanged += 1;
    if (verdict.kind === 'agree') states.push(agreedState(plan.states.get(key) ?? null, subject, verdict));
    if (verdict.kind === 'skip' && verdict.reason === 'deleted at the vendor') {
      const state = plan.states.get(key);
      if (state && state.state === 'live') states.push({ ...state, state: 'gone' });
    }
    const isRecorded = verdict.kind === 'agree' && verdict.merged.conflicts.length > 0;
    if (verdict.kind !== 'write' && !isRecorded) continue;
    const id = ids.next();
    const earlier = before.get(key);
    // A create that was tried before and not carried out goes on under its key: the vendor would know it again.
    const isSameCreate = verdict.kind === 'write' && verdict.id === null && earlier?.action === verdict.action;
    if (verdict.kind === 'write' && !isApproved) skipped(books, WAITS);
    intents.push({
      ...subject,
      id,
      entity,
      action: verdict.kind === 'write' ? verdict.action : 'update',
      external_id: verdict.id,
      key: isSameCreate && earlier ? earlier.key : keyOf(id),
      values: verdict.kind === 'write' ? verdict.values : {},
      expected: verdict.kind === 'write' && verdict.action === 'update' ? picked(verdict.theirs, verdict.values) : null,
      ours: verdict.ours,
      theirs: verdict.theirs,
      conflicts: verdict.merged?.conflicts ?? [],
      attempts: earlier?.attempts ?? 0,
      state: verdict.kind === 'agree' ? 'ok' : isApproved ? 'planned' : 'listed',
    });
  }
  await insertIntents(tx, { tenant: stream.tenant, streamId: stream.id, runId }, intents, at);
  await writeStates(tx, stream, entity, states, at);
  await writeLetters(tx, ids, stream, runId, entity, letters, at);
  await closeLetters(tx, stream, entity, fine);
}

/** Why an intent that is only listed was not carried out. */
export const WAITS = 'waits for approval';

const keyOf = (id: number): string => `tributary-${id.toString(36)}`;

const picked = (from: JsonObject, like: JsonObject): JsonObject =>
  Object.fromEntries(Object.keys(like).flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

function agreedState(
  before: WriteStateRow | null,
  subject: { readonly entity_id: number; readonly part: string },
  { id, merged }: { readonly id: string; readonly merged: Merged },
): StateWrite {
  const base = before?.external_id === id ? before : null;
  return {
    ...subject,
    external_id: id,
    state: 'live',
    ours: { ...base?.ours, ...merged.agreed.ours },
    theirs: { ...base?.theirs, ...merged.agreed.theirs },
    written: base?.written ?? {},
  };
}

/** Entities whose earlier intents are due to be planned anew. */
export async function dueAgain(deps: PublishDeps, stream: PushStream, limit: number): Promise<readonly number[]> {
  const rows = await deps.store.rows<{ entity_id: number }>(sql`
    select distinct entity_id from write_ledger where stream_id = ${stream.id} and state = 'retry'
      and (next_attempt_at is null or next_attempt_at <= ${deps.clock.now().toISOString()}::timestamptz) limit ${limit}`);
  return rows.map((row) => row.entity_id);
}

