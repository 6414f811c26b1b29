/** Contributions on their way into the store: new ones by COPY, changed ones in one statement. */
import { CopyRows } from '../store/copy.ts';
import { sql, type Tx } from '../store/store.ts';
import type { ContributionRow } from './evaluate.ts';
import type { CommitRequest, LoadStream, TaggedEntity } from './types.ts';

export type ContributionWrite = {
  readonly no: number;
  readonly slot: number;
  readonly mappingId: number;
  readonly output: string;
  readonly changed: Record<string, number> | null;
  readonly since: number;
};

const COLUMNS = [
  'stream_id',
  'no',
  'tenant',
  'entity_id',
  'mapping_id',
  'output',
  'entity',
  'state',
  'since',
  'page_id',
  'slot',
  'mapping_set',
];

export type ContributionWriter = {
  create(
    plan: { readonly no: number; readonly slot: number },
    output: TaggedEntity,
    entityId: number,
    since: number,
  ): void;
  update(write: ContributionWrite): void;
  flush(tx: Tx): void;
};

export function contributionWriter({ stream, set }: CommitRequest, pageId: number): ContributionWriter {
  const rows = new CopyRows();
  const updates: Record<string, unknown>[] = [];
  return {
    create({ no, slot }, { mappingId, key, entity }, entityId, since) {
      rows.row(COLUMNS.length).int4(stream.id).int8(no).int4(stream.tenant).int8(entityId).int4(mappingId);
      rows.text(key).text(entity).text('live').int8(since).int8(pageId).int4(slot).int4(set.id);
    },
    update({ no, mappingId, output, changed, since, slot }) {
      updates.push({ no, mapping_id: mappingId, output, changed, since, slot });
    },
    flush(tx) {
      tx.copy('contribution', COLUMNS, rows);
      if (updates.length === 0) return;
      tx.send(sql`
        update contribution c set state = 'live', changed = n.changed, since = n.since, page_id = ${pageId}, slot = n.slot, mapping_set = ${set.id}
        from jsonb_to_recordset(${JSON.stringify(updates)}::jsonb) as n(no bigint, mapping_id integer, output text, changed jsonb, since bigint, slot integer)
        where c.stream_id = ${stream.id} and c.no = n.no and c.mapping_id = n.mapping_id and c.output = n.output`);
    },
  };
}

export function withdrawContributions(tx: Tx, stream: LoadStream, rows: readonly ContributionRow[]): void {
  if (rows.length === 0) return;
  tx.send(sql`
    update contribution c set state = 'withdrawn' from jsonb_to_recordset(${JSON.stringify(rows.map((row) => ({ no: row.no, mapping_id: row.mapping_id, output: row.output })))}::jsonb)
      as n(no bigint, mapping_id integer, output text)
    where c.stream_id = ${stream.id} and c.no = n.no and c.mapping_id = n.mapping_id and c.output = n.output`);
}
