import type { EntityName } from '../canonical/entities.ts';
import { type IdBlocks, numbers, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { arrivals } from './echoes.ts';
import { entry } from './entry.ts';
import { type ContributionRow, contributionsOfRecords } from './evaluate.ts';
import { type Key, type Matches, matches } from './match.ts';
import {
  type DeadRecord,
  doubtfulHits,
  type PageEntities,
  planOutputs,
  priorOf,
  type RecordPlan,
  stateOf,
  type Work,
  wantKeys,
} from './plan.ts';
import { keyFields, keyOf } from './rows.ts';
import type { Sorted } from './sort-out.ts';
import type { Candidate, CommitRequest, Counts, TaggedEntity } from './types.ts';

/** Finds the entities of every record of the page; a record whose entities cannot be told becomes a dead letter whole. */
export async function planRecords(
  { written }: Pick<LoadDeps, 'written'>,
  tx: Tx,
  ids: IdBlocks,
  request: CommitRequest,
  sorted: Sorted,
  counts: Counts,
): Promise<Work> {
  const { stream } = request;
  const prior = new Map<number, ContributionRow[]>();
  const existing = sorted.apply.flatMap((one) => (one.existing ? [one.existing.no] : []));
  for (const row of await contributionsOfRecords(tx, stream.id, existing))
    prior.set(row.no, [...(prior.get(row.no) ?? []), row]);
  const made = await madeByUs(written, tx, stream.id, sorted, request.page);
  const unclear: Unclear = new Map();
  const again = rewindable(ids);
  for (;;) {
    const keys = matches(tx, stream.tenant);
    for (const { candidate, existing } of sorted.apply)
      wantKeys(keys, candidate, (existing && prior.get(existing.no)) ?? []);
    await keys.find();
    const moved = await moveKeys(tx, stream.id, keys, sorted, prior, unclear);
    const rivals = await rivalsOf(tx, stream.id, keys, sorted, prior);
    const work = planAll(again, sorted, prior, keys, made, unclear, rivals);
    // A record that became a dead letter goes on saying what it said, so its entities let go of nothing.
    const late = work.dead.filter(
      ({ existing }) =>
        existing && !unclear.has(existing.no) && prior.get(existing.no)?.some((row) => moved.has(row.entity_id)),
    );
    if (late.length === 0) {
      for (const { patch } of work.dead) counts.deadLettered += 1 + (patch?.more ?? 0);
      return work;
    }
    for (const { existing, problems } of late) if (existing) unclear.set(existing.no, problems);
    again.rewind();
  }
}

/** Records whose entities could not be told, by number, and why. */
type Unclear = Map<number, DeadRecord['problems']>;

function planAll(
  ids: IdBlocks,
  sorted: Sorted,
  prior: ReadonlyMap<number, ContributionRow[]>,
  keys: Matches,
  made: Awaited<ReturnType<typeof madeByUs>>,
  unclear: Unclear,
  rivals: ReadonlySet<number>,
): Work {
  const entities: PageEntities = { created: new Set(), shared: new Set(), rivals };
  const plans: RecordPlan[] = [];
  const dead: DeadRecord[] = sorted.keyless.map(({ candidate, slot }) => ({
    candidate,
    slot,
    existing: null,
    problems: problemsOf(candidate),
  }));
  let nextNo = sorted.nextNo;
  for (const one of sorted.apply) {
    const { candidate, existing } = one;
    const { outcome } = candidate;
    const before = (existing && prior.get(existing.no)) ?? [];
    const problems = outcome.kind === 'rejected' ? outcome.problems : existing && unclear.get(existing.no);
    if (problems) {
      dead.push({ ...one, problems });
      continue;
    }
    const outputs = outcome.kind === 'mapped' ? outcome.entities : [];
    const stock = outcome.kind === 'mapped' ? outcome.stock : [];
    const planned = planOutputs(keys, ids, entities, outputs, stock, before, made(candidate));
    if ('problems' in planned) {
      dead.push({ ...one, problems: planned.problems });
      continue;
    }
    const kept = before.length === 0 ? null : new Set(outputs.map((output) => priorOf(before, output)));
    const no = existing?.no ?? nextNo;
    if (!existing) nextNo += 1;
    plans.push({
      ...one,
      no,
      state: stateOf(candidate),
      entities: planned.planned,
      stock,
      withdrawn: kept ? before.filter((row) => row.state === 'live' && !kept.has(row)) : [],
    });
  }
  return { plans, dead, prior, entities, nextNo };
}

/**
 * An entity that only records of the page speak for is found by the keys they state now, not by those they stated
 * before: what one record gives up another may take on.
 * @returns entities whose keys moved
 */
async function moveKeys(
  tx: Tx,
  streamId: number,
  keys: Matches,
  { apply }: Sorted,
  prior: ReadonlyMap<number, readonly ContributionRow[]>,
  unclear: Unclear,
): Promise<ReadonlySet<number>> {
  if (!keys.anyWanted()) return new Set();
  const spoken = new Map<number, { entity: EntityName; keys: Key[] }>();
  const speaking: number[] = [];
  for (const { candidate, existing } of apply) {
    if (!existing || candidate.outcome.kind === 'rejected' || unclear.has(existing.no)) continue;
    speaking.push(existing.no);
    const outputs = candidate.outcome.kind === 'mapped' ? candidate.outcome.entities : [];
    for (const output of outputs) {
      const row = priorOf(prior.get(existing.no) ?? [], output);
      if (row)
        entry(spoken, row.entity_id, () => ({ entity: row.entity, keys: [] as Key[] })).keys.push(...keysOf(output));
    }
  }
  const moving = new Map([...spoken].filter(([id, { entity, keys: now }]) => keys.wouldMove(entity, id, now)));
  if (moving.size === 0) return new Set();
  const entities = numbers([...moving.keys()]);
  const fixed = await tx.rows<{ id: number }>(sql`
    select entity_id as id from contribution where entity_id = any(${entities}) and state = 'live'
      and not (stream_id = ${streamId} and no = any(${numbers(speaking)}))
    union select entity_id from decision where entity_id = any(${entities})`);
  for (const { id } of fixed) moving.delete(id);
  for (const [id, { entity, keys: now }] of moving) keys.move(entity, id, now);
  return new Set(moving.keys());
}

/** Entities that later keys find against earlier ones, and that records of the stream speak for. */
async function rivalsOf(
  tx: Tx,
  streamId: number,
  keys: Matches,
  { apply }: Sorted,
  prior: ReadonlyMap<number, readonly ContributionRow[]>,
): Promise<ReadonlySet<number>> {
  const doubtful = new Set<number>();
  for (const { candidate, existing } of apply) {
    if (candidate.outcome.kind !== 'mapped') continue;
    const before = (existing && prior.get(existing.no)) ?? [];
    for (const output of candidate.outcome.entities)
      if (output.match.length > 1 && !priorOf(before, output))
        for (const id of doubtfulHits(keys, output)) doubtful.add(id);
  }
  if (doubtful.size === 0) return doubtful;
  const rows = await tx.rows<{ id: number }>(sql`
    select distinct entity_id as id from contribution
    where entity_id = any(${numbers([...doubtful])}) and stream_id = ${streamId} and state = 'live'`);
  return new Set(rows.map((row) => row.id));
}

const keysOf = ({ entity, values }: TaggedEntity): Key[] =>
  keyFields(entity).flatMap((field) => {
    const value = keyOf(entity, field, values[field]);
    return value === null ? [] : [{ field, value }];
  });

/** Ids that can be given out a second time, when what they were given to came to nothing. */
function rewindable(ids: IdBlocks): IdBlocks & { rewind(): void } {
  const given: number[] = [];
  let at = 0;
  return {
    next() {
      if (at === given.length) given.push(ids.next());
      at += 1;
      return given[at - 1] as number;
    },
    rewind() {
      at = 0;
    },
  };
}

/** Before its keys: a record that we made is what we made it of, whatever the vendor keeps of its keys. */
async function madeByUs(
  written: LoadDeps['written'],
  tx: Tx,
  streamId: number,
  { apply }: Sorted,
  { context }: CommitRequest['page'],
): Promise<(candidate: Candidate) => { readonly entity: EntityName; readonly id: number } | null> {
  if (!written.has(streamId)) return () => null;
  const known = await written.entitiesOf(tx, streamId, arrivals(apply, context));
  return ({ id }) => known.get(id ?? '') ?? null;
}

const problemsOf = (candidate: Candidate): DeadRecord['problems'] =>
  candidate.outcome.kind === 'rejected'
    ? candidate.outcome.problems
    : [{ field: 'record', pointer: '', code: 'ERR_LOAD_KEY_MISSING', message: 'the record has no external id' }];
