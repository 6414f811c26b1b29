/** Decides, for a portion of entities, what the vendor has to be told; and commits that before anybody is told. */
import type { JsonObject, Source, WriteDeclaration } from '../connector/contract.ts';
import { rawPages } from '../load/evaluate.ts';
import { type Counts, skip } from '../load/types.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { fitValues } from '../mapping/outgoing-fit.ts';
import type { RecordProblem } from '../mapping/types.ts';
import { type IdBlocks, sql, type Tx } from '../store/store.ts';
import { closeLetters, writeLetters } from './dead-letters.ts';
import type { PublishDeps, PushStream } from './deps.ts';
import { isWrittenOver } from './echo.ts';
import {
  insertIntents,
  type NewIntent,
  type StateWrite,
  type Superseded,
  statesOf,
  subjectKey,
  supersede,
  uncertain,
  type WriteStateRow,
  writeStates,
} from './ledger.ts';
import { isAlike, type Merged, merge } from './merge.ts';
import { type Held, readAgain } from './read-again.ts';
import { type ReadRecord, recordsHeld, recordValues } from './read-before.ts';
import { type View, viewsOf } from './view.ts';
import { type Word, type Words, wordsOf } from './winners.ts';

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
  /** Those of them with a write of unknown outcome: they are planned when it is known. */
  readonly waiting: ReadonlySet<number>;
  readonly verdicts: readonly Verdict[];
  readonly states: ReadonlyMap<string, WriteStateRow>;
};

/** Everything that needs reading: here, and at the vendor. Nothing is written. */
export async function makePlan(planning: Planning, ids: readonly number[]): Promise<Plan> {
  const { deps, stream, outgoing, source } = planning;
  const { views, states, shared, waiting } = await deps.store.transaction(async (tx) => {
    const open = await uncertain(tx, stream.id, ids);
    const settled = ids.filter((id) => !open.has(id));
    const found = await viewsOf(tx, stream, outgoing, settled);
    const known = await statesOf(tx, stream.id, settled);
    return { views: found, states: known, shared: await sharedIds(tx, stream, found), waiting: open };
  });
  const verdicts: Verdict[] = [];
  const updates: Update[] = [];
  for (const view of views) {
    const state = states.get(subjectKey({ entity_id: view.entityId, part: view.part })) ?? null;
    const verdict = firstVerdict(planning, view, state, shared);
    if (verdict.kind === 'update') updates.push(verdict);
    else verdicts.push(verdict);
  }
  const held = await readAgain(
    source,
    stream,
    updates.map(({ id, view }) => ({ id, recordId: view.recordId ?? id })),
  );
  const words = await wordsFor(planning, updates, held);
  const read = await readBefore(planning, updates);
  for (const update of updates)
    verdicts.push(verdictOf(planning, update, held.get(update.id) ?? null, words, read.get(update.id) ?? null));
  return { ids, waiting, verdicts, states };
}

/** An update that the vendor's present values are needed for. */
type Update = {
  readonly kind: 'update';
  readonly view: View;
  readonly id: string;
  readonly values: JsonObject;
  readonly base: WriteStateRow | null;
};

/** What can be said without asking the vendor. */
function firstVerdict(
  { outgoing, target }: Planning,
  view: View,
  state: WriteStateRow | null,
  shared: ReadonlyMap<string, number>,
): Verdict | Update {
  if (view.isTheirs) return { kind: 'skip', view, reason: 'the vendor counts this stock itself' };
  const result = outgoing.map(view.entity);
  if (result.kind === 'skipped') return { kind: 'skip', view, reason: result.reason };
  const isDelete = result.kind === 'write' && result.action === 'delete';
  if (state?.state === 'gone' && (isDelete || !isThereAgain(view))) return { kind: 'skip', view, reason: GONE };
  if (result.kind === 'rejected') return { kind: 'dead', view, problems: result.problems };
  const { id } = result;
  if (result.action === 'delete') return { ...nothingSaid, kind: 'write', view, action: 'delete', id };
  const fitted = fitValues(result.values, target, result.action === 'create');
  if ('problems' in fitted) return { kind: 'dead', view, problems: fitted.problems };
  const { values } = fitted;
  if (id === null) {
    const action = outgoing.match.length > 0 && target.actions.includes('upsert') ? 'upsert' : 'create';
    return { ...nothingSaid, kind: 'write', view, action, id, values, ours: values };
  }
  if (shared.has(id) && shared.get(id) !== view.entityId) return { kind: 'dead', view, problems: [alreadyTaken(id)] };
  const base = state?.external_id === id ? state : null;
  if (base && Object.entries(values).every(([name, value]) => isAlike(value, base.ours[name])))
    return { kind: 'same', view };
  return { kind: 'update', view, id, values, base };
}

const GONE = 'deleted at the vendor';

/** Whether a record there speaks for an entity whose own was deleted: it came back, or another took its place by a merge. */
const isThereAgain = ({ part, recordId }: View): boolean => part === '' && recordId !== null;

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

/** Whose words these values are; asked only where the vendor holds something else. */
async function wordsFor(
  { deps, outgoing }: Planning,
  updates: readonly Update[],
  held: ReadonlyMap<string, Held>,
): Promise<Words> {
  if (outgoing.entity === 'stock') return () => null;
  const apart = updates.filter(({ id, values }) => {
    const theirs = held.get(id)?.values;
    return theirs && Object.entries(values).some(([name, value]) => !isAlike(theirs[name], value));
  });
  if (apart.length === 0) return () => null;
  return deps.store.transaction((tx) => wordsOf(deps.load, tx, [...new Set(apart.map(({ view }) => view.entityId))]));
}

/** What of the vendor's records was read here, by their ids: that much the fold has weighed. */
async function readBefore({ deps, stream }: Planning, updates: readonly Update[]): Promise<Map<string, ReadRecord>> {
  if (updates.length === 0) return new Map();
  const ids = updates.map(({ id }) => id);
  return deps.store.transaction(async (tx) => recordValues(stream, rawPages(tx), await recordsHeld(tx, stream, ids)));
}

function verdictOf(
  { stream, outgoing }: Planning,
  { view, id, values: ours, base }: Update,
  held: Held | null,
  words: Words,
  read: ReadRecord | null,
): Verdict {
  if (held?.values === null) return { kind: 'skip', view, reason: GONE };
  const theirs = held?.values ?? {};
  const wordsOfField = (field: string) =>
    (outgoing.reads[field] ?? []).flatMap((name) => words(view.entityId, name) ?? []);
  const theirTime = (field: string): number => {
    const { at, version } = held ?? { at: 0, version: null };
    return base && isWrittenOver(base, field, theirs[field], version) ? Math.max(at, base.synced_at.getTime()) : at;
  };
  const merged = merge({
    ours,
    theirs,
    base,
    policy: stream.writes?.conflict ?? 'last_write_wins',
    isTheirWord(field) {
      const spoken = wordsOfField(field);
      const isTheirs = ({ record }: Word) => record?.streamId === stream.twin && record?.no === read?.no;
      return read !== null && spoken.length > 0 && spoken.every(isTheirs);
    },
    // By value: versions of whole seconds do not tell apart what was changed within one.
    isWeighed: (field) => read !== null && isAlike(read.values[field], theirs[field]),
    // Of stock there is one authority, and where it is written to a vendor it is not the vendor.
    isOursLater: (field) =>
      outgoing.entity === 'stock' || Math.max(0, ...wordsOfField(field).map(({ at }) => at)) >= theirTime(field),
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
  books: Counts,
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
    countVerdict(books, verdict, isApproved);
    const state = stateWith(verdict, plan.states.get(key) ?? null, subject);
    if (state) states.push(state);
    const intent = intentWith(verdict, ids, before.get(key), isApproved);
    if (intent) intents.push({ ...subject, ...intent, entity });
  }
  for (const id of plan.waiting) intents.push({ ...toPlanAgain, id: ids.next(), entity, entity_id: id });
  // Without the record that is gone it may be found that another took its place.
  for (const { entity_id: id } of states.filter(({ state, part }) => state === 'gone' && part === ''))
    intents.push({ ...toPlanAgain, id: ids.next(), entity, entity_id: id });
  await insertIntents(tx, { tenant: stream.tenant, streamId: stream.id, runId }, intents, at);
  await writeStates(tx, stream, entity, states, at);
  await writeLetters(tx, ids, stream, runId, entity, letters, at);
  await closeLetters(tx, stream, entity, fine);
}

/** Says no more than that an entity is to be planned: the cursor has gone past what changed. */
const toPlanAgain: Omit<NewIntent, 'id' | 'entity' | 'entity_id'> = {
  part: '',
  action: 'update',
  external_id: null,
  key: '',
  values: {},
  expected: null,
  ours: {},
  theirs: {},
  conflicts: [],
  attempts: 0,
  state: 'retry',
};

/** Why an intent that is only listed was not carried out. */
const WAITS = 'waits for approval';

/** Those that are to be written are counted when it is known what became of them. */
function countVerdict(books: Counts, verdict: Verdict, isApproved: boolean): void {
  if (verdict.kind === 'skip') skip(books, verdict.reason);
  else if (verdict.kind === 'dead') books.deadLettered += 1;
  else if (verdict.kind !== 'write') books.unchanged += 1;
  else if (!isApproved) skip(books, WAITS);
}

function stateWith(
  verdict: Verdict,
  before: WriteStateRow | null,
  subject: { readonly entity_id: number; readonly part: string },
): StateWrite | null {
  if (verdict.kind === 'agree') return agreedState(before, subject, verdict);
  const isLost = verdict.kind === 'skip' && verdict.reason === GONE && before?.state === 'live';
  return isLost ? { ...before, state: 'gone' } : null;
}

/** The ledger's row: of a write, and of a conflict that the vendor won. */
function intentWith(
  verdict: Verdict,
  ids: IdBlocks,
  earlier: Superseded | undefined,
  isApproved: boolean,
): Omit<NewIntent, 'entity' | 'entity_id' | 'part'> | null {
  if (verdict.kind === 'agree' && verdict.merged.conflicts.length > 0)
    return {
      ...recorded(verdict),
      id: ids.next(),
      action: 'update',
      key: '',
      values: {},
      expected: null,
      attempts: 0,
      state: 'ok',
    };
  if (verdict.kind !== 'write') return null;
  const { action, values, theirs } = verdict;
  const id = ids.next();
  // A create that was tried before and not carried out goes on under its key: the vendor would know it again.
  const isSameCreate = verdict.id === null && earlier?.action === action;
  return {
    ...recorded(verdict),
    ...{ id, action, values },
    key: isSameCreate ? earlier.key : `tributary-${id.toString(36)}`,
    expected: action === 'update' ? picked(theirs, values) : null,
    attempts: earlier?.attempts ?? 0,
    state: isApproved ? 'planned' : 'listed',
  };
}

const recorded = ({ id, ours, theirs, merged }: Extract<Verdict, { kind: 'write' | 'agree' }>) => ({
  external_id: id,
  ours,
  theirs,
  conflicts: merged?.conflicts ?? [],
});

/** The fields of one object that another has too. */
export const picked = (from: JsonObject, like: JsonObject): JsonObject =>
  Object.fromEntries(Object.keys(like).flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));

function agreedState(
  before: WriteStateRow | null,
  subject: { readonly entity_id: number; readonly part: string },
  { id, merged, theirs }: { readonly id: string; readonly merged: Merged; readonly theirs: JsonObject },
): StateWrite {
  const base = before?.external_id === id ? before : null;
  return {
    ...subject,
    external_id: id,
    state: 'live',
    ours: { ...base?.ours, ...merged.agreed.ours },
    theirs: { ...base?.theirs, ...merged.agreed.theirs },
    written: Object.fromEntries(
      Object.entries(base?.written ?? {}).filter(
        ([name, value]) => theirs[name] === undefined || isAlike(theirs[name], value),
      ),
    ),
  };
}
