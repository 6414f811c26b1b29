/**
 * One page, one transaction: raw records, contributions, canonical rows, stock, dead letters, outbox, counters and the
 * checkpoint are committed together, fenced by the run's lease. A crash anywhere replays at most one page.
 */
import { isStorable, storable } from '../canonical/text.ts';
import { TributaryError } from '../errors.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { type IdBlocks, json, sql, type Tx } from '../store/store.ts';
import { applyPlans } from './apply.ts';
import { countsAdded } from './counts.ts';
import { closeDeadLetters, type DeadLetterWrite, type PutRight, writeDeadLetters } from './dead-letters.ts';
import type { LoadDeps } from './deps.ts';
import { rawPages } from './evaluate.ts';
import { passFence } from './fence.ts';
import { writeOutbox } from './outbox.ts';
import { type Payload, pack } from './payload.ts';
import type { DeadRecord, RecordPlan, Work } from './plan.ts';
import { planRecords } from './plan-records.ts';
import { isStillGone, moveScopes, raiseVersions } from './records.ts';
import { countStanding, NO_SLOT, reasonOf, type Sorted, sortOut } from './sort-out.ts';
import { sortPatches } from './sort-patches.ts';
import {
  type CommitRequest,
  type Counts,
  type LoadStream,
  noCounts,
  type PageOutcome,
  type PreparedPage,
  skip,
} from './types.ts';

/** @throws ERR_RUN_FENCED when the run is no longer ours; nothing is written then. */
export async function commitPage(deps: LoadDeps, request: CommitRequest): Promise<PageOutcome> {
  checkContext(request.page);
  const slots = request.page.candidates.map((one) => one.parts);
  // Behind the records; a problem says where its bytes are.
  const problems = request.page.problems.map((one) => ({
    ...one,
    kept: one.raw === null ? null : slots.push([one.raw]) - 1,
  }));
  // What patches become is known when they are merged.
  const payload = request.stream.mode === 'patch' ? null : await pack(slots);
  const ids = await deps.store.newIds(idsNeeded(request.page));
  return deps.store.transaction((tx) => load(deps, tx, ids, { slots, problems }, payload, request), {
    durable: request.durable,
    byKey: true,
  });
}

/** What decodes the page's records must be kept with them. @throws ERR_EXTRACT_PARSE */
function checkContext({ context, window }: PreparedPage): void {
  JSON.stringify(context, (name, value: unknown) => {
    if (isStorable(name) && (typeof value !== 'string' || isStorable(value))) return value;
    throw new TributaryError(
      'ERR_EXTRACT_PARSE',
      `The header of ${window.scope} has a NUL character or half a surrogate pair.`,
    );
  });
}

/** An upper bound: page, entities, movements, dead letters, outbox rows, figures that waited. */
function idsNeeded(page: PreparedPage): number {
  let needed = 4096 + page.tombstones.length * 4 + page.problems.length;
  for (const { outcome } of page.candidates)
    needed += outcome.kind === 'mapped' ? outcome.entities.length + 2 * outcome.stock.length + 1 : 1;
  return needed;
}

async function load(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  { slots, problems }: { readonly slots: (readonly Uint8Array[])[]; readonly problems: DeadLetterWrite['problems'] },
  payload: Payload | null,
  request: CommitRequest,
): Promise<PageOutcome> {
  const { stream, page, fence } = request;
  const at = deps.clock.now().toISOString();
  const { cancelRequested } = await passFence(tx, fence);
  const pageId = ids.next();
  const counts = noCounts();
  counts.rows = page.rows;
  counts.read = page.candidates.length + page.recognised.length + page.tombstones.length;
  counts.tombstones = page.tombstones.length;
  for (const one of page.recognised) countStanding(counts, one.filtered);

  const pages = rawPages(tx);
  const sorted =
    stream.mode === 'patch'
      ? await sortPatches(tx, pages, request, pageId, slots, counts)
      : await sortOut(tx, request, counts);
  raiseVersions(tx, stream, [...page.recognised, ...versionsOf(sorted)]);
  if (request.otherScopes) moveScopes(tx, stream, page, standingIn(page, sorted));
  const work = await planRecords(deps, tx, ids, request, sorted, counts);
  const written = await applyPlans(deps, tx, ids, pages, request, pageId, work, at);
  for (const plan of work.plans) countRecord(counts, plan, written.changed.has(plan.no));

  const tainted = taintOf(page, work.dead);
  const windowId = page.window.id;
  const { dead } = work;
  await closeDeadLetters(tx, stream, page.observedAt, putRight(stream, work, sorted), [
    ...triedAgain(page),
    ...mergedIn(work),
  ]);
  const { observedAt } = page;
  await writeDeadLetters(tx, ids, { stream, runId: fence.runId, pageId, windowId, observedAt, dead, problems, at });
  const ranges = { seen: seenOf(page, work, sorted), stale: rangesOf([...sorted.stale]) };
  const isWhole = sorted.stale.length === 0;
  if (!isWhole) dropUnused(slots, sorted, problems);
  const raw = (isWhole ? payload : null) ?? (await pack(slots));
  writeOutbox(tx, ids, stream.tenant, pageId, at, written.changes, counts);
  writePage(tx, request, pageId, raw, { ...ranges, tainted: tainted !== null });
  closeBooks(tx, request, work.nextNo, counts, tainted);
  return {
    counts,
    pageId,
    learned: learnedFrom(work, sorted),
    deadLetters: work.dead.map((one) => ({
      position: one.candidate.position,
      id: one.candidate.id,
      problems: one.problems,
    })),
    tainted,
    cancelRequested,
  };
}

/** What is older than what is stored keeps no bytes: nothing refers to them, and its record may have been erased meanwhile. */
function dropUnused(
  slots: (readonly Uint8Array[])[],
  { apply, keyless }: Sorted,
  problems: DeadLetterWrite['problems'],
): void {
  const used = new Set([...apply, ...keyless].map((one) => one.slot));
  for (const { kept } of problems) if (kept !== null) used.add(kept);
  for (const slot of slots.keys()) if (!used.has(slot)) slots[slot] = [];
}

/** A patch puts nothing right but what it was merged with. */
const putRight = ({ mode }: LoadStream, { plans }: Work, { confirmed }: Sorted): PutRight[] =>
  mode === 'patch'
    ? []
    : [...plans, ...confirmed].flatMap(({ candidate: { id, version } }) => (id === null ? [] : [{ id, version }]));

const mergedIn = ({ plans }: Work): number[] => plans.flatMap(({ patch }) => patch?.letter ?? []);

const standingIn = ({ recognised }: PreparedPage, { confirmed }: Sorted): number[] => [
  ...recognised.map((one) => one.no),
  ...confirmed.map((one) => one.existing.no),
];

const versionsOf = ({ confirmed }: Sorted) =>
  confirmed.map(({ candidate, existing }) => ({ no: existing.no, version: candidate.version }));

/** Dead letters without an id that are in the page; those that fail again are written anew. */
const triedAgain = ({ candidates }: PreparedPage): number[] =>
  candidates.flatMap(({ letter }) => (letter === undefined ? [] : [letter]));

/** A record that is gone, or whose newest version is a dead letter, has to be looked at again when its content comes back. */
function learnedFrom({ plans, dead }: Work, { confirmed }: Sorted): PageOutcome['learned'] {
  const loaded = plans.map(({ candidate, no, existing, state }) => ({
    id: candidate.id ?? '',
    no,
    hash: state === RECORD_STATE.deleted ? null : candidate.hash,
    oldHash: existing?.hash ?? null,
    filtered: state === RECORD_STATE.filtered,
  }));
  const failed = dead.flatMap(({ candidate, existing }) =>
    existing ? [{ id: candidate.id ?? '', no: existing.no, hash: null, oldHash: existing.hash, filtered: false }] : [],
  );
  const standing = confirmed.map(({ existing: { external_id: id, no, hash, state } }) => ({
    ...{ id, no, hash, oldHash: null, filtered: state === RECORD_STATE.filtered },
  }));
  return [...loaded, ...failed, ...standing];
}

/** Numbers of all records of the page, as ranges. */
const seenOf = (page: PreparedPage, work: Work, { confirmed }: Sorted): string =>
  rangesOf([
    ...page.recognised.map((one) => one.no),
    ...confirmed.map((one) => one.existing.no),
    ...work.plans.flatMap((plan) => (plan.slot === NO_SLOT && !isStillGone(plan) ? [] : [plan.no])),
    ...work.dead.flatMap((one) => (one.existing ? [one.existing.no] : [])),
  ]);

function rangesOf(nos: number[]): string {
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

function writePage(
  tx: Tx,
  request: CommitRequest,
  pageId: number,
  payload: Payload,
  { seen, stale, tainted }: { readonly seen: string; readonly stale: string; readonly tainted: boolean },
): void {
  const { page, stream, fence } = request;
  tx.send(sql`
    insert into page (id, tenant, stream_id, run_id, seq, window_id, scope, observed_at, read, context, payload, bytes, seen, stale, tainted)
    values (${pageId}, ${stream.tenant}, ${stream.id}, ${fence.runId}, ${fence.seq + 1}, ${page.window.id}, ${page.window.scope}, ${page.observedAt.toISOString()}::timestamptz,
      ${page.candidates.length + page.recognised.length}, ${json(page.context)}, ${payload.compressed}, ${payload.bytes}, ${seen}::int8multirange, ${stale}::int8multirange, ${tainted})`);
}

/** Counters and checkpoint, in the transaction of the data they speak of. */
function closeBooks(tx: Tx, request: CommitRequest, nextNo: number, counts: Counts, tainted: string | null): void {
  const { page, stream, fence } = request;
  const closing = {
    id: page.window.id,
    scope: page.window.scope,
    observedAt: page.observedAt.toISOString(),
    expected: page.expected,
  };
  tx.send(sql`
    update run set ${countsAdded(counts)},
      tainted = coalesce(tainted, ${tainted}::text), closing = ${page.complete && page.window.kind === 'snapshot' ? JSON.stringify(closing) : null}::jsonb, cursor = coalesce(${page.next === null ? null : JSON.stringify(page.next)}::jsonb, cursor)
    where id = ${fence.runId}`);
  tx.send(sql`update stream set next_no = ${nextNo},
    cursor = case when ${request.moveCheckpoint} then coalesce(${page.next === null ? null : JSON.stringify(page.next)}::jsonb, cursor) else cursor end where id = ${stream.id}`);
}

function taintOf(page: PreparedPage, dead: readonly DeadRecord[]): string | null {
  const [problem] = page.problems;
  if (problem) return storable(problem.message);
  const nameless = dead.find((one) => one.candidate.id === null);
  return nameless ? `line ${nameless.candidate.position}: a record without an external id` : null;
}

function countRecord(counts: Counts, plan: RecordPlan, changed: boolean): void {
  countMerged(counts, plan, changed);
  if (plan.state === RECORD_STATE.live) {
    if (!plan.existing) counts.created += 1;
    else if (changed) counts.updated += 1;
    else counts.unchanged += 1;
    return;
  }
  if (plan.state === RECORD_STATE.deleted) {
    const isGone = plan.existing !== null && plan.existing.state !== RECORD_STATE.deleted;
    if (plan.slot !== NO_SLOT) counts.tombstones += 1;
    counts[isGone ? 'updated' : 'unchanged'] += 1;
    if (isGone) counts.deleted += 1;
    return;
  }
  skip(counts, reasonOf(plan.candidate.outcome) ?? 'filtered');
}

/** Patches that were merged into one record with others of their page. */
function countMerged(counts: Counts, { patch, state, existing, candidate }: RecordPlan, changed: boolean): void {
  for (let left = patch?.more ?? 0; left > 0; left -= 1) {
    if (state === RECORD_STATE.filtered) skip(counts, reasonOf(candidate.outcome) ?? 'filtered');
    else if (state === RECORD_STATE.live && (changed || !existing)) counts.updated += 1;
    else counts.unchanged += 1;
  }
}
