/** Which records of a page apply: what is older than what is stored, or said again further down the page, is left out. */
import { numbers, sql, type Tx, texts } from '../store/store.ts';
import { isStale, type RecordRow } from './plan.ts';
import { type Candidate, type CommitRequest, type Counts, type LoadStream, type PreparedPage, skip } from './types.ts';

export type Sorted = {
  /** Candidates that apply, with what is stored of them. */
  readonly apply: readonly {
    readonly candidate: Candidate;
    readonly slot: number;
    readonly existing: RecordRow | null;
  }[];
  readonly keyless: readonly { readonly candidate: Candidate; readonly slot: number }[];
  readonly nextNo: number;
};

/** Leaves out what is older than what is stored, and all but the last of several versions of one record in the page. */
export async function sortOut(tx: Tx, request: CommitRequest, counts: Counts): Promise<Sorted> {
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
    const older =
      candidate.version !== null && other.candidate.version !== null && candidate.version < other.candidate.version;
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

export async function storedRecords(
  tx: Tx,
  stream: LoadStream,
  externalIds: readonly string[],
): Promise<Map<string, RecordRow>> {
  if (externalIds.length === 0) return new Map();
  const rows = await tx.rows<RecordRow>(sql`
    select r.no, r.external_id, r.hash, r.page_id, r.slot, r.version, r.mapping_set, r.state, r.scope, (extract(epoch from p.observed_at) * 1000)::bigint as observed
    from record r join page p on p.id = r.page_id
    where r.stream_id = ${stream.id} and r.external_id = any(${texts(externalIds)})`);
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
