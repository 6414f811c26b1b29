/**
 * What earlier records said: their raw bytes, mapped again with the versions they were loaded under.
 * Nothing else remembers values, so that the fold, explain and undo all see the same.
 */
import type { EntityName } from '../canonical/entities.ts';
import type { JsonObject } from '../connector/contract.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import type { Statement } from './fold.ts';
import { isErased, type Unpacked, unpack } from './payload.ts';
import { referenceFields } from './rows.ts';
import type { MappedRecord } from './types.ts';

export type ContributionRow = {
  stream_id: number;
  no: number;
  entity_id: number;
  mapping_id: number;
  output: string;
  entity: EntityName;
  state: 'live' | 'withdrawn';
  changed: Record<string, number> | null;
  since: number;
  page_id: number;
  slot: number;
  mapping_set: number;
};

type PageRow = { id: number; context: JsonObject; payload: Uint8Array };
export type RawPage = { readonly context: JsonObject; readonly records: Unpacked };

const COLUMNS = sql.raw(
  'stream_id, no, entity_id, mapping_id, output, entity, state, changed, since, page_id, slot, mapping_set',
);

export const contributionsOfRecords = (tx: Tx, streamId: number, nos: readonly number[]): Promise<ContributionRow[]> =>
  nos.length === 0
    ? Promise.resolve([])
    : tx.rows(sql`
        select ${COLUMNS} from unnest(${numbers([...new Set(nos)])}) as n(key) join contribution on stream_id = ${streamId} and no = key`);

export const contributionsOfEntities = (tx: Tx, ids: readonly number[]): Promise<ContributionRow[]> =>
  ids.length === 0
    ? Promise.resolve([])
    : tx.rows(sql`select ${COLUMNS} from contribution where entity_id = any(${numbers(ids)})`);

/** Raw pages by id, unpacked once each. One instance serves one transaction. */
export function rawPages(tx: Tx) {
  const held = new Map<number, RawPage>();
  return async (ids: Iterable<number>): Promise<ReadonlyMap<number, RawPage>> => {
    const missing = [...new Set(ids)].filter((id) => !held.has(id));
    if (missing.length > 0) {
      const pages = await tx.rows<PageRow>(
        sql`select id, context, payload from page where id = any(${numbers(missing)})`,
      );
      for (const page of pages) held.set(page.id, { context: page.context, records: await unpack(page.payload) });
    }
    return held;
  };
}

/**
 * Evaluates contributions: each becomes what it says. References to outputs of the same record become ids.
 * `siblings` are all contributions of the records concerned (more do no harm). What was erased says nothing.
 */
export async function evaluate(
  deps: LoadDeps,
  pages: ReturnType<typeof rawPages>,
  rows: readonly ContributionRow[],
  siblings: readonly ContributionRow[],
  tx?: Tx,
): Promise<Map<ContributionRow, Statement>> {
  const raw = await pages(rows.map((row) => row.page_id));
  const entityOf = new Map(
    siblings.map((row) => [outputKey(row.stream_id, row.no, row.mapping_id, row.output), row.entity_id]),
  );
  const mapped = new Map<string, MappedRecord>();
  const statements = new Map<ContributionRow, Statement>();
  for (const row of rows) {
    const set = await deps.mappingSet(row.stream_id, row.mapping_set, tx);
    const key = `${row.page_id}/${row.slot}/${row.mapping_set}`;
    let record = mapped.get(key);
    if (!record) {
      const page = raw.get(row.page_id);
      const parts = page?.records.at(row.slot);
      if (!page || !parts) throw new Error(`raw version ${row.page_id}/${row.slot} of a contribution is gone`);
      if (isErased(parts)) continue;
      record = set.map(parts, page.context, 0);
      mapped.set(key, record);
    }
    const output =
      record.outcome.kind === 'mapped'
        ? record.outcome.entities.find((one) => one.mappingId === row.mapping_id && one.key === row.output)
        : undefined;
    if (!output) continue;
    statements.set(row, {
      streamId: row.stream_id,
      no: row.no,
      mappingId: row.mapping_id,
      output: row.output,
      values: resolveOutputs(row.entity, output.values, (sibling) =>
        entityOf.get(outputKey(row.stream_id, row.no, row.mapping_id, sibling)),
      ),
      changed: row.changed,
      since: row.since,
      platform: deps.isPlatform(row.stream_id),
      entity: row.entity,
      conflict: set.conflict,
    });
  }
  return statements;
}

export const outputKey = (streamId: number, no: number, mappingId: number, output: string): string =>
  `${streamId}/${no}/${mappingId}/${output}`;

/** Values with references to sibling outputs replaced by the ids of their entities. */
export function resolveOutputs(
  entity: EntityName,
  values: Statement['values'],
  idOf: (output: string) => number | undefined,
): Statement['values'] {
  let resolved = values;
  // Only these: a JSON field may happen to look like a reference.
  for (const field of referenceFields(entity)) {
    const value = values[field];
    if (isOutputReference(value)) {
      if (resolved === values) resolved = { ...values };
      resolved[field] = idOf(value.key) ?? null;
    }
  }
  return resolved;
}

function isOutputReference(value: unknown): value is { kind: 'output'; key: string } {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'output' && 'key' in value;
}
