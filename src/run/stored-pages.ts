/** Pages that come from the store instead of a source: stored versions mapped anew (remap), dead letters tried again (replay). */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../connector/contract.ts';
import { mapRecord } from '../load/map-record.ts';
import { unpack } from '../load/payload.ts';
import type { Candidate, MappingSet, PreparedPage } from '../load/types.ts';
import { sql } from '../store/store.ts';
import type { RunDeps, RunStream } from './deps.ts';
import type { RunRow } from './runs.ts';

type Version = {
  external_id: string | null;
  hash: Uint8Array | null;
  slot: number;
  version: number | null;
  scope: string | null;
  position: number | null;
  letter: number | null;
};
type RawRow = { id: number; context: JsonObject; payload: Uint8Array; observed_at: Date; scope: string };

/** Page by page as they were observed, oldest first. */
export async function* storedPages(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  set: MappingSet,
): AsyncGenerator<PreparedPage> {
  const done = typeof run.cursor?.['page'] === 'number' ? run.cursor['page'] : 0;
  if (run.mode === 'remap') {
    const pages = await deps.store.rows<{ id: number }>(sql`
      select distinct r.page_id as id from record r where r.stream_id = ${stream.id} and r.state in (1, 2) and r.page_id > ${done} and r.mapping_set <> ${set.id} order by 1`);
    for (const { id } of pages) {
      const versions = await deps.store.rows<Version>(sql`
        select external_id, hash, slot, version, scope, null::bigint as position, null::bigint as letter from record
        where stream_id = ${stream.id} and page_id = ${id} and state in (1, 2) and mapping_set <> ${set.id} order by slot`);
      yield* asPages(await rawPage(deps, id), versions, set, { page: id }, run);
    }
  }
  // Those that failed in this run already wait for the next one.
  const letters = await deps.store.rows<{ page_id: number }>(sql`
    select distinct page_id from dead_letter where stream_id = ${stream.id} and state = 'open' and slot is not null and run_id <> ${run.id} ${chosen(run)} order by 1`);
  for (const { page_id: id } of letters) {
    const versions = await deps.store.rows<Version>(sql`
      select external_id, null::bytea as hash, slot, version, null as scope, position, id as letter from dead_letter
      where stream_id = ${stream.id} and page_id = ${id} and state = 'open' and slot is not null and run_id <> ${run.id} ${chosen(run)} order by slot`);
    yield* asPages(await rawPage(deps, id), versions, set, null, run);
  }
}

/** A replay of certain dead letters names them in the run's cursor. */
function chosen(run: RunRow) {
  const ids = run.mode === 'replay' ? run.cursor?.['deadLetters'] : null;
  return Array.isArray(ids) ? sql`and id = any(${sql.param(ids)}::bigint[])` : sql``;
}

async function rawPage(deps: RunDeps, id: number): Promise<RawRow | null> {
  const [page] = await deps.store.rows<RawRow>(
    sql`select id, context, payload, observed_at, scope from page where id = ${id}`,
  );
  return page ?? null;
}

async function* asPages(
  raw: RawRow | null,
  versions: readonly Version[],
  set: MappingSet,
  next: { page: number } | null,
  run: RunRow,
): AsyncGenerator<PreparedPage> {
  if (!raw || versions.length === 0) return;
  const records = await unpack(raw.payload);
  const scopes = new Map<string, Candidate[]>();
  for (const version of versions) {
    const parts = records.at(version.slot);
    if (!parts) continue;
    const position = version.position ?? version.slot + 1;
    const { external_id: externalId } = version;
    const stored = { parts, context: raw.context, position, id: externalId, version: version.version };
    const mapped = mapRecord(set, stored, raw.observed_at);
    const candidates = scopes.get(version.scope ?? raw.scope) ?? [];
    scopes.set(version.scope ?? raw.scope, candidates);
    candidates.push({
      id: mapped.id,
      hash: version.hash ?? hashOf(parts),
      parts,
      version: mapped.version,
      position,
      place: candidates.length,
      outcome: mapped.outcome,
      ...(version.letter !== null && version.external_id === null ? { letter: version.letter } : {}),
    });
  }
  let left = scopes.size;
  for (const [scope, candidates] of scopes) {
    left -= 1;
    yield {
      candidates,
      recognised: [],
      tombstones: [],
      problems: [],
      rows: candidates.length,
      window: { id: `${run.mode} ${run.id}`, kind: 'delta', scope },
      complete: false,
      expected: null,
      observedAt: raw.observed_at,
      context: raw.context,
      // The page is done when the last of its scopes is.
      next: left === 0 ? next : null,
      again: next !== null,
      isStored: true,
    };
  }
}

/** A dead letter has no record yet; the source's next delivery will bring its own hash and be mapped once more. */
const hashOf = (parts: readonly Uint8Array[]): Uint8Array =>
  createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, 16);
