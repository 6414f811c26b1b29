/** Versions of records that only bring back what we wrote, as far as they do: kept, so that the fold can always be made again. */
import type { JsonObject } from '../connector/contract.ts';
import { json, numbers, sql, type Tx } from '../store/store.ts';
import type { ArrivedRecord, Echo, LoadDeps } from './deps.ts';
import type { RecordPlan } from './plan.ts';
import type { Candidate, CommitRequest } from './types.ts';

export type Echoes = ReadonlyMap<number, Echo>;

/** What the page's records are echoes of, by record number; kept with the page. */
export async function echoesOf(
  deps: LoadDeps,
  tx: Tx,
  { stream, page }: CommitRequest,
  pageId: number,
  plans: readonly RecordPlan[],
): Promise<Echoes> {
  if (!deps.written.has(stream.id)) return new Map();
  const found = page.again
    ? await storedEchoes(tx, stream.id, plans)
    : await newEchoes(deps, tx, stream.id, page, plans);
  const rows = [...found].flatMap(([no, { fields, notBefore }]) =>
    fields.size > 0 || notBefore !== null ? [{ no, fields: [...fields], not_before: notBefore }] : [],
  );
  if (rows.length > 0)
    tx.send(sql`
      insert into echo (tenant, stream_id, no, page_id, fields, not_before)
      select ${stream.tenant}, ${stream.id}, n.no, ${pageId}, n.fields, n.not_before
      from jsonb_to_recordset(${json(rows)}) as n(no bigint, fields text[], not_before bigint)`);
  return found;
}

async function newEchoes(
  deps: LoadDeps,
  tx: Tx,
  streamId: number,
  { context, observedAt }: CommitRequest['page'],
  plans: readonly RecordPlan[],
): Promise<Echoes> {
  const byId = await deps.written.echoesIn(tx, streamId, arrivals(plans, context), observedAt);
  return new Map(
    plans.flatMap(({ no, candidate }) => {
      const echo = byId.get(candidate.id ?? '');
      return echo ? [[no, echo] as const] : [];
    }),
  );
}

/** What of a page could be ours: a record that is gone says nothing. */
export const arrivals = (of: readonly { readonly candidate: Candidate }[], context: JsonObject): ArrivedRecord[] =>
  of.flatMap(({ candidate: { id, version, parts, outcome } }) =>
    id === null || outcome.kind === 'deleted' ? [] : [{ id, version, parts, context }],
  );

/** Versions that are mapped anew are the echoes that they were. */
async function storedEchoes(tx: Tx, streamId: number, plans: readonly RecordPlan[]): Promise<Echoes> {
  const kept = await keptEchoes(
    tx,
    streamId,
    plans.map((plan) => plan.no),
  );
  return new Map(
    plans.flatMap(({ no, existing }) => {
      const echo = kept(no, existing?.page_id ?? 0);
      return echo ? [[no, echo] as const] : [];
    }),
  );
}

/** Echoes that stored versions are: by record number and the page that brought the version. */
export async function keptEchoes(
  tx: Tx,
  streamId: number,
  nos: readonly number[],
): Promise<(no: number, pageId: number) => Echo | undefined> {
  const rows = await tx.rows<{ no: number; page_id: number; fields: string[]; not_before: number | null }>(
    sql`select no, page_id, fields, not_before from echo where stream_id = ${streamId} and no = any(${numbers(nos)})`,
  );
  const kept = new Map(
    rows.map((row) => [`${row.no}/${row.page_id}`, { fields: new Set(row.fields), notBefore: row.not_before }]),
  );
  return (no, pageId) => kept.get(`${no}/${pageId}`);
}
