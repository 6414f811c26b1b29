/** Which records of a page apply: what is older than what is stored, or said again further down the page, is left out. */
import { isStorable } from '../canonical/text.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { numbers, sql, type Tx, texts } from '../store/store.ts';
import { isStale, type RecordRow } from './plan.ts';
import {
  type Candidate,
  type CommitRequest,
  type Counts,
  type LoadStream,
  type PatchSteps,
  type PreparedPage,
  type RecordOutcome,
  skip,
} from './types.ts';

export type Sorted = {
  /** Candidates that apply, with what is stored of them. */
  readonly apply: {
    readonly candidate: Candidate;
    readonly slot: number;
    readonly existing: RecordRow | null;
    /** Set in patch streams. */
    readonly patch?: PatchSteps;
  }[];
  readonly keyless: readonly { readonly candidate: Candidate; readonly slot: number }[];
  /** Content that stands already, of a record that was looked at again because of an open dead letter. */
  readonly confirmed: Confirmed[];
  /** Numbers of records that are there in an older version than the stored one. */
  readonly stale: number[];
  readonly nextNo: number;
};

export type Confirmed = { readonly candidate: Candidate; readonly existing: RecordRow };

/** Slot of what has no bytes of its own. */
export const NO_SLOT = -1;
/** Hash of a record that is gone: no content has it. */
export const NO_HASH = new Uint8Array(16);

/** Leaves out what is older than what is stored, and all but the last of several versions of one record in the page. */
export async function sortOut(tx: Tx, request: CommitRequest, counts: Counts): Promise<Sorted> {
  const { page, stream } = request;
  const [row] = await tx.rows<{ next_no: number }>(sql`select next_no from stream where id = ${stream.id} for update`);
  const { latest, keyless } = latestOf(page, counts);
  const stored = await storedRecords(tx, stream, [...latest.keys()].filter(request.mayExist));
  const later = page.again ? new Map<number, number>() : await seenLater(tx, stream, page, [...stored.values()]);
  const awaited = await awaitedOf(tx, stream, [...stored.values()]);
  const recognised = stored.size > 0 ? new Map(page.recognised.map((one) => [one.no, one.place])) : null;
  const apply: Sorted['apply'] = [];
  const confirmed: Confirmed[] = [];
  const stale: number[] = [];
  for (const { candidate, slot } of latest.values()) {
    const existing = stored.get(candidate.id ?? '') ?? null;
    if (existing && isOutdated(existing, candidate, page, later.get(existing.no))) {
      leaveOut(counts, { candidate, slot }, 'stale');
      if (slot !== NO_SLOT) stale.push(existing.no);
      continue;
    }
    if (existing && !page.again) {
      // The stored content stands again further down the same page.
      const isConfirmed = (recognised?.get(existing.no) ?? -1) > candidate.place;
      if (isConfirmed && !isBelow(existing.version, candidate.version)) {
        leaveOut(counts, { candidate, slot }, 'superseded');
        continue;
      }
      if (stands(existing, candidate, request.set.id) && !awaited.has(existing.no)) {
        countStanding(counts, reasonOf(candidate.outcome));
        confirmed.push({ candidate, existing });
        continue;
      }
    }
    apply.push({ candidate, slot, existing });
  }
  return { apply, keyless, confirmed, stale, nextNo: row?.next_no ?? 1 };
}

/** Whether what the page says is older than what is stored. What is mapped anew may have been deleted, or erased, meanwhile. */
function isOutdated(existing: RecordRow, candidate: Candidate, page: PreparedPage, seenLater = 0): boolean {
  if (page.again) return existing.state === RECORD_STATE.deleted;
  const last = { version: existing.version, observed: Math.max(existing.observed, seenLater) };
  return isStale(last, candidate, page.observedAt.getTime());
}

/** The last word of the page on each record. */
function latestOf(page: PreparedPage, counts: Counts): { latest: Map<string, Mention>; keyless: Mention[] } {
  const latest = new Map<string, Mention>();
  const keyless: Mention[] = [];
  for (const mention of mentionsOf(page)) {
    const { candidate, slot } = mention;
    // No record can have such an id.
    if (slot === NO_SLOT && !isStorable(candidate.id ?? '')) {
      leaveOut(counts, mention, 'stale');
      continue;
    }
    if (candidate.id === null) {
      keyless.push(mention);
      continue;
    }
    const other = latest.get(candidate.id);
    if (!other) {
      latest.set(candidate.id, mention);
      continue;
    }
    const isOlder = isBelow(candidate.version, other.candidate.version);
    const reason = Buffer.compare(candidate.hash, other.candidate.hash) === 0 ? 'duplicate' : 'superseded';
    leaveOut(counts, isOlder ? mention : other, reason);
    if (!isOlder) latest.set(candidate.id, mention);
  }
  return { latest, keyless };
}

export type Mention = { readonly candidate: Candidate; readonly slot: number };

/** What the page says record by record; a tombstone is a record of which nothing is left, and stands behind the others. */
export function* mentionsOf(page: PreparedPage): Generator<Mention> {
  for (const [slot, candidate] of page.candidates.entries()) yield { candidate, slot };
  for (const { id, version, mergedInto } of page.tombstones) {
    const outcome = { kind: 'deleted' } as const;
    const candidate = { id, version, hash: NO_HASH, parts: [], position: 0, place: Number.MAX_SAFE_INTEGER, outcome };
    const isMerged = mergedInto !== undefined && mergedInto !== id && isStorable(mergedInto);
    yield { candidate: isMerged ? { ...candidate, mergedInto } : candidate, slot: NO_SLOT };
  }
}

const stands = (existing: RecordRow, candidate: Candidate, setId: number): boolean =>
  (existing.state === RECORD_STATE.live || existing.state === RECORD_STATE.filtered) &&
  existing.mapping_set === setId &&
  Buffer.compare(existing.hash, candidate.hash) === 0;

/** Why the mapping leaves a record out; `null`: it does not. */
export const reasonOf = (outcome: RecordOutcome): string | null =>
  outcome.kind === 'filtered' ? outcome.reason : null;

/** A record whose content is what last ended loaded, or left out. @param filtered why it is left out */
export function countStanding(counts: Counts, filtered: string | null): void {
  if (filtered !== null) skip(counts, filtered);
  else counts.unchanged += 1;
}

const isBelow = (version: number | null, other: number | null): boolean =>
  version !== null && other !== null && version < other;

/** A tombstone that changes nothing counts as unchanged. */
export function leaveOut(counts: Counts, { slot }: Mention, reason: string): void {
  if (slot === NO_SLOT) counts.unchanged += 1;
  else skip(counts, reason);
}

/** Numbers of records whose figure is to count in what was sold here: said again, it is a count of its own. */
async function awaitedOf(tx: Tx, stream: LoadStream, stored: readonly RecordRow[]): Promise<ReadonlySet<number>> {
  if (stored.length === 0) return new Set();
  const rows = await tx.rows<{ no: number }>(sql`
    select no from stock_level where stream_id = ${stream.id} and committed > 0 and no is not null`);
  return new Set(rows.map((row) => row.no));
}

export async function storedRecords(
  tx: Tx,
  stream: LoadStream,
  externalIds: readonly string[],
): Promise<Map<string, RecordRow>> {
  if (externalIds.length === 0) return new Map();
  const rows = await tx.rows<RecordRow>(sql`
    select r.no, r.external_id, r.hash, r.page_id, r.slot, r.version, r.mapping_set, r.state, r.scope,
      (select (extract(epoch from p.observed_at) * 1000)::bigint from page p where p.id = r.page_id) as observed
    from unnest(${texts(externalIds)}) as n(key) join record r on r.stream_id = ${stream.id} and r.external_id = key`);
  return new Map(rows.map((row) => [row.external_id, row]));
}

/** Unchanged records leave no trace of their own; the pages observed after this one say which they saw. */
async function seenLater(
  tx: Tx,
  stream: LoadStream,
  page: PreparedPage,
  stored: readonly RecordRow[],
): Promise<Map<number, number>> {
  if (stored.length === 0) return new Map();
  const rows = await tx.rows<{ no: number; observed: number }>(sql`
    select n.no, (extract(epoch from max(p.observed_at)) * 1000)::bigint as observed
    from page p join unnest(${numbers(stored.map((row) => row.no))}) as n(no) on p.seen @> n.no
    where p.stream_id = ${stream.id} and p.observed_at > ${page.observedAt.toISOString()}::timestamptz group by n.no`);
  return new Map(rows.map((row) => [row.no, row.observed]));
}
