/** A record from end to end: what came, every version of it, what it says, and the canonical rows that follow. */
import type { EntityName } from '../canonical/entities.ts';
import { publicId } from '../canonical/ids.ts';
import type { Json, JsonObject } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import { type ContributionRow, contributionsOfRecords, evaluate, rawPages } from './evaluate.ts';
import { shownValue } from './explain.ts';
import type { Decode } from './mapping-sets.ts';
import { readVersion, saidParts } from './patches.ts';
import { isErased } from './payload.ts';
import { readRows } from './rows.ts';
import type { LoadStream } from './types.ts';

/** Raw parts as text; bytes that are no UTF-8 as base64. */
export type RawText = readonly string[];

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Raw parts for people as they came, and decoded as mappings get them. */
export function rawText(
  parts: readonly Uint8Array[],
  context: JsonObject,
  decode: Decode,
): { readonly raw: RawText; readonly decoded: Json } {
  const raw = saidParts(parts, context).parts.map((part) => {
    try {
      return UTF8.decode(part);
    } catch {
      return `base64:${Buffer.from(part).toString('base64')}`;
    }
  });
  try {
    return { raw, decoded: readVersion(decode, parts, context).record };
  } catch {
    return { raw, decoded: null }; // What cannot be decoded is a dead letter; its text is all there is to show.
  }
}

export const RECORD_STATES = ['live', 'filtered', 'dead', 'deleted'] as const;
export type RecordState = (typeof RECORD_STATES)[number];
const stateName = (state: number): RecordState => RECORD_STATES.find((name) => RECORD_STATE[name] === state) ?? 'live';

export type RecordFacts = {
  readonly externalId: string;
  readonly state: RecordState;
  readonly version: number | null;
  readonly scope: string;
  readonly observedAt: string;
  readonly run: string;
};

/** Records of a stream in the order they were first seen. */
export async function listRecords(
  tx: Tx,
  streamId: number,
  filter: { readonly state?: RecordState | undefined; readonly limit: number; readonly page: number },
): Promise<RecordFacts[]> {
  const rows = await tx.rows<{
    external_id: string;
    state: number;
    version: number | null;
    scope: string;
    observed_at: Date;
    run_id: number;
  }>(sql`
    select r.external_id, r.state, r.version, r.scope, p.observed_at, p.run_id from record r join page p on p.id = r.page_id
    where r.stream_id = ${streamId} and (${filter.state ? RECORD_STATE[filter.state] : null}::integer is null or r.state = ${filter.state ? RECORD_STATE[filter.state] : null})
    order by r.no limit ${filter.limit}::bigint offset ${(filter.page - 1) * filter.limit}::bigint`);
  return rows.map((row) => ({
    externalId: row.external_id,
    state: stateName(row.state),
    version: row.version,
    scope: row.scope,
    observedAt: row.observed_at.toISOString(),
    run: publicId('run', row.run_id),
  }));
}

export type RecordVersion = {
  readonly observedAt: string;
  readonly version: number | null;
  /** `erased`: a person asked to be forgotten, and nothing of it is kept. */
  readonly state: RecordState | 'erased';
  readonly run: string;
  readonly page: string;
  readonly raw: RawText;
  readonly decoded: Json;
};
export type RecordContribution = {
  readonly entity: EntityName;
  /** `prod_…` */
  readonly id: string;
  readonly output: string;
  readonly mapping: string;
  readonly state: 'live' | 'withdrawn';
  readonly values: Readonly<Record<string, Json>>;
};
export type RecordView = {
  readonly externalId: string;
  readonly state: RecordState;
  readonly scope: string;
  /** The current one first. */
  readonly versions: readonly RecordVersion[];
  readonly contributions: readonly RecordContribution[];
  readonly rows: readonly {
    readonly entity: EntityName;
    readonly id: string;
    readonly archived: boolean;
    readonly values: Readonly<Record<string, unknown>>;
  }[];
  /** Dead letters that are open for it. */
  readonly deadLetters: readonly { readonly id: string; readonly code: string; readonly lastAt: string }[];
};

type VersionRow = {
  page_id: number;
  slot: number;
  version: number | null;
  state: number;
  run_id: number;
  observed_at: Date;
};

/** @throws ERR_NOT_FOUND */
export async function showRecord(
  deps: LoadDeps,
  stream: LoadStream,
  decode: Decode,
  externalId: string,
): Promise<RecordView> {
  const { found, statements, pages } = await deps.store.answer(stream.tenant, async (tx) => {
    const read = await readRecord(tx, stream, externalId);
    const load = rawPages(tx);
    const held = await load([...read.versions, ...read.contributions].map((one) => one.page_id));
    return {
      found: read,
      pages: held,
      statements: await evaluate(deps, load, read.contributions, read.contributions, tx),
    };
  });
  return {
    externalId,
    state: stateName(found.state),
    scope: found.scope,
    versions: found.versions.map((version) => {
      const page = pages.get(version.page_id);
      const parts = page?.records.at(version.slot);
      return {
        observedAt: version.observed_at.toISOString(),
        version: version.version,
        state: isErased(parts) ? 'erased' : stateName(version.state),
        run: publicId('run', version.run_id),
        page: publicId('page', version.page_id),
        ...rawText(parts ?? [], page?.context ?? {}, decode),
      };
    }),
    contributions: found.contributions.map((row) => ({
      entity: row.entity,
      id: publicId(row.entity, row.entity_id),
      output: row.output,
      mapping: found.mappings.get(row.mapping_id) ?? '',
      state: row.state,
      values: shown(row.entity, statements.get(row)?.values ?? {}),
    })),
    rows: found.rows,
    deadLetters: found.letters,
  };
}

async function readRecord(tx: Tx, stream: LoadStream, externalId: string) {
  const [record] = await tx.rows<VersionRow & { no: number; scope: string }>(sql`
    select r.no, r.scope, r.page_id, r.slot, r.version, r.state, p.run_id, p.observed_at from record r join page p on p.id = r.page_id
    where r.stream_id = ${stream.id} and r.external_id = ${externalId}`);
  const letters = await tx.rows<{
    id: number;
    code: string;
    last_at: Date;
    page_id: number;
    slot: number | null;
    run_id: number;
    observed_at: Date;
    scope: string;
  }>(sql`
    select d.id, d.code, d.last_at, d.page_id, d.slot, d.run_id, p.observed_at, p.scope from dead_letter d join page p on p.id = d.page_id
    where d.stream_id = ${stream.id} and d.external_id = ${externalId} and d.state = 'open'`);
  const [letter] = letters;
  if (!record && !letter) throw noRecord(externalId);
  const history = record
    ? await tx.rows<VersionRow>(sql`
        select h.page_id, h.slot, h.version, h.state, p.run_id, p.observed_at from record_history h join page p on p.id = h.page_id
        where h.stream_id = ${stream.id} and h.no = ${record.no} order by h.replaced_by desc`)
    : [];
  // A record that never loaded is only its dead letter; one that no longer loads has its last good version as well.
  const dead: VersionRow[] = letters.flatMap((one) =>
    one.slot === null ? [] : [{ ...one, slot: one.slot, version: null, state: RECORD_STATE.dead }],
  );
  const versions = [...dead, ...(record ? [record] : []), ...history];
  const contributions: ContributionRow[] = record ? await contributionsOfRecords(tx, stream.id, [record.no]) : [];
  const mappings = await tx.rows<{ id: number; name: string }>(
    sql`select id, name from mapping where id = any(${numbers(contributions.map((row) => row.mapping_id))})`,
  );
  return {
    state: record?.state ?? RECORD_STATE.dead,
    scope: record?.scope ?? letter?.scope ?? '',
    versions,
    contributions,
    mappings: new Map(mappings.map((row) => [row.id, row.name])),
    rows: await rowsOf(tx, contributions),
    letters: letters.map((one) => ({
      id: publicId('deadLetter', one.id),
      code: one.code,
      lastAt: one.last_at.toISOString(),
    })),
  };
}

const shown = (entity: EntityName, values: Readonly<Record<string, unknown>>): Record<string, Json> =>
  Object.fromEntries(Object.entries(values).map(([field, value]) => [field, shownValue(entity, field, value)]));

async function rowsOf(tx: Tx, contributions: readonly ContributionRow[]): Promise<RecordView['rows']> {
  const rows: RecordView['rows'][number][] = [];
  for (const entity of new Set(contributions.map((row) => row.entity))) {
    const ids = contributions.flatMap((row) => (row.entity === entity ? [row.entity_id] : []));
    for (const row of (await readRows(tx, entity, [...new Set(ids)])).values())
      rows.push({ entity, id: publicId(entity, row.id), archived: row.archived, values: shown(entity, row.values) });
  }
  return rows;
}

const noRecord = (externalId: string): TributaryError =>
  new TributaryError('ERR_NOT_FOUND', `There is no record ${externalId.slice(0, 100)} in this stream.`, {
    remedy: 'List what there is with `tributary records list <connection>/<stream>`.',
  });
