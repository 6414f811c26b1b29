/**
 * One page, one transaction: raw records, contributions, canonical rows, stock, dead letters, outbox, counters and the
 * checkpoint are committed together, fenced by the run's lease. A crash anywhere replays at most one page.
 */
import type { EntityName } from '../canonical/entities.ts';
import { TributaryError } from '../errors.ts';
import { copyBytes, copyPlain, copyText } from '../store/copy.ts';
import { RECORD_STATE } from '../store/schema.ts';
import { json, numbers, sql, texts, type IdBlocks, type Tx } from '../store/store.ts';
import { closeDeadLetters, writeDeadLetters } from './dead-letters.ts';
import type { LoadDeps } from './deps.ts';
import { applyEntities, type EntityChanges, type Touch } from './entities.ts';
import { contributionsOfRecords, rawPages, resolveOutputs, type ContributionRow } from './evaluate.ts';
import { changesOf, same, stable, type Statement } from './fold.ts';
import { matches } from './match.ts';
import { pack, type Payload } from './payload.ts';
import { isStale, planOutputs, priorOf, stateOf, wantKeys, type DeadRecord, type RecordPlan, type RecordRow } from './plan.ts';
import { applyFigures, keepWaiting, takeWaiting, withdrawFigures, type Figure, type WaitingFigure } from './stock.ts';
import { count, noCounts, type Candidate, type Counts, type Fence, type LoadStream, type MappedRecord, type MappingSet, type PageOutcome, type PreparedPage } from './types.ts';

export type CommitRequest = {
  readonly stream: LoadStream;
  readonly set: MappingSet;
  readonly fence: Fence;
  readonly page: PreparedPage;
  /** Whether a record of this id may be stored; false spares the look-up. */
  readonly mayExist: (id: string) => boolean;
  /** Where the cursor is kept: the stream's checkpoint moves only in incremental runs, others keep it with the run. */
  readonly moveCheckpoint: boolean;
  /** The page holds stored versions, mapped anew: nothing in it can be stale, and no version is replaced. */
  readonly again: boolean;
};

/** @throws ERR_RUN_FENCED when the run is no longer ours; nothing is written then. */
export async function commitPage(deps: LoadDeps, request: CommitRequest): Promise<PageOutcome> {
  const payload = await pack(request.page.candidates.map((one) => one.parts));
  const ids = await deps.store.newIds(idsNeeded(request.page));
  return deps.store.transaction((tx) => load(deps, tx, ids, payload, request));
}

/** An upper bound: page, entities, movements, dead letters, outbox rows, figures that waited. */
function idsNeeded(page: PreparedPage): number {
  let needed = 4096 + page.tombstones.length * 4;
  for (const { outcome } of page.candidates) needed += outcome.kind === 'mapped' ? outcome.entities.length + 2 * outcome.stock.length + 1 : 1;
  return needed;
}

async function load(deps: LoadDeps, tx: Tx, ids: IdBlocks, payload: Payload, request: CommitRequest): Promise<PageOutcome> {
  const { stream, page, fence } = request;
  const at = deps.clock.now().toISOString();
  await passFence(tx, fence);
  const pageId = ids.next();
  const counts = noCounts();
  counts.rows = page.rows;
  counts.read = page.candidates.length + page.recognised.length + page.tombstones.length;
  for (const one of page.recognised) {
    if (one.filtered) skip(counts, 'filtered');
    else counts.unchanged += 1;
  }

  const sorted = await sortOut(tx, request, counts);
  const work = await planRecords(deps, tx, ids, request, sorted, counts);
  const pages = rawPages(tx);
  const written = await applyPlans(deps, tx, ids, pages, request, pageId, work, at);
  for (const plan of work.plans) countRecord(counts, plan, written.changed.has(plan.no));

  const gone = await withdrawRecords(deps, tx, ids, pages, request, pageId, at, await tombstoned(tx, request, counts));
  countTombstones(counts, page.tombstones.length, gone.length);

  const tainted = taintOf(page, work.dead);
  await writeDeadLetters(tx, ids, { stream, runId: fence.runId, pageId, dead: work.dead, problems: page.problems, at });
  await closeDeadLetters(tx, stream, work.plans.map((plan) => plan.candidate.id ?? ''));
  await writeOutbox(tx, ids, stream.tenant, pageId, at, written.changes, counts);
  await writePage(tx, request, pageId, payload, seenOf(page, work));
  await closeBooks(tx, request, work.nextNo, counts, tainted);
  return {
    counts,
    pageId,
    learned: work.plans.map((plan) => ({
      id: plan.candidate.id ?? '',
      no: plan.no,
      hash: plan.candidate.hash,
      oldHash: plan.existing?.hash ?? null,
      filtered: plan.state === RECORD_STATE.filtered,
    })),
    deadLetters: work.dead.map((one) => ({ position: one.candidate.position, id: one.candidate.id, problems: one.problems })),
    tainted,
  };
}

/** Zero rows moved: another worker has the run. */
export async function passFence(tx: Tx, fence: Fence): Promise<void> {
  const moved = await tx.rows(sql`
    update run set seq = seq + 1, attempts = 0
    where id = ${fence.runId} and lease_epoch = ${fence.epoch} and seq = ${fence.seq} and state = 'running' returning id`);
  if (moved.length === 0) throw new TributaryError('ERR_RUN_FENCED', `Run ${fence.runId} has gone on elsewhere.`, { evidence: { epoch: fence.epoch, seq: fence.seq } });
}

type Sorted = {
  /** Candidates that apply, with what is stored of them. */
  readonly apply: readonly { readonly candidate: Candidate; readonly slot: number; readonly existing: RecordRow | null }[];
  readonly keyless: readonly { readonly candidate: Candidate; readonly slot: number }[];
  readonly nextNo: number;
};

/** Leaves out what is older than what is stored, and all but the last of several versions of one record in the page. */
async function sortOut(tx: Tx, request: CommitRequest, counts: Counts): Promise<Sorted> {
  const { page, stream } = request;
  const [row] = await tx.rows<{ next_no: number }>(sql`select next_no from stream where id = ${stream.id} for update`);
  const latest = new Map<string, { candidate: Candidate; slot: number }>();
  const keyless: { candidate: Candidate; slot: number }[] = [];
  page.candidates.forEach((candidate, slot) => {
    if (candidate.id === null) {
      keyless.push({ candidate, slot });
      return;
    }
    const other = latest.get(candidate.id);
    if (!other) {
      latest.set(candidate.id, { candidate, slot });
      return;
    }
    const older = candidate.version !== null && other.candidate.version !== null && candidate.version < other.candidate.version;
    skip(counts, Buffer.compare(candidate.hash, other.candidate.hash) === 0 ? 'duplicate' : 'superseded');
    if (!older) latest.set(candidate.id, { candidate, slot });
  });
  const stored = await storedRecords(tx, stream, [...latest.keys()].filter(request.mayExist));
  const later = request.again ? new Map<number, number>() : await seenLater(tx, stream, page, [...stored.values()]);
  const recognised = stored.size > 0 ? new Map(page.recognised.map((one) => [one.no, one.position])) : null;
  const observed = page.observedAt.getTime();
  const apply: Sorted['apply'][number][] = [];
  for (const { candidate, slot } of latest.values()) {
    const existing = stored.get(candidate.id ?? '') ?? null;
    if (existing && !request.again) {
      const last = { version: existing.version, observed: Math.max(existing.observed, later.get(existing.no) ?? 0) };
      if (isStale(last, candidate, observed)) {
        skip(counts, 'stale');
        continue;
      }
      // The stored content stands again further down the same page.
      if ((recognised?.get(existing.no) ?? -1) > candidate.position) {
        skip(counts, 'superseded');
        continue;
      }
    }
    apply.push({ candidate, slot, existing });
  }
  return { apply, keyless, nextNo: row?.next_no ?? 1 };
}

export async function storedRecords(tx: Tx, stream: LoadStream, externalIds: readonly string[]): Promise<Map<string, RecordRow>> {
  if (externalIds.length === 0) return new Map();
  const rows = await tx.rows<RecordRow>(sql`
    select r.no, r.external_id, r.hash, r.page_id, r.slot, r.version, r.mapping_set, r.state, r.scope, (extract(epoch from p.observed_at) * 1000)::bigint as observed
    from record r join page p on p.id = r.page_id
    where r.stream_id = ${stream.id} and r.external_id = any(${texts(externalIds)})`);
  return new Map(rows.map((row) => [row.external_id, row]));
}

/** Unchanged records leave no trace of their own; the pages observed after this one say which they saw. */
async function seenLater(tx: Tx, stream: LoadStream, page: PreparedPage, stored: readonly RecordRow[]): Promise<Map<number, number>> {
  if (stored.length === 0) return new Map();
  const rows = await tx.rows<{ no: number; observed: number }>(sql`
    select n.no, (extract(epoch from max(p.observed_at)) * 1000)::bigint as observed
    from page p join unnest(${numbers(stored.map((row) => row.no))}) as n(no) on p.seen @> n.no
    where p.stream_id = ${stream.id} and p.observed_at > ${page.observedAt.toISOString()}::timestamptz group by n.no`);
  return new Map(rows.map((row) => [row.no, row.observed]));
}

type Work = { readonly plans: readonly RecordPlan[]; readonly dead: readonly DeadRecord[]; readonly prior: ReadonlyMap<number, readonly ContributionRow[]>; readonly nextNo: number };

async function planRecords(deps: LoadDeps, tx: Tx, ids: IdBlocks, request: CommitRequest, sorted: Sorted, counts: Counts): Promise<Work> {
  const { stream } = request;
  const prior = new Map<number, ContributionRow[]>();
  const existing = sorted.apply.flatMap((one) => (one.existing ? [one.existing.no] : []));
  for (const row of await contributionsOfRecords(tx, stream.id, existing)) prior.set(row.no, [...(prior.get(row.no) ?? []), row]);
  const keys = matches(tx, stream.tenant);
  for (const { candidate, existing } of sorted.apply) wantKeys(keys, candidate, (existing && prior.get(existing.no)) ?? []);
  await keys.find();

  const plans: RecordPlan[] = [];
  const dead: DeadRecord[] = sorted.keyless.map(({ candidate, slot }) => ({ candidate, slot, existing: null, problems: problemsOf(candidate) }));
  let nextNo = sorted.nextNo;
  for (const { candidate, slot, existing } of sorted.apply) {
    const { outcome } = candidate;
    const before = (existing && prior.get(existing.no)) ?? [];
    if (outcome.kind === 'rejected') {
      dead.push({ candidate, slot, existing, problems: outcome.problems });
      continue;
    }
    const outputs = outcome.kind === 'mapped' ? outcome.entities : [];
    const stock = outcome.kind === 'mapped' ? outcome.stock : [];
    const planned = planOutputs(keys, ids, outputs, stock, before);
    if ('problems' in planned) {
      dead.push({ candidate, slot, existing, problems: planned.problems });
      continue;
    }
    const kept = new Set(outputs.map((output) => priorOf(before, output)));
    const no = existing?.no ?? nextNo;
    if (!existing) nextNo += 1;
    plans.push({
      candidate,
      slot,
      no,
      existing,
      state: stateOf(candidate),
      entities: planned.planned,
      stock,
      withdrawn: before.filter((row) => row.state === 'live' && !kept.has(row)),
    });
  }
  counts.deadLettered += dead.length;
  return { plans, dead, prior, nextNo };
}

const problemsOf = (candidate: Candidate): DeadRecord['problems'] =>
  candidate.outcome.kind === 'rejected'
    ? candidate.outcome.problems
    : [{ field: 'record', pointer: '', code: 'ERR_LOAD_KEY_MISSING', message: 'the record has no external id' }];

type Written = { readonly changes: EntityChanges['byEntity']; readonly changed: ReadonlySet<number> };

async function applyPlans(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  pages: ReturnType<typeof rawPages>,
  request: CommitRequest,
  pageId: number,
  work: Work,
  at: string,
): Promise<Written> {
  const { stream, page, set } = request;
  const previous = await previousOutcomes(deps, pages, stream, work.plans);
  const changed = new Set<number>();
  const touches = new Map<number, Touch>();
  const contributions: ContributionWrite[] = [];
  for (const plan of work.plans) {
    const when = changeTime(plan.candidate.version, page.observedAt);
    const before = plan.existing ? previous.get(plan.existing.no) : undefined;
    let differs = plan.withdrawn.length > 0 || (plan.existing !== null && plan.existing.state !== plan.state);
    for (const planned of plan.entities) {
      const { output, entityId, isNew, prior } = planned;
      const values = resolveOutputs(output.values, (key) => plan.entities.find((one) => one.output.mappingId === output.mappingId && one.output.key === key)?.entityId);
      const said = prior?.state === 'live' ? valuesBefore(before, output, work.prior.get(plan.no) ?? []) : undefined;
      const changes = said ? changesOf({ values: said, changed: prior?.changed ?? null }, values, when) : null;
      const since = said && prior ? prior.since : when;
      if (!said || changes !== (prior?.changed ?? null)) differs ||= !said || stable(changes) !== stable(prior?.changed ?? null);
      const statement: Statement = {
        streamId: stream.id,
        no: plan.no,
        mappingId: output.mappingId,
        output: output.key,
        values,
        changed: changes,
        since,
        platform: deps.isPlatform(stream.id),
        conflict: (field) => set.conflict(output.mappingId, output.entity, field),
      };
      touch(touches, entityId, output.entity, isNew).statements.push(statement);
      contributions.push({ no: plan.no, slot: plan.slot, entityId, entity: output.entity, mappingId: output.mappingId, output: output.key, changes, since, isNew: prior === null });
    }
    for (const row of plan.withdrawn) touch(touches, row.entity_id, row.entity, false);
    if (!differs && before && before.outcome.kind === 'mapped' && !same(before.outcome.stock, plan.stock)) differs = true;
    if (differs) changed.add(plan.no);
  }
  const spoken = new Set(work.plans.map((plan) => plan.no));
  const externalIds = new Map<number, string>();
  for (const plan of work.plans) for (const one of plan.entities) externalIds.set(one.entityId, plan.candidate.id ?? '');
  const { byEntity, targets } = await applyEntities(deps, tx, pages, stream, touches, spoken, (_entity, id) => externalIds.get(id) ?? null, at);
  await writeRecords(tx, request, pageId, work.plans);
  await writeContributions(tx, request, pageId, contributions, work.plans.flatMap((plan) => plan.withdrawn));
  await applyStock(tx, ids, request, pageId, work.plans, targets, touches, previous);
  return { changes: byEntity, changed };
}

function touch(touches: Map<number, Touch>, id: number, entity: EntityName, isNew: boolean): Touch {
  let known = touches.get(id);
  if (!known) {
    known = { entity, isNew, statements: [] };
    touches.set(id, known);
  }
  return known;
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

function valuesBefore(before: MappedRecord | undefined, output: { mappingId: number; key: string }, prior: readonly ContributionRow[]): Statement['values'] | undefined {
  if (before?.outcome.kind !== 'mapped') return undefined;
  const found = before.outcome.entities.find((one) => one.mappingId === output.mappingId && one.key === output.key);
  return found && resolveOutputs(found.values, (key) => prior.find((row) => row.mapping_id === output.mappingId && row.output === key)?.entity_id);
}

const YEAR_2000 = Date.UTC(2000, 0, 1);
/** When a change happened: the source's own time where its version is one, else when it was observed. */
export const changeTime = (version: number | null, observedAt: Date): number =>
  version !== null && version >= YEAR_2000 && version <= observedAt.getTime() ? version : observedAt.getTime();

async function writeRecords(tx: Tx, request: CommitRequest, pageId: number, plans: readonly RecordPlan[]): Promise<void> {
  const { stream, page, set } = request;
  let lines = '';
  const updates: Record<string, unknown>[] = [];
  const scope = copyText(page.window.scope);
  for (const { candidate, existing, no, slot, state } of plans) {
    if (existing) updates.push({ no, hash: Buffer.from(candidate.hash).toString('hex'), slot, version: candidate.version, state });
    else
      lines += `${stream.id}\t${no}\t${stream.tenant}\t${copyText(candidate.id)}\t${copyBytes(candidate.hash)}\t${pageId}\t${slot}\t${copyPlain(candidate.version)}\t${set.id}\t${state}\t${scope}\n`;
  }
  if (lines) await tx.copy('record', ['stream_id', 'no', 'tenant', 'external_id', 'hash', 'page_id', 'slot', 'version', 'mapping_set', 'state', 'scope'], lines);
  if (updates.length === 0) return;
  if (!request.again) await keepHistory(tx, stream, pageId, updates.map((row) => Number(row['no'])));
  await tx.rows(sql`
    update record r set hash = decode(n.hash, 'hex'), page_id = ${pageId}, slot = n.slot, version = n.version, state = n.state, mapping_set = ${set.id}, scope = ${page.window.scope}
    from jsonb_to_recordset(${JSON.stringify(updates)}::jsonb) as n(no bigint, hash text, slot integer, version bigint, state smallint)
    where r.stream_id = ${stream.id} and r.no = n.no`);
}

export const keepHistory = (tx: Tx, stream: LoadStream, pageId: number, nos: readonly number[]): Promise<unknown> =>
  tx.rows(sql`
    insert into record_history (stream_id, no, tenant, hash, page_id, slot, version, mapping_set, state, replaced_by)
    select stream_id, no, tenant, hash, page_id, slot, version, mapping_set, state, ${pageId} from record
    where stream_id = ${stream.id} and no = any(${numbers(nos)})`);

type ContributionWrite = {
  no: number;
  slot: number;
  entityId: number;
  entity: EntityName;
  mappingId: number;
  output: string;
  changes: Record<string, number> | null;
  since: number;
  isNew: boolean;
};

async function writeContributions(tx: Tx, request: CommitRequest, pageId: number, writes: readonly ContributionWrite[], withdrawn: readonly ContributionRow[]): Promise<void> {
  const { stream, set } = request;
  let lines = '';
  const updates: Record<string, unknown>[] = [];
  for (const one of writes) {
    if (one.isNew)
      lines += `${stream.id}\t${one.no}\t${stream.tenant}\t${one.entityId}\t${one.mappingId}\t${copyText(one.output)}\t${one.entity}\tlive\t${one.since}\t${pageId}\t${one.slot}\t${set.id}\n`;
    else updates.push({ no: one.no, mapping_id: one.mappingId, output: one.output, changed: one.changes, since: one.since, slot: one.slot });
  }
  if (lines)
    await tx.copy('contribution', ['stream_id', 'no', 'tenant', 'entity_id', 'mapping_id', 'output', 'entity', 'state', 'since', 'page_id', 'slot', 'mapping_set'], lines);
  if (updates.length > 0)
    await tx.rows(sql`
      update contribution c set state = 'live', changed = n.changed, since = n.since, page_id = ${pageId}, slot = n.slot, mapping_set = ${set.id}
      from jsonb_to_recordset(${JSON.stringify(updates)}::jsonb) as n(no bigint, mapping_id integer, output text, changed jsonb, since bigint, slot integer)
      where c.stream_id = ${stream.id} and c.no = n.no and c.mapping_id = n.mapping_id and c.output = n.output`);
  await withdraw(tx, stream, withdrawn);
}

async function withdraw(tx: Tx, stream: LoadStream, rows: readonly ContributionRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    update contribution c set state = 'withdrawn' from jsonb_to_recordset(${JSON.stringify(rows.map((row) => ({ no: row.no, mapping_id: row.mapping_id, output: row.output })))}::jsonb)
      as n(no bigint, mapping_id integer, output text)
    where c.stream_id = ${stream.id} and c.no = n.no and c.mapping_id = n.mapping_id and c.output = n.output`);
}

async function applyStock(
  tx: Tx,
  ids: IdBlocks,
  request: CommitRequest,
  pageId: number,
  plans: readonly RecordPlan[],
  targets: EntityChanges['targets'],
  touches: ReadonlyMap<number, Touch>,
  previous: ReadonlyMap<number, MappedRecord>,
): Promise<void> {
  const { stream, page } = request;
  const figures: Figure[] = [];
  const waiting: WaitingFigure[] = [];
  const matched = plans.some((plan) => plan.stock.some((one) => one.variant.kind === 'match')) ? await variantsOf(tx, stream, plans) : new Map<string, number>();
  const silent: number[] = [];
  for (const plan of plans) {
    for (const one of plan.stock) {
      const asOf = (one.asOf ?? page.observedAt.getTime()) - stream.clockSkewMs;
      const { variant } = one;
      const variantId =
        variant.kind === 'output'
          ? plan.entities.find((entity) => entity.output.mappingId === one.mappingId && entity.output.key === variant.key)?.entityId
          : variant.kind === 'match'
            ? matched.get(`${variant.field}\u0000${variant.value}`)
            : undefined;
      if (variantId !== undefined) figures.push({ variantId, location: one.location, quantity: one.quantity, asOf, no: plan.no });
      else if (variant.kind === 'match')
        waiting.push({ no: plan.no, output: `${one.mappingId}/${one.key}`, key: variant.field, value: variant.value, location: one.location, quantity: one.quantity, asOf });
    }
    const before = previous.get(plan.no);
    if (plan.stock.length === 0 && before?.outcome.kind === 'mapped' && before.outcome.stock.length > 0) silent.push(plan.no);
  }
  const isNew = (id: number) => touches.get(id)?.isNew === true;
  await withdrawFigures(tx, ids, stream, pageId, silent, page.observedAt.getTime());
  await applyFigures(tx, ids, stream, pageId, figures, isNew);
  await keepWaiting(tx, stream, pageId, waiting);
  await applyWaiting(tx, ids, stream, pageId, targets);
}

/** Figures that waited for variants of this page: applied in the name of the streams that reported them. */
async function applyWaiting(tx: Tx, ids: IdBlocks, stream: LoadStream, pageId: number, targets: EntityChanges['targets']): Promise<void> {
  const variants = targets.filter((one) => one.entity === 'variant' && one.key === 'match:sku');
  const idOf = new Map(variants.map((one) => [one.value, one.id]));
  const taken = await takeWaiting(tx, stream.tenant, 'sku', [...idOf.keys()]);
  for (const row of taken) {
    const variantId = idOf.get(row.value);
    if (variantId === undefined) continue;
    const origin: LoadStream = { ...stream, id: row.stream_id, connectionId: row.connection_id, stockAuthority: row.stock_authority };
    await applyFigures(tx, ids, origin, pageId, [{ variantId, location: row.location, quantity: row.quantity, asOf: row.as_of, no: row.no }], () => false);
  }
}

async function variantsOf(tx: Tx, stream: LoadStream, plans: readonly RecordPlan[]): Promise<Map<string, number>> {
  const byField = new Map<string, Set<string>>();
  for (const plan of plans)
    for (const { variant } of plan.stock) if (variant.kind === 'match') byField.set(variant.field, (byField.get(variant.field) ?? new Set()).add(variant.value));
  const found = new Map<string, number>();
  for (const [field, values] of byField) {
    const key = sql.identifier(`${field}_key`);
    const rows = await tx.rows<{ id: number; key: string }>(
      sql`select id, ${key} as key from variant where tenant = ${stream.tenant} and ${key} = any(${texts([...values])}) and merged_into is null`,
    );
    for (const row of rows) found.set(`${field}\u0000${row.key}`, row.id);
  }
  return found;
}

async function tombstoned(tx: Tx, request: CommitRequest, counts: Counts): Promise<readonly RecordRow[]> {
  const { page, stream } = request;
  const stored = await storedRecords(tx, stream, page.tombstones.map((one) => one.id));
  const observed = page.observedAt.getTime();
  const gone: RecordRow[] = [];
  for (const tombstone of page.tombstones) {
    const row = stored.get(tombstone.id);
    if (!row || row.state === RECORD_STATE.deleted || isStale(row, tombstone, observed)) continue;
    stored.delete(tombstone.id);
    gone.push(row);
  }
  counts.tombstones += page.tombstones.length;
  return gone;
}

function countTombstones(counts: Counts, read: number, gone: number): void {
  counts.updated += gone;
  counts.unchanged += read - gone;
  counts.deleted += gone;
}

/** Withdraws everything these records say; their entities are folded anew, or archived when nobody speaks for them. */
export async function withdrawRecords(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  pages: ReturnType<typeof rawPages>,
  request: { readonly stream: LoadStream; readonly page: Pick<PreparedPage, 'observedAt'> },
  pageId: number,
  at: string,
  gone: readonly RecordRow[],
): Promise<readonly RecordRow[]> {
  if (gone.length === 0) return gone;
  const { stream, page } = request;
  const nos = gone.map((row) => row.no);
  const rows = (await contributionsOfRecords(tx, stream.id, nos)).filter((row) => row.state === 'live');
  const touches = new Map<number, Touch>();
  for (const row of rows) touch(touches, row.entity_id, row.entity, false);
  const { byEntity } = await applyEntities(deps, tx, pages, stream, touches, new Set(nos), () => null, at);
  await withdraw(tx, stream, rows);
  await withdrawFigures(tx, ids, stream, pageId, nos, page.observedAt.getTime());
  await keepHistory(tx, stream, pageId, nos);
  await tx.rows(sql`update record set state = ${RECORD_STATE.deleted} where stream_id = ${stream.id} and no = any(${numbers(nos)})`);
  await writeOutbox(tx, ids, stream.tenant, pageId, at, byEntity, null);
  return gone;
}

async function writeOutbox(tx: Tx, ids: IdBlocks, tenant: number, pageId: number, at: string, changes: EntityChanges['byEntity'], counts: Counts | null): Promise<void> {
  for (const [entity, byChange] of changes) {
    for (const [change, changed] of byChange) {
      if (counts) count(counts.entities, `${entity}.${change}`, changed.length);
      await tx.rows(sql`insert into outbox (id, tenant, page_id, entity, change, ids, at)
        values (${ids.next()}, ${tenant}, ${pageId}, ${entity}, ${change}, ${numbers(changed)}, ${at}::timestamptz)`);
    }
  }
}

/** Numbers of all records of the page, as ranges. */
function seenOf(page: PreparedPage, work: Work): string {
  const nos = [...page.recognised.map((one) => one.no), ...work.plans.map((plan) => plan.no), ...work.dead.flatMap((one) => (one.existing ? [one.existing.no] : []))];
  nos.sort((a, b) => a - b);
  const ranges: string[] = [];
  for (let at = 0; at < nos.length; ) {
    const start = nos[at] ?? 0;
    let end = start + 1;
    for (at += 1; at < nos.length && (nos[at] ?? 0) <= end; at += 1) end = Math.max(end, (nos[at] ?? 0) + 1);
    ranges.push(`[${start},${end})`);
  }
  return `{${ranges.join(',')}}`;
}

async function writePage(tx: Tx, request: CommitRequest, pageId: number, payload: Payload, seen: string): Promise<void> {
  const { page, stream, fence } = request;
  await tx.rows(sql`
    insert into page (id, tenant, stream_id, run_id, seq, window_id, scope, observed_at, read, context, payload, bytes, seen)
    values (${pageId}, ${stream.tenant}, ${stream.id}, ${fence.runId}, ${fence.seq + 1}, ${page.window.id}, ${page.window.scope}, ${page.observedAt.toISOString()}::timestamptz,
      ${page.candidates.length + page.recognised.length}, ${json(page.context)}, ${payload.compressed}, ${payload.bytes}, ${seen}::int8multirange)`);
}

/** Counters and checkpoint, in the transaction of the data they speak of. */
async function closeBooks(tx: Tx, request: CommitRequest, nextNo: number, counts: Counts, tainted: string | null): Promise<void> {
  const { page, stream, fence } = request;
  const closing = { id: page.window.id, scope: page.window.scope, observedAt: page.observedAt.toISOString(), expected: page.expected };
  await tx.rows(sql`
    update run set rows = rows + ${counts.rows}, read = read + ${counts.read}, created = created + ${counts.created}, updated = updated + ${counts.updated},
      unchanged = unchanged + ${counts.unchanged}, skipped = skipped + ${counts.skipped}, dead_lettered = dead_lettered + ${counts.deadLettered},
      deleted = deleted + ${counts.deleted}, tombstones = tombstones + ${counts.tombstones},
      skipped_by = ${addUp('skipped_by', counts.skippedBy)}, entities = ${addUp('entities', counts.entities)},
      tainted = coalesce(tainted, ${tainted}::text), closing = ${page.complete && page.window.kind === 'snapshot' ? JSON.stringify(closing) : null}::jsonb, cursor = coalesce(${page.next === null ? null : JSON.stringify(page.next)}::jsonb, cursor)
    where id = ${fence.runId}`);
  await tx.rows(sql`update stream set next_no = ${nextNo},
    cursor = case when ${request.moveCheckpoint} then coalesce(${page.next === null ? null : JSON.stringify(page.next)}::jsonb, cursor) else cursor end where id = ${stream.id}`);
}

/** Adds counts by name to a jsonb column of counts. */
const addUp = (column: string, by: Readonly<Record<string, number>>) =>
  sql`(select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::bigint) as total from (
      select key, value from jsonb_each_text(run.${sql.identifier(column)}) union all select key, value from jsonb_each_text(${JSON.stringify(by)}::jsonb)) as both_counts group by key) as totals)`;

function skip(counts: Counts, reason: string): void {
  counts.skipped += 1;
  count(counts.skippedBy, reason);
}

function countRecord(counts: Counts, plan: RecordPlan, changed: boolean): void {
  if (plan.state === RECORD_STATE.live) {
    if (!plan.existing) counts.created += 1;
    else if (changed) counts.updated += 1;
    else counts.unchanged += 1;
    return;
  }
  if (plan.state === RECORD_STATE.deleted) {
    const gone = plan.existing !== null && plan.existing.state !== RECORD_STATE.deleted;
    counts.tombstones += 1;
    countTombstones(counts, 1, gone ? 1 : 0);
    return;
  }
  skip(counts, 'filtered');
}

function taintOf(page: PreparedPage, dead: readonly DeadRecord[]): string | null {
  const [problem] = page.problems;
  if (problem) return problem.position === null ? problem.message : `line ${problem.position}: ${problem.message}`;
  const nameless = dead.find((one) => one.candidate.id === null);
  return nameless ? `line ${nameless.candidate.position}: a record without an external id` : null;
}
