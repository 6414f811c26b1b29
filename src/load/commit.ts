/**
 * One page, one transaction: raw records, contributions, canonical rows, stock, dead letters, outbox, counters and the
 * checkpoint are committed together, fenced by the run's lease. A crash anywhere replays at most one page.
 */
import { RECORD_STATE } from '../store/schema.ts';
import { type IdBlocks, json, sql, type Tx } from '../store/store.ts';
import { applyPlans } from './apply.ts';
import { closeDeadLetters, writeDeadLetters } from './dead-letters.ts';
import type { LoadDeps } from './deps.ts';
import { rawPages } from './evaluate.ts';
import { passFence } from './fence.ts';
import { writeOutbox } from './outbox.ts';
import { type Payload, pack } from './payload.ts';
import { type DeadRecord, isStale, type RecordPlan, type RecordRow, type Work } from './plan.ts';
import { planRecords } from './plan-records.ts';
import { sortOut, storedRecords } from './sort-out.ts';
import { type CommitRequest, type Counts, noCounts, type PageOutcome, type PreparedPage, skip } from './types.ts';
import { withdrawRecords } from './withdraw.ts';

/** @throws ERR_RUN_FENCED when the run is no longer ours; nothing is written then. */
export async function commitPage(deps: LoadDeps, request: CommitRequest): Promise<PageOutcome> {
  const payload = await pack(request.page.candidates.map((one) => one.parts));
  const ids = await deps.store.newIds(idsNeeded(request.page));
  return deps.store.transaction((tx) => load(deps, tx, ids, payload, request), { durable: request.durable });
}

/** An upper bound: page, entities, movements, dead letters, outbox rows, figures that waited. */
function idsNeeded(page: PreparedPage): number {
  let needed = 4096 + page.tombstones.length * 4;
  for (const { outcome } of page.candidates)
    needed += outcome.kind === 'mapped' ? outcome.entities.length + 2 * outcome.stock.length + 1 : 1;
  return needed;
}

async function load(
  deps: LoadDeps,
  tx: Tx,
  ids: IdBlocks,
  payload: Payload,
  request: CommitRequest,
): Promise<PageOutcome> {
  const { stream, page, fence } = request;
  const at = deps.clock.now().toISOString();
  const { cancelRequested } = await passFence(tx, fence);
  const pageId = ids.next();
  const counts = noCounts();
  counts.rows = page.rows;
  counts.read = page.candidates.length + page.recognised.length + page.tombstones.length;
  for (const one of page.recognised) {
    if (one.filtered) skip(counts, 'filtered');
    else counts.unchanged += 1;
  }

  const sorted = await sortOut(tx, request, counts);
  const work = await planRecords(tx, ids, request, sorted, counts);
  const pages = rawPages(tx);
  const written = await applyPlans(deps, tx, ids, pages, request, pageId, work, at);
  for (const plan of work.plans) countRecord(counts, plan, written.changed.has(plan.no));

  const gone = await withdrawRecords(deps, tx, ids, pages, request, pageId, at, await tombstoned(tx, request, counts));
  countTombstones(counts, page.tombstones.length, gone.length);

  const tainted = taintOf(page, work.dead);
  await writeDeadLetters(tx, ids, { stream, runId: fence.runId, pageId, dead: work.dead, problems: page.problems, at });
  await closeDeadLetters(
    tx,
    stream,
    work.plans.map((plan) => plan.candidate.id ?? ''),
  );
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
    deadLetters: work.dead.map((one) => ({
      position: one.candidate.position,
      id: one.candidate.id,
      problems: one.problems,
    })),
    tainted,
    cancelRequested,
  };
}

/** Numbers of all records of the page, as ranges. */
function seenOf(page: PreparedPage, work: Work): string {
  const nos = [
    ...page.recognised.map((one) => one.no),
    ...work.plans.map((plan) => plan.no),
    ...work.dead.flatMap((one) => (one.existing ? [one.existing.no] : [])),
  ];
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

async function writePage(
  tx: Tx,
  request: CommitRequest,
  pageId: number,
  payload: Payload,
  seen: string,
): Promise<void> {
  const { page, stream, fence } = request;
  await tx.rows(sql`
    insert into page (id, tenant, stream_id, run_id, seq, window_id, scope, observed_at, read, context, payload, bytes, seen)
    values (${pageId}, ${stream.tenant}, ${stream.id}, ${fence.runId}, ${fence.seq + 1}, ${page.window.id}, ${page.window.scope}, ${page.observedAt.toISOString()}::timestamptz,
      ${page.candidates.length + page.recognised.length}, ${json(page.context)}, ${payload.compressed}, ${payload.bytes}, ${seen}::int8multirange)`);
}

/** Counters and checkpoint, in the transaction of the data they speak of. */
async function closeBooks(
  tx: Tx,
  request: CommitRequest,
  nextNo: number,
  counts: Counts,
  tainted: string | null,
): Promise<void> {
  const { page, stream, fence } = request;
  const closing = {
    id: page.window.id,
    scope: page.window.scope,
    observedAt: page.observedAt.toISOString(),
    expected: page.expected,
  };
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

function taintOf(page: PreparedPage, dead: readonly DeadRecord[]): string | null {
  const [problem] = page.problems;
  if (problem) return problem.position === null ? problem.message : `line ${problem.position}: ${problem.message}`;
  const nameless = dead.find((one) => one.candidate.id === null);
  return nameless ? `line ${nameless.candidate.position}: a record without an external id` : null;
}

async function tombstoned(tx: Tx, request: CommitRequest, counts: Counts): Promise<readonly RecordRow[]> {
  const { page, stream } = request;
  const stored = await storedRecords(
    tx,
    stream,
    page.tombstones.map((one) => one.id),
  );
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
