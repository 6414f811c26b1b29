/** Carries a page's plan out: records, contributions and the entities they speak about. */
import type { EntityName } from '../canonical/entities.ts';
import { CopyLines } from '../store/copy.ts';
import { RECORD_STATE } from '../store/schema.ts';
import { sql, type IdBlocks, type Tx } from '../store/store.ts';
import { applyStock } from './apply-stock.ts';
import { contributionWriter, withdrawContributions } from './contributions.ts';
import type { LoadDeps } from './deps.ts';
import { applyEntities, note, touch, type Change, type EntityChanges, type Touch } from './entities.ts';
import { type rawPages, resolveOutputs } from './evaluate.ts';
import { changesOf, same, stable, type Statement } from './fold.ts';
import { priorOf, type RecordPlan, type Work } from './plan.ts';
import { writeRecords } from './records.ts';
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
  const { stream, page, set } = request;
  const previous = await previousOutcomes(deps, pages, stream, work.plans);
  const changed = new Set<number>();
  const touches = new Map<number, Touch>();
  const contributions = contributionWriter(request, pageId);
  const created = newRows(stream, set);
  const isPlain = !(await somethingWaits(tx, stream.tenant)) && !work.plans.some(refersByKey);
  for (const plan of work.plans) {
    const when = changeTime(plan.candidate.version, page.observedAt);
    const before = plan.existing ? previous.get(plan.existing.no) : undefined;
    let differs = plan.withdrawn.length > 0 || (plan.existing !== null && plan.existing.state !== plan.state);
    for (const { output, entityId, isNew, prior } of plan.entities) {
      const { mappingId, entity } = output;
      const values = resolveOutputs(output.values, (key) => siblingOf(plan, mappingId, key));
      if (prior === null) contributions.create(plan, output, entityId, when);
      // Nobody else speaks about it and nobody waits for it: its row is what this record says.
      if (isPlain && isNew && !work.entities.shared.has(entityId)) {
        created.add(entity, mappingId, output.key, entityId, values);
        continue;
      }
      const said = prior?.state === 'live' ? valuesBefore(before, output, work.prior.get(plan.no) ?? []) : undefined;
      const changes = said ? changesOf({ values: said, changed: prior?.changed ?? null }, values, when) : null;
      const since = said && prior ? prior.since : when;
      differs ||= !said || stable(changes) !== stable(prior?.changed ?? null);
      if (prior !== null) contributions.update({ no: plan.no, slot: plan.slot, mappingId, output: output.key, changed: changes, since });
      const statement: Statement = {
        ...{ streamId: stream.id, no: plan.no, mappingId, output: output.key, entity, values, changed: changes, since },
        platform: deps.isPlatform(stream.id),
        conflict: set.conflict,
      };
      touch(touches, entityId, entity, isNew).statements.push(statement);
    }
    for (const row of plan.withdrawn) touch(touches, row.entity_id, row.entity, false);
    differs ||= before?.outcome.kind === 'mapped' && !same(before.outcome.stock, plan.stock);
    if (differs) changed.add(plan.no);
  }
  await created.flush(tx);
  const externalIds = isPlain ? new Map<number, string>() : externalIdsOf(work.plans);
  const { byEntity, targets } = await applyEntities(deps, tx, pages, stream, touches, new Set(work.plans.map((plan) => plan.no)), (id) => externalIds.get(id) ?? null, at);
  for (const [entity, made] of created.made) for (const id of made) note(byEntity, entity, 'created', id);
  await writeRecords(tx, request, pageId, work.plans);
  await contributions.flush(tx);
  await withdrawContributions(tx, stream, work.plans.flatMap((plan) => plan.withdrawn));
  await applyStock(tx, ids, request, pageId, work, targets, previous);
  return { changes: byEntity, changed };
}

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
function newRows(stream: LoadStream, set: MappingSet) {
  const shapes = new Map<string, { shape: InsertShape; lines: CopyLines }>();
  const made = new Map<EntityName, number[]>();
  return {
    made: made as ReadonlyMap<EntityName, readonly number[]>,
    add(entity: EntityName, mappingId: number, output: string, id: number, values: Statement['values']): void {
      const name = `${mappingId}/${output}`;
      let insert = shapes.get(name);
      if (!insert) shapes.set(name, (insert = { shape: insertShape(entity, set.fills(mappingId, output)), lines: new CopyLines() }));
      insert.lines.push(insert.shape.line(id, stream.tenant, values));
      const ids = made.get(entity);
      if (ids) ids.push(id);
      else made.set(entity, [id]);
    },
    async flush(tx: Tx): Promise<void> {
      for (const { shape, lines } of shapes.values()) tx.copy(shape.table, shape.columns, lines);
    },
  };
}

function externalIdsOf(plans: readonly RecordPlan[]): Map<number, string> {
  const ids = new Map<number, string>();
  for (const plan of plans) for (const one of plan.entities) ids.set(one.entityId, plan.candidate.id ?? '');
  return ids;
}

/** What the stored versions of the page's records said. */
async function previousOutcomes(deps: LoadDeps, pages: ReturnType<typeof rawPages>, stream: LoadStream, plans: readonly RecordPlan[]): Promise<Map<number, MappedRecord>> {
  const stored = plans.flatMap((plan) => (plan.existing && plan.existing.state === RECORD_STATE.live ? [plan.existing] : []));
  const outcomes = new Map<number, MappedRecord>();
  if (stored.length === 0) return outcomes;
  const raw = await pages(stored.map((row) => row.page_id));
  for (const row of stored) {
    const held = raw.get(row.page_id);
    const parts = held?.records[row.slot];
    if (!held || !parts) throw new Error(`raw version ${row.page_id}/${row.slot} of record ${row.no} is gone`);
    const set = await deps.mappingSet(stream.id, row.mapping_set);
    outcomes.set(row.no, set.map(parts, held.context, 0));
  }
  return outcomes;
}

function valuesBefore(before: MappedRecord | undefined, output: { mappingId: number; key: string; entity: EntityName }, prior: readonly Parameters<typeof priorOf>[0][number][]): Statement['values'] | undefined {
  if (before?.outcome.kind !== 'mapped') return undefined;
  const found = before.outcome.entities.find((one) => one.mappingId === output.mappingId && one.key === output.key && one.entity === output.entity);
  return found && resolveOutputs(found.values, (key) => prior.find((row) => row.mapping_id === output.mappingId && row.output === key)?.entity_id);
}

const YEAR_2000 = Date.UTC(2000, 0, 1);
/** When a change happened: the source's own time where its version is one, else when it was observed. */
export const changeTime = (version: number | null, observedAt: Date): number =>
  version !== null && version >= YEAR_2000 && version <= observedAt.getTime() ? version : observedAt.getTime();

export type { Change };
