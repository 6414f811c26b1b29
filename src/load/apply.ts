/** Carries a page's plan out: records, contributions and the entities they speak about. */
import type { EntityName } from '../canonical/entities.ts';
import { CopyRows } from '../store/copy.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { type IdBlocks, sql, type Tx } from '../store/store.ts';
import { applyStock } from './apply-stock.ts';
import { changeTime } from './change-time.ts';
import { type ContributionWriter, contributionWriter, withdrawContributions } from './contributions.ts';
import type { LoadDeps } from './deps.ts';
import { type Echoes, echoesOf } from './echoes.ts';
import { applyEntities, type EntityChanges, note, type Touch, touch } from './entities.ts';
import { entry } from './entry.ts';
import { type rawPages, resolveOutputs } from './evaluate.ts';
import { changesOf, type Statement, same, withEchoes } from './fold.ts';
import { outputName } from './mapping-sets.ts';
import { followMerges, redirectArchived } from './merges.ts';
import type { PlannedOutput, priorOf, RecordPlan, Work } from './plan.ts';
import { writeRecords } from './records.ts';
import { externalNames, type Target } from './references.ts';
import { goOn, type Life, type Lives, lifeKey, relive } from './relive.ts';
import { type InsertShape, insertShape } from './rows.ts';
import type { CommitRequest, LoadStream, MappedRecord, MappingSet } from './types.ts';

export type Applied = {
  readonly changes: EntityChanges['byEntity'];
  /** Numbers of the records that said something new. */
  readonly changed: ReadonlySet<number>;
};

export async function applyPlans(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  pages: ReturnType<typeof rawPages>,
  request: CommitRequest,
  pageId: number,
  work: Work,
  at: string,
): Promise<Applied> {
  const { stream, set, page } = request;
  const previous = await previousOutcomes(deps, tx, pages, stream, work.plans);
  const isPlain = !(await somethingWaits(tx, stream.tenant)) && !work.plans.some(refersByKey);
  const speech: Speech = {
    ...{ deps, request, work, isPlain, touches: new Map() },
    lives: page.again ? await relive(tx, pages, request, work) : livesOfPatches(work, previous),
    contributions: contributionWriter(request, pageId),
    echoes: await echoesOf(deps, tx, request, pageId, work.plans),
    created: newRows(stream, set, at),
  };
  const { contributions, created, touches } = speech;
  // Those that need nothing more go first: the server takes them while the rest is made.
  writeRecords(tx, request, pageId, work.plans);
  const changed = new Set<number>();
  for (const plan of work.plans) {
    const before = plan.existing ? previous.get(plan.existing.no) : undefined;
    if (applyRecord(speech, plan, before)) changed.add(plan.no);
  }
  created.flush(tx);
  const { byEntity, targets } = await applyEntities(
    deps,
    tx,
    pages,
    stream,
    touches,
    new Set(work.plans.map((plan) => plan.no)),
    isPlain ? [] : namedTargets(stream, work.plans),
    at,
  );
  for (const [entity, made] of created.made) for (const id of made) note(byEntity, entity, 'created', id);
  contributions.flush(tx);
  request.whenSent?.();
  withdrawContributions(
    tx,
    stream,
    work.plans.flatMap((plan) => plan.withdrawn),
  );
  const followed = await followMerges(tx, stream, work.plans, at);
  for (const { entity, id } of followed.moved) note(byEntity, entity, 'updated', id);
  await redirectArchived(tx, stream.tenant, byEntity);
  await applyStock(tx, ids, request, pageId, work, [...targets, ...followed.targets], previous);
  return { changes: byEntity, changed };
}

/** A single patch that is the newest needs none: it is like any other new version. */
function livesOfPatches({ plans, prior }: Work, previous: ReadonlyMap<number, MappedRecord>): Lives | null {
  const merged = plans.filter(({ patch }) => patch && (patch.steps.length > 1 || patch.steps[0]?.isLate === true));
  if (merged.length === 0) return null;
  return new Map(merged.map((plan) => [plan.no, goOn(plan, previous.get(plan.no), prior.get(plan.no) ?? [])]));
}

/** What the records of a page say, collected. */
type Speech = {
  readonly deps: LoadDeps;
  readonly request: CommitRequest;
  readonly work: Work;
  /** Nothing waits for entities of this page, and nothing in it refers to others by key. */
  readonly isPlain: boolean;
  /** Set where stored versions are mapped anew, or several patches of a record came at once, or a late one. */
  readonly lives: Lives | null;
  readonly touches: Map<number, Touch>;
  readonly echoes: Echoes;
  readonly contributions: ContributionWriter;
  readonly created: ReturnType<typeof newRows>;
};

/** Takes one record up; true when it says something that it did not say before. */
function applyRecord(speech: Speech, plan: RecordPlan, before: MappedRecord | undefined): boolean {
  const { work, created, touches } = speech;
  let differs = plan.withdrawn.length > 0 || (plan.existing !== null && plan.existing.state !== plan.state);
  const { notBefore = null } = speech.echoes.get(plan.no) ?? {};
  const when = changeTime(plan.candidate.version, speech.request.page.observedAt, notBefore);
  for (const planned of plan.entities) {
    const { output, entityId, isNew } = planned;
    const values = resolveOutputs(output.entity, output.values, (key) => siblingOf(plan, output.mappingId, key));
    if (planned.prior === null) speech.contributions.create(plan, output, entityId, when);
    // Nobody else speaks about it and nobody waits for it: its row is what this record says.
    if (speech.isPlain && isNew && !work.entities.shared.has(entityId)) {
      created.add(output.entity, output.mappingId, output.key, entityId, values);
      const life = lifeOf(speech, plan, output);
      if (life) speech.contributions.update({ no: plan.no, slot: plan.slot, ...output, output: output.key, ...life });
      differs = true;
      continue;
    }
    if (applyOutput(speech, plan, planned, values, before, when)) differs = true;
  }
  for (const row of plan.withdrawn) touch(touches, row.entity_id, row.entity, false);
  return differs || (before?.outcome.kind === 'mapped' && !same(before.outcome.stock, plan.stock));
}

/** Takes one output up for the fold; true when a value of it changed. */
function applyOutput(
  speech: Speech,
  plan: RecordPlan,
  { output, entityId, isNew, prior }: PlannedOutput,
  values: Statement['values'],
  before: MappedRecord | undefined,
  when: number,
): boolean {
  const { deps, request, work, contributions, touches } = speech;
  const { mappingId, entity, key } = output;
  const said = prior?.state === 'live' ? valuesBefore(before, output, work.prior.get(plan.no) ?? []) : undefined;
  const earlier = prior?.changed ?? null;
  const life = lifeOf(speech, plan, output);
  const moved = said ? changesOf({ values: said, changed: earlier }, values, () => when) : null;
  const changed = life ? life.changed : withEchoes(moved, said, values, speech.echoes.get(plan.no)?.fields);
  const since = life ? life.since : said && prior ? prior.since : when;
  if (prior !== null || changed !== null || life)
    contributions.update({ no: plan.no, slot: plan.slot, mappingId, output: key, changed, since });
  touch(touches, entityId, entity, isNew).statements.push({
    ...{ streamId: request.stream.id, no: plan.no, mappingId, output: key, entity, values, changed, since },
    platform: deps.isPlatform(request.stream.id),
    conflict: request.set.conflict,
  });
  return !said || !same(said, values);
}

const lifeOf = ({ lives }: Speech, plan: RecordPlan, { mappingId, key }: PlannedOutput['output']): Life | undefined =>
  lives?.get(plan.no)?.get(lifeKey(mappingId, key));

const siblingOf = (plan: RecordPlan, mappingId: number, key: string): number | undefined =>
  plan.entities.find((one) => one.output.mappingId === mappingId && one.output.key === key)?.entityId;

/** Whether a reference or a stock figure of the tenant waits for an entity that this page might bring. */
async function somethingWaits(tx: Tx, tenant: number): Promise<boolean> {
  const [row] = await tx.rows<{ waits: boolean }>(sql`
    select exists (select 1 from reference where tenant = ${tenant} and target_id is null) or exists (select 1 from stock_waiting where tenant = ${tenant}) as waits`);
  return row?.waits === true;
}

const refersByKey = (plan: RecordPlan): boolean => plan.entities.some(({ output }) => output.refersByKey);

/** New rows of entities that one record alone speaks about: straight into their tables. */
function newRows(stream: LoadStream, set: MappingSet, at: string) {
  const shapes = new Map<string, { shape: InsertShape; rows: CopyRows }>();
  const made = new Map<EntityName, number[]>();
  const madeAt = Date.parse(at);
  return {
    made: made as ReadonlyMap<EntityName, readonly number[]>,
    add(entity: EntityName, mappingId: number, output: string, id: number, values: Statement['values']): void {
      // Repeated outputs (`variant:…`) fill the same fields and go in together.
      const insert = entry(shapes, `${mappingId}/${outputName(output)}`, () => ({
        shape: insertShape(entity, set.fills(mappingId, output)),
        rows: new CopyRows(),
      }));
      insert.shape.write(insert.rows, id, stream.tenant, madeAt, values);
      entry(made, entity, () => []).push(id);
    },
    flush(tx: Tx): void {
      for (const { shape, rows } of shapes.values()) tx.copy(shape.table, shape.columns, rows);
    },
  };
}

/** Entities that records speak about for the first time: others may be waiting for them under the records' ids. */
function namedTargets(stream: LoadStream, plans: readonly RecordPlan[]): Target[] {
  const names = externalNames(stream);
  return plans.flatMap(({ candidate: { id: value }, entities }) =>
    entities.flatMap(({ output: { entity }, entityId, prior }) =>
      value === null || prior?.state === 'live' ? [] : names.map((key) => ({ entity, id: entityId, key, value })),
    ),
  );
}

/** What the stored versions of the page's records said. */
async function previousOutcomes(
  deps: LoadDeps,
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  stream: LoadStream,
  plans: readonly RecordPlan[],
): Promise<Map<number, MappedRecord>> {
  const stored = plans.flatMap((plan) =>
    plan.existing && plan.existing.state === RECORD_STATE.live ? [plan.existing] : [],
  );
  const outcomes = new Map<number, MappedRecord>();
  if (stored.length === 0) return outcomes;
  const raw = await pages(stored.map((row) => row.page_id));
  for (const row of stored) {
    const held = raw.get(row.page_id);
    const parts = held?.records.at(row.slot);
    if (!held || !parts) throw new Error(`raw version ${row.page_id}/${row.slot} of record ${row.no} is gone`);
    const set = await deps.mappingSet(stream.id, row.mapping_set, tx);
    outcomes.set(row.no, set.map(parts, held.context, 0));
  }
  return outcomes;
}

function valuesBefore(
  before: MappedRecord | undefined,
  output: { mappingId: number; key: string; entity: EntityName },
  prior: readonly Parameters<typeof priorOf>[0][number][],
): Statement['values'] | undefined {
  if (before?.outcome.kind !== 'mapped') return undefined;
  const found = before.outcome.entities.find(
    (one) => one.mappingId === output.mappingId && one.key === output.key && one.entity === output.entity,
  );
  return (
    found &&
    resolveOutputs(
      output.entity,
      found.values,
      (key) => prior.find((row) => row.mapping_id === output.mappingId && row.output === key)?.entity_id,
    )
  );
}
