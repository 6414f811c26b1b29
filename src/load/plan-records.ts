import type { EntityName } from '../canonical/entities.ts';
import type { IdBlocks, Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { type ContributionRow, contributionsOfRecords } from './evaluate.ts';
import { matches } from './match.ts';
import {
  type DeadRecord,
  type PageEntities,
  planOutputs,
  priorOf,
  type RecordPlan,
  stateOf,
  type Work,
  wantKeys,
} from './plan.ts';
import type { Sorted } from './sort-out.ts';
import type { Candidate, CommitRequest, Counts } from './types.ts';

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
  const keys = matches(tx, stream.tenant);
  for (const { candidate, existing } of sorted.apply)
    wantKeys(keys, candidate, (existing && prior.get(existing.no)) ?? []);
  await keys.find();
  const made = await madeByUs(written, tx, stream.id, sorted);

  const entities: PageEntities = { created: new Set(), shared: new Set() };
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
    if (outcome.kind === 'rejected') {
      dead.push({ ...one, problems: outcome.problems });
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
  for (const { patch } of dead) counts.deadLettered += 1 + (patch?.more ?? 0);
  return { plans, dead, prior, entities, nextNo };
}

/** Before its keys: a record that we made is what we made it of, whatever the vendor keeps of its keys. */
async function madeByUs(
  written: LoadDeps['written'],
  tx: Tx,
  streamId: number,
  { apply }: Sorted,
): Promise<(candidate: Candidate) => { readonly entity: EntityName; readonly id: number } | null> {
  if (!written.has(streamId)) return () => null;
  const ids = apply.flatMap(({ candidate }) => candidate.id ?? []);
  const known = await written.entitiesOf(tx, streamId, ids);
  return ({ id }) => known.get(id ?? '') ?? null;
}

const problemsOf = (candidate: Candidate): DeadRecord['problems'] =>
  candidate.outcome.kind === 'rejected'
    ? candidate.outcome.problems
    : [{ field: 'record', pointer: '', code: 'ERR_LOAD_KEY_MISSING', message: 'the record has no external id' }];
