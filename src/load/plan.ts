/**
 * What a page means for its records and entities, decided before anything is written: which records are new, changed,
 * stale or dead letters, and which entity each output is about.
 */
import type { EntityName } from '../canonical/entities.ts';
import type { RecordProblem, ReferenceValue, StockOutput } from '../mapping/types.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import type { IdBlocks } from '../store/store.ts';
import type { ContributionRow } from './evaluate.ts';
import type { Matches } from './match.ts';
import { referenceFields } from './rows.ts';
import type { Candidate, PatchSteps, Tagged, TaggedEntity } from './types.ts';

/** The stored state of a record. */
export type RecordRow = {
  no: number;
  external_id: string;
  hash: Uint8Array;
  page_id: number;
  slot: number;
  version: number | null;
  mapping_set: number;
  state: number;
  scope: string;
  /** Epoch milliseconds of the page that brought this version. */
  observed: number;
};

export type PlannedOutput = {
  readonly output: TaggedEntity;
  readonly entityId: number;
  readonly isNew: boolean;
  readonly prior: ContributionRow | null;
};

export type RecordPlan = {
  readonly candidate: Candidate;
  readonly slot: number;
  readonly no: number;
  readonly existing: RecordRow | null;
  readonly state: number;
  readonly entities: readonly PlannedOutput[];
  readonly stock: readonly Tagged<StockOutput>[];
  readonly withdrawn: readonly ContributionRow[];
  /** Set in patch streams. */
  readonly patch?: PatchSteps;
};

export type DeadRecord = {
  readonly candidate: Candidate;
  readonly slot: number;
  readonly existing: RecordRow | null;
  readonly problems: readonly RecordProblem[];
  /** Set in patch streams. */
  readonly patch?: PatchSteps;
};

/** Whether what arrives is older than what is stored. Equal version: the later observation wins. */
export function isStale(
  stored: { version: number | null; observed: number },
  arriving: { version: number | null },
  observedAt: number,
): boolean {
  if (stored.version !== null && arriving.version !== null && stored.version !== arriving.version) {
    return arriving.version < stored.version;
  }
  return observedAt < stored.observed;
}

/** Keys to look up for a record's outputs. */
export function wantKeys(matches: Matches, candidate: Candidate, prior: readonly ContributionRow[]): void {
  if (candidate.outcome.kind !== 'mapped') return;
  for (const output of candidate.outcome.entities) {
    if (output.refersByKey) lockTargets(matches, output);
    if (priorOf(prior, output)) continue;
    for (const key of output.match) matches.want(output.entity, key.field, key.value);
  }
  for (const { variant } of candidate.outcome.stock) {
    if (variant.kind === 'match') matches.want(variant.entity, variant.field, variant.value);
    else if (variant.kind === 'external') matches.lock(variant.entity);
  }
}

function lockTargets(matches: Matches, { entity, values }: TaggedEntity): void {
  for (const field of referenceFields(entity)) {
    const value = values[field];
    if (isKeyReference(value)) matches.lock(value.entity);
  }
}

const isKeyReference = (value: unknown): value is Exclude<ReferenceValue, { kind: 'output' }> =>
  typeof value === 'object' &&
  value !== null &&
  'kind' in value &&
  (value.kind === 'match' || value.kind === 'external');

export const priorOf = (prior: readonly ContributionRow[], output: TaggedEntity): ContributionRow | null =>
  prior.length === 0
    ? null
    : (prior.find(
        (row) => row.mapping_id === output.mappingId && row.output === output.key && row.entity === output.entity,
      ) ?? null);

/** Entities of this page. */
export type PageEntities = {
  /** Created by it. */
  readonly created: Set<number>;
  /** Created by it, and spoken about by more than one output. */
  readonly shared: Set<number>;
  /** Found by doubtful keys, and spoken about by records of the stream already. */
  readonly rivals: ReadonlySet<number>;
};

/** Decides the entities of a mapped record; all or nothing. */
export function planOutputs(
  matches: Matches,
  ids: IdBlocks,
  page: PageEntities,
  outputs: readonly TaggedEntity[],
  stock: readonly Tagged<StockOutput>[],
  prior: readonly ContributionRow[],
  made: { readonly entity: EntityName; readonly id: number } | null = null,
): { readonly planned: readonly PlannedOutput[] } | { readonly problems: readonly RecordProblem[] } {
  const problems: RecordProblem[] = [];
  const found: { output: TaggedEntity; prior: ContributionRow | null; hits: readonly number[] }[] = [];
  for (const output of outputs) {
    const known = priorOf(prior, output);
    const isMade = made?.entity === output.entity && !found.some((one) => one.output.entity === made.entity);
    const hits = known ? [] : isMade ? [made.id] : hitsOf(matches, page, output);
    if (hits.length > 1)
      problems.push(
        ambiguous(output.key, output.entity, output.match.map((key) => `${key.field} ${key.value}`).join(', '), hits),
      );
    found.push({ output, prior: known, hits });
  }
  for (const { key, variant } of stock) {
    if (variant.kind !== 'match') continue;
    const hits = matches.hits(variant.entity, variant.field, variant.value);
    if (hits.length > 1) problems.push(ambiguous(key, variant.entity, `${variant.field} ${variant.value}`, hits));
  }
  if (problems.length > 0) return { problems };
  const planned = found.map(({ output, prior, hits }): PlannedOutput => {
    const known = prior?.entity_id ?? hits[0];
    const entityId = known ?? ids.next();
    if (known === undefined) {
      page.created.add(entityId);
      for (const key of output.match) matches.created(output.entity, key.field, key.value, entityId);
    } else if (page.created.has(known)) page.shared.add(known);
    return { output, entityId, isNew: known === undefined, prior };
  });
  return { planned };
}

/** All entities that an output's keys find. */
function hitsOf(matches: Matches, page: PageEntities, output: TaggedEntity): readonly number[] {
  const { entity, match } = output;
  const [first] = match;
  if (first && match.length === 1) return matches.hits(entity, first.field, first.value);
  const isOther = (id: number, at: number): boolean =>
    (page.created.has(id) || page.rivals.has(id)) && isDoubtful(matches, output, at, id);
  return [
    ...new Set(
      match.flatMap(({ field, value }, at) => {
        const hits = matches.hits(entity, field, value);
        // A barcode under which the stream itself has several SKUs tells nothing.
        return hits.some((id) => isOther(id, at)) ? [] : hits;
      }),
    ),
  ];
}

/** Whether what a key finds has another value than the output in a key before it. */
const isDoubtful = (matches: Matches, { match }: TaggedEntity, at: number, id: number): boolean =>
  match.slice(0, at).some((key) => matches.differs(id, key));

/** What the later keys of an output find, although its earlier ones say otherwise. */
export function doubtfulHits(matches: Matches, output: TaggedEntity): readonly number[] {
  return output.match.flatMap(({ field, value }, at) =>
    at === 0 ? [] : matches.hits(output.entity, field, value).filter((id) => isDoubtful(matches, output, at, id)),
  );
}

const ambiguous = (key: string, entity: EntityName, by: string, hits: readonly number[]): RecordProblem => ({
  field: key,
  pointer: '',
  code: 'ERR_LOAD_MATCH_AMBIGUOUS',
  message: `${hits.length} ${entity} entities match ${by}; guessing between them is not allowed`,
});

/** State a record is in after its outcome. */
export const stateOf = (candidate: Candidate): number =>
  candidate.outcome.kind === 'filtered'
    ? RECORD_STATE.filtered
    : candidate.outcome.kind === 'deleted'
      ? RECORD_STATE.deleted
      : RECORD_STATE.live;

/** A page, planned. */
export type Work = {
  readonly plans: readonly RecordPlan[];
  readonly dead: readonly DeadRecord[];
  /** What the store says of the page's records, by number. */
  readonly prior: ReadonlyMap<number, readonly ContributionRow[]>;
  readonly entities: PageEntities;
  readonly nextNo: number;
};
