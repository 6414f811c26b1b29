/** Records that could not be loaded: kept with reason and origin until they are replayed, accepted or put right at the source. */
import { type IdBlocks, json, sql, type Tx, texts } from '../store/store.ts';
import type { DeadRecord } from './plan.ts';
import type { LoadStream } from './types.ts';

export type DeadLetterWrite = {
  readonly stream: LoadStream;
  readonly runId: number;
  readonly pageId: number;
  readonly dead: readonly DeadRecord[];
  /** Parts of the input that could not be read as records. */
  readonly problems: readonly { readonly message: string; readonly position: number | null }[];
  readonly at: string;
};

/** One open dead letter per record: a record that fails again is counted up, not listed twice. */
export async function writeDeadLetters(tx: Tx, ids: IdBlocks, write: DeadLetterWrite): Promise<void> {
  const rows = [
    ...write.dead.map(({ candidate, slot, problems }) => ({
      id: ids.next(),
      slot,
      external_id: candidate.id,
      position: candidate.position,
      code: problems[0]?.code ?? 'ERR_MAPPING_REJECTED',
      problems,
    })),
    ...write.problems.map(({ message, position }) => ({
      id: ids.next(),
      slot: null,
      external_id: null,
      position,
      code: 'ERR_EXTRACT_PARSE',
      problems: [{ field: 'record', pointer: '', code: 'ERR_EXTRACT_PARSE', message }],
    })),
  ];
  if (rows.length === 0) return;
  const { stream, runId, pageId, at } = write;
  await tx.rows(sql`
    insert into dead_letter (id, tenant, stream_id, run_id, page_id, slot, external_id, position, code, problems, state, first_at, last_at)
    select n.id, ${stream.tenant}, ${stream.id}, ${runId}, ${pageId}, n.slot, n.external_id, n.position, n.code, n.problems, 'open', ${at}::timestamptz, ${at}::timestamptz
    from jsonb_to_recordset(${json(rows)}) as n(id bigint, slot integer, external_id text, position bigint, code text, problems jsonb)
    on conflict (stream_id, external_id) where state = 'open' and external_id is not null
    do update set run_id = excluded.run_id, page_id = excluded.page_id, slot = excluded.slot, position = excluded.position, code = excluded.code,
      problems = excluded.problems, times = dead_letter.times + 1, last_at = excluded.last_at`);
}

/** A record that loads now was put right. */
export async function closeDeadLetters(tx: Tx, stream: LoadStream, externalIds: readonly string[]): Promise<void> {
  if (externalIds.length === 0) return;
  const [any] = await tx.rows<{ some: boolean }>(
    sql`select exists (select 1 from dead_letter where tenant = ${stream.tenant} and stream_id = ${stream.id} and state = 'open') as some`,
  );
  if (!any?.some) return;
  await tx.rows(
    sql`update dead_letter set state = 'replayed' where stream_id = ${stream.id} and state = 'open' and external_id = any(${texts(externalIds)})`,
  );
}
