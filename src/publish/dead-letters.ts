/** Entities that could not be written, as dead letters of the outgoing stream: named by their public ids. */

import type { EntityName } from '../canonical/entities.ts';
import { parseId, publicId } from '../canonical/ids.ts';
import type { RecordProblem } from '../mapping/types.ts';
import { type IdBlocks, json, numbers, type Store, sql, type Tx, texts } from '../store/store.ts';
import type { PushStream } from './deps.ts';

type Subject = { readonly entityId: number; readonly part: string };

/** `lead_0000003k7`; a stock level is its variant's id with `@` and the location. */
export const nameOf = (entity: EntityName | 'stock', { entityId, part }: Subject): string =>
  entity === 'stock' ? `${publicId('variant', entityId)}@${part}` : publicId(entity, entityId);

export async function writeLetters(
  tx: Tx,
  ids: IdBlocks,
  stream: PushStream,
  runId: number,
  entity: EntityName | 'stock',
  letters: readonly { readonly view: Subject; readonly problems: readonly RecordProblem[] }[],
  at: Date,
): Promise<void> {
  if (letters.length === 0) return;
  const rows = letters.map(({ view, problems }) => ({
    id: ids.next(),
    external_id: nameOf(entity, view),
    code: problems[0]?.code ?? 'ERR_MAPPING_REJECTED',
    problems,
  }));
  const now = sql`${at.toISOString()}::timestamptz`;
  await tx.rows(sql`
    insert into dead_letter (id, tenant, stream_id, run_id, page_id, external_id, code, problems, state, first_at, last_at)
    select n.id, ${stream.tenant}, ${stream.id}, ${runId}, 0, n.external_id, n.code, n.problems, 'open', ${now}, ${now}
    from jsonb_to_recordset(${json(rows)}) as n(id bigint, external_id text, code text, problems jsonb)
    on conflict (stream_id, external_id) where state = 'open' and external_id is not null
    do update set run_id = excluded.run_id, code = excluded.code, problems = excluded.problems, times = dead_letter.times + 1, last_at = excluded.last_at`);
}

/** Entities (of stock: variants) that could not be written. `letters`: these dead letters alone. */
export async function lettersOf(
  db: Pick<Store, 'rows'>,
  stream: PushStream,
  entity: EntityName | 'stock',
  letters: readonly number[] | null,
): Promise<readonly number[]> {
  const rows = await db.rows<{ external_id: string }>(
    sql`select external_id from dead_letter where stream_id = ${stream.id} and state = 'open' and external_id is not null
      and (${letters === null} or id = any(${numbers(letters ?? [])})) order by id limit ${MOST}`,
  );
  const kind = entity === 'stock' ? 'variant' : entity;
  return [...new Set(rows.flatMap((row) => parseId(kind, row.external_id.split('@')[0] ?? '') ?? []))];
}

/** Dead letters tried again in one go. */
const MOST = 1000;

/** What is in order now was put right. */
export async function closeLetters(
  tx: Tx,
  stream: PushStream,
  entity: EntityName | 'stock',
  subjects: readonly Subject[],
): Promise<void> {
  if (subjects.length === 0) return;
  await tx.rows(sql`
    update dead_letter set state = 'replayed' where stream_id = ${stream.id} and state = 'open'
      and external_id = any(${texts(subjects.map((subject) => nameOf(entity, subject)))})`);
}
