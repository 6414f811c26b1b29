/** Versions of records that only bring back what we wrote, as far as they do: kept, so that the fold can always be made again. */
import { json, numbers, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import type { RecordPlan } from './plan.ts';
import type { CommitRequest } from './types.ts';

type Echoes = ReadonlyMap<number, ReadonlySet<string>>;

/** Canonical fields in which the page's records are echoes, by record number; kept with the page. */
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
  const rows = [...found].flatMap(([no, fields]) => (fields.size > 0 ? [{ no, fields: [...fields] }] : []));
  if (rows.length > 0)
    await tx.rows(sql`
      insert into echo (tenant, stream_id, no, page_id, fields) select ${stream.tenant}, ${stream.id}, n.no, ${pageId}, n.fields
      from jsonb_to_recordset(${json(rows)}) as n(no bigint, fields text[])`);
  return found;
}

async function newEchoes(
  deps: LoadDeps,
  tx: Tx,
  streamId: number,
  { context }: CommitRequest['page'],
  plans: readonly RecordPlan[],
): Promise<Echoes> {
  const records = plans.flatMap(({ candidate: { id, version, parts } }) =>
    id === null ? [] : [{ id, version, parts, context }],
  );
  const byId = await deps.written.echoesIn(tx, streamId, records);
  return new Map(
    plans.flatMap(({ no, candidate }) => {
      const fields = byId.get(candidate.id ?? '');
      return fields ? [[no, fields] as const] : [];
    }),
  );
}

/** Versions that are mapped anew are the echoes that they were. */
async function storedEchoes(tx: Tx, streamId: number, plans: readonly RecordPlan[]): Promise<Echoes> {
  const kept = await keptEchoes(
    tx,
    streamId,
    plans.map((plan) => plan.no),
  );
  return new Map(
    plans.flatMap(({ no, existing }) => {
      const fields = kept(no, existing?.page_id ?? 0);
      return fields ? [[no, fields] as const] : [];
    }),
  );
}

/** Echoes that stored versions are: by record number and the page that brought the version. */
export async function keptEchoes(
  tx: Tx,
  streamId: number,
  nos: readonly number[],
): Promise<(no: number, pageId: number) => ReadonlySet<string> | undefined> {
  const rows = await tx.rows<{ no: number; page_id: number; fields: string[] }>(
    sql`select no, page_id, fields from echo where stream_id = ${streamId} and no = any(${numbers(nos)})`,
  );
  const kept = new Map(rows.map((row) => [`${row.no}/${row.page_id}`, new Set(row.fields)]));
  return (no, pageId) => kept.get(`${no}/${pageId}`);
}
