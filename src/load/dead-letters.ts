/** Records that could not be loaded: kept with reason and origin until they are replayed, accepted or put right at the source. */
import { isStorable, storable } from '../canonical/text.ts';
import { type IdBlocks, json, numbers, sql, type Tx } from '../store/store.ts';
import type { DeadRecord } from './plan.ts';
import type { LoadStream, PageProblem } from './types.ts';

export type DeadLetterWrite = {
  readonly stream: LoadStream;
  readonly runId: number;
  readonly pageId: number;
  readonly dead: readonly DeadRecord[];
  /** Parts of the input that could not be read as records; `kept`: where their bytes are in the page's payload. */
  readonly problems: readonly (PageProblem & { readonly kept: number | null })[];
  readonly windowId: string;
  readonly observedAt: Date;
  readonly at: string;
};

/** One open dead letter per record, or per place of a window: what fails again is counted up, not listed twice. */
export async function writeDeadLetters(tx: Tx, ids: IdBlocks, write: DeadLetterWrite): Promise<void> {
  const rows = [
    ...write.dead.map(({ candidate, slot, problems }) => ({
      id: ids.next(),
      slot,
      kept: null,
      external_id: candidate.id,
      version: candidate.version,
      position: candidate.position,
      code: problems[0]?.code ?? 'ERR_MAPPING_REJECTED',
      problems,
    })),
    ...write.problems.map(({ message, position, id, kept }) => ({
      id: ids.next(),
      slot: null,
      kept,
      external_id: id && isStorable(id) ? id : null,
      version: null,
      position,
      code: 'ERR_EXTRACT_PARSE',
      problems: [{ field: 'record', pointer: '', code: 'ERR_EXTRACT_PARSE', message: storable(message) }],
    })),
  ];
  if (rows.length === 0) return;
  const named = new Map(rows.flatMap((row) => (row.external_id === null ? [] : [[row.external_id, row] as const])));
  await writeNamed(tx, write, [...named.values()]);
  await writeNameless(
    tx,
    write,
    rows.filter((row) => row.external_id === null),
  );
}

const ROW = sql.raw(
  'n(id bigint, slot integer, kept integer, external_id text, version bigint, position bigint, code text, problems jsonb)',
);
const COLUMNS = sql.raw(
  'id, tenant, stream_id, run_id, page_id, slot, kept, external_id, version, position, code, problems, state, first_at, last_at',
);

/** The dead letter of a newer version, or of a later observation, stays. Patches were merged into it, in whatever order they came. */
async function writeNamed(
  tx: Tx,
  { stream, runId, pageId, observedAt, at }: DeadLetterWrite,
  rows: readonly object[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    insert into dead_letter (${COLUMNS})
    select n.id, ${stream.tenant}, ${stream.id}, ${runId}, ${pageId}, n.slot, n.kept, n.external_id, n.version, n.position, n.code, n.problems, 'open', ${at}::timestamptz, ${at}::timestamptz
    from jsonb_to_recordset(${json(rows)}) as ${ROW}
    on conflict (stream_id, external_id) where state = 'open' and external_id is not null
    do update set run_id = excluded.run_id, page_id = excluded.page_id, slot = excluded.slot, kept = excluded.kept, version = excluded.version, position = excluded.position,
      code = excluded.code, problems = excluded.problems, times = dead_letter.times + 1, last_at = excluded.last_at
      where case when dead_letter.version is null or excluded.version is null or dead_letter.version = excluded.version
        then ${stream.mode === 'patch'}::boolean or (select p.observed_at from page p where p.id = dead_letter.page_id) <= ${observedAt.toISOString()}::timestamptz
        else dead_letter.version < excluded.version end`);
}

/** What has no id is the same when it stands at the same place of the same window, and fails for the same reason. */
async function writeNameless(
  tx: Tx,
  { stream, runId, pageId, windowId, at }: DeadLetterWrite,
  rows: readonly object[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.rows(sql`
    with n as (select distinct on (position, problems) * from jsonb_to_recordset(${json(rows)}) as ${ROW} order by position, problems, id),
    again as (
      update dead_letter d set run_id = ${runId}, page_id = ${pageId}, slot = n.slot, kept = n.kept, times = d.times + 1, last_at = ${at}::timestamptz
      from n join dead_letter o on o.stream_id = ${stream.id} and o.state = 'open' and o.external_id is null
          and o.position is not distinct from n.position and o.problems = n.problems
        join page p on p.id = o.page_id and p.window_id = ${windowId}
      where d.id = o.id returning n.id)
    insert into dead_letter (${COLUMNS})
    select n.id, ${stream.tenant}, ${stream.id}, ${runId}, ${pageId}, n.slot, n.kept, null, n.version, n.position, n.code, n.problems, 'open', ${at}::timestamptz, ${at}::timestamptz
    from n where not exists (select 1 from again where again.id = n.id)`);
}

/** What a page loads, and what it was a dead letter under. */
export type PutRight = { readonly id: string; readonly version: number | null };

/** A record that loads now was put right, unless its dead letter holds something newer. `letters`: tried again under their own number. */
export async function closeDeadLetters(
  tx: Tx,
  stream: LoadStream,
  observedAt: Date,
  loaded: readonly PutRight[],
  letters: readonly number[],
): Promise<void> {
  if (loaded.length + letters.length === 0) return;
  const [any] = await tx.rows<{ some: boolean }>(
    sql`select exists (select 1 from dead_letter where tenant = ${stream.tenant} and stream_id = ${stream.id} and state = 'open') as some`,
  );
  if (!any?.some) return;
  await tx.rows(sql`
    update dead_letter d set state = 'replayed'
    from jsonb_to_recordset(${json(loaded)}) as n(id text, version bigint), page p
    where d.stream_id = ${stream.id} and d.state = 'open' and d.external_id = n.id and p.id = d.page_id
      and case when d.version is null or n.version is null or d.version = n.version then p.observed_at <= ${observedAt.toISOString()}::timestamptz else d.version < n.version end`);
  if (letters.length > 0)
    await tx.rows(
      sql`update dead_letter set state = 'replayed' where stream_id = ${stream.id} and id = any(${numbers(letters)}) and state = 'open'`,
    );
}
