/**
 * Why a canonical row is what it is: for every field the statement that won, the record, raw version, mapping version and
 * rule behind it, and the statements that lost, each with its reason. Nothing of this is stored: it is evaluated again.
 */
import { ENTITIES, type EntityName } from '../canonical/entities.ts';
import { parseId, publicId } from '../canonical/ids.ts';
import type { Json } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import type { FieldTrace } from '../mapping/types.ts';
import { tableOf } from '../store/columns.ts';
import { json, type SQL, sql, type Tx } from '../store/store.ts';
import type { LoadDeps } from './deps.ts';
import {
  type ContributionRow,
  contributionsOfEntities,
  contributionsOfRecords,
  evaluate,
  rawPages,
} from './evaluate.ts';
import { candidates, changedAt, ECHOED, rank, type Statement } from './fold.ts';
import { type Decode, loadSet } from './mapping-sets.ts';
import { type Patch, type Reading, readVersion } from './patches.ts';
import { isErased } from './payload.ts';
import { keyFields, keyOf, readRows } from './rows.ts';

/** A statement about a field, traced back to where it came from. */
export type Origin = {
  readonly connection: string;
  readonly stream: string;
  readonly externalId: string;
  /** `run_…` that brought the raw version. */
  readonly run: string;
  /** `page_…`, and the place in it: the raw version. */
  readonly page: string;
  readonly slot: number;
  readonly observedAt: string;
  readonly mapping: string;
  /** SHA-256 of the mapping's text. */
  readonly mappingVersion: string;
  /** `file:line:column` of the rule. */
  readonly rule: string | null;
  /** Paths the rule read. */
  readonly sources: readonly string[];
  readonly steps: FieldTrace['steps'];
  readonly value: Json;
  /** Set when the value is empty: absent, null in source, coerced, rejected, not mapped. */
  readonly reason: string | null;
  readonly changedAt: string;
};

export type ExplainedField = {
  readonly field: string;
  /** What the row holds. */
  readonly value: Json;
  /** A person's decision outranks every source. */
  readonly decided: { readonly by: string; readonly at: string } | null;
  readonly winner: Origin | null;
  readonly losers: readonly (Origin & { readonly why: string })[];
  /** Why nobody gives a value. */
  readonly none: string | null;
};

export type Explained = {
  readonly entity: EntityName;
  readonly id: string;
  readonly archived: boolean;
  readonly fields: readonly ExplainedField[];
};

export type ExplainDeps = LoadDeps & { readonly decodeOf: (streamId: number) => Decode };

/**
 * @param key public id (`prod_…`) or a match key such as a SKU
 * @param field only this one
 * @throws ERR_NOT_FOUND, ERR_LOAD_MATCH_AMBIGUOUS when several rows carry the key
 */
export async function explain(
  deps: ExplainDeps,
  tenant: number,
  entity: EntityName,
  key: string,
  field?: string,
): Promise<Explained> {
  const fields = Object.keys(ENTITIES[entity].fields);
  if (field !== undefined && !fields.includes(field)) {
    throw new TributaryError('ERR_NOT_FOUND', `${entity} has no field ${field}.`, {
      remedy: `Its fields are ${fields.join(', ')}.`,
    });
  }
  return deps.store.answer(tenant, async (tx) => {
    const id = await findEntity(tx, tenant, entity, key);
    const row = (await readRows(tx, entity, [id])).get(id);
    const said = await readStatements(deps, tx, id);
    const decisions = await tx.rows<{ field: string; decided_by: string; at: Date }>(
      sql`select field, decided_by, at from decision where entity_id = ${id}`,
    );
    const shown = field === undefined ? fields : [field];
    return {
      entity,
      id: publicId(entity, id),
      archived: row?.archived ?? false,
      fields: shown.map((name) => {
        const decided = decisions.find((one) => one.field === name);
        return explainField(
          said,
          name,
          shownValue(entity, name, row?.values[name]),
          decided ? { by: decided.decided_by, at: decided.at.toISOString() } : null,
        );
      }),
    };
  });
}

/** A value as it is shown: a reference is the public id of its target. */
export function shownValue(entity: EntityName, field: string, value: unknown): Json {
  const target = ENTITIES[entity].fields[field]?.entity;
  if (target && typeof value === 'number') return publicId(target, value);
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

/** The entity a key means. @throws ERR_NOT_FOUND, ERR_LOAD_MATCH_AMBIGUOUS */
export async function findEntity(tx: Tx, tenant: number, entity: EntityName, key: string): Promise<number> {
  const table = sql.identifier(tableOf(entity));
  const id = parseId(entity, key);
  const byKey: SQL[] = keyFields(entity).flatMap((field) => {
    const wanted = keyOf(entity, field, key);
    return wanted === null ? [] : [sql`${sql.identifier(`${field}_key`)} = ${wanted}`];
  });
  const where = id === null ? sql.join(byKey.length > 0 ? byKey : [sql`false`], sql` or `) : sql`id = ${id}`;
  const hits = await tx.rows<{ id: number; merged_into: number | null; archived: boolean }>(
    sql`select id, merged_into, archived_at is not null as archived from ${table} where tenant = ${tenant} and (${where}) limit 20`,
  );
  const live = hits.filter((hit) => hit.merged_into === null);
  const current = live.filter((hit) => !hit.archived);
  const chosen = current.length > 0 ? current : live;
  const [only] = chosen;
  if (only && chosen.length === 1) return only.id;
  const [merged] = hits;
  if (!only && merged?.merged_into) return merged.merged_into;
  if (only) {
    const ids = chosen.map((hit) => publicId(entity, hit.id));
    throw new TributaryError(
      'ERR_LOAD_MATCH_AMBIGUOUS',
      `${chosen.length} ${entity} rows carry the key ${key}: ${ids.join(', ')}.`,
      { remedy: 'Name one of them by its id.', evidence: { ids } },
    );
  }
  const keys = keyFields(entity);
  throw new TributaryError('ERR_NOT_FOUND', `There is no ${entity} ${key.slice(0, 100)}.`, {
    remedy: `Name it by its id (${publicId(entity, 0).split('_')[0]}_…)${keys.length > 0 ? ` or its ${keys.join(' or ')}` : ''}.`,
  });
}

type Said = {
  readonly row: ContributionRow;
  readonly statement: Statement | null;
  readonly origin: Omit<Origin, 'rule' | 'sources' | 'steps' | 'value' | 'reason' | 'changedAt'>;
  readonly traces: readonly FieldTrace[];
  /** A person asked to be forgotten: what it said is not known any more. */
  readonly isErased: boolean;
  /** Set where the version is made of patches: which of them gave what was read. */
  readonly behind: Reading['behind'];
};

/** Everything that was ever said about an entity and still counts, or was withdrawn. */
async function readStatements(deps: ExplainDeps, tx: Tx, id: number): Promise<Said[]> {
  const rows = await contributionsOfEntities(tx, [id]);
  if (rows.length === 0) return [];
  const siblings = [...rows];
  for (const row of rows) siblings.push(...(await contributionsOfRecords(tx, row.stream_id, [row.no])));
  const load = rawPages(tx);
  const pages = await load(rows.map((row) => row.page_id));
  const statements = await evaluate(deps, load, rows, siblings, tx);
  const origins = await originsOf(tx, rows);
  const said: Said[] = [];
  for (const row of rows) {
    const origin = origins.get(row);
    const page = pages.get(row.page_id);
    const parts = page?.records.at(row.slot);
    const member = (await loadSet(tx, row.mapping_set)).members.find((one) => one.id === row.mapping_id);
    if (!origin || !page || !parts || !member) continue;
    const { name: mapping, version: mappingVersion } = member.mapping;
    const known = { row, origin: { ...origin, mapping, mappingVersion } };
    if (isErased(parts)) {
      said.push({ ...known, isErased: true, behind: null, statement: null, traces: [] });
      continue;
    }
    const { record, context, behind } = readVersion(deps.decodeOf(row.stream_id), parts, page.context);
    const traces = member.mapping.trace(record, { page: context, position: 0 });
    said.push({
      ...known,
      isErased: false,
      behind,
      statement: statements.get(row) ?? null,
      traces: traces.filter((trace) => trace.output === row.output),
    });
  }
  return said;
}

type OriginRow = {
  connection: string;
  stream: string;
  external_id: string;
  run_id: number;
  observed_at: Date;
  stream_id: number;
  no: number;
  page_id: number;
};

async function originsOf(
  tx: Tx,
  rows: readonly ContributionRow[],
): Promise<Map<ContributionRow, Omit<Said['origin'], 'mapping' | 'mappingVersion'>>> {
  const wanted = rows.map((row) => ({ stream_id: row.stream_id, no: row.no, page_id: row.page_id }));
  const found = await tx.rows<OriginRow>(sql`
    select n.stream_id, n.no, n.page_id, c.name as connection, s.name as stream, r.external_id, p.run_id, p.observed_at
    from jsonb_to_recordset(${json(wanted)}) as n(stream_id integer, no bigint, page_id bigint)
    join stream s on s.id = n.stream_id join connection c on c.id = s.connection_id
    join record r on r.stream_id = n.stream_id and r.no = n.no join page p on p.id = n.page_id`);
  return new Map(
    rows.flatMap((row) => {
      const origin = found.find(
        (one) => one.stream_id === row.stream_id && one.no === row.no && one.page_id === row.page_id,
      );
      if (!origin) return [];
      const { connection, stream, external_id: externalId } = origin;
      return [
        [
          row,
          {
            connection,
            stream,
            externalId,
            run: publicId('run', origin.run_id),
            page: publicId('page', row.page_id),
            slot: row.slot,
            observedAt: origin.observed_at.toISOString(),
          },
        ] as const,
      ];
    }),
  );
}

function explainField(
  said: readonly Said[],
  field: string,
  value: Json,
  decided: ExplainedField['decided'],
): ExplainedField {
  const live = said.filter((one) => one.row.state === 'live');
  // An archived row keeps what was last said of it, unless that was erased.
  const erased = said.filter((one) => one.isErased);
  const lastSaid = erased.length > 0 ? erased : said;
  const counting = live.length > 0 ? live : lastSaid;
  const ranked = candidates(
    field,
    counting.flatMap((one) => one.statement ?? []),
  );
  const [winner] = ranked;
  const originOf = (statement: Statement): Origin =>
    toOrigin(
      counting.find((one) => one.statement === statement),
      statement,
      field,
    );
  const beaten = decided ? ranked : ranked.slice(1);
  const losers = beaten.map((statement) => ({
    ...originOf(statement),
    why: decided ? `${decided.by} decided the value` : whyLost(field, winner, statement),
  }));
  const withdrawn =
    live.length === 0
      ? []
      : said.filter((one) => one.row.state === 'withdrawn' && one.statement?.values[field] !== undefined);
  return {
    field,
    value,
    decided,
    winner: decided || !winner ? null : originOf(winner),
    losers: [
      ...losers,
      ...withdrawn.flatMap((one) =>
        one.statement
          ? [
              {
                ...toOrigin(one, one.statement, field),
                why: 'its record no longer says so: it is gone, or says otherwise',
              },
            ]
          : [],
      ),
    ],
    none: decided || winner ? null : whyNone(counting, field),
  };
}

function toOrigin(said: Said | undefined, statement: Statement, field: string): Origin {
  if (!said) throw new TributaryError('ERR_INTERNAL', 'a statement without its contribution');
  const trace = said.traces.find((one) => one.field === field);
  return {
    ...said.origin,
    ...patchBehind(said, trace),
    rule: trace?.rule ?? null,
    sources: trace?.sources ?? [],
    steps: trace?.steps ?? [],
    value: shownValue(statement.entity, field, statement.values[field]),
    reason: trace?.reason ?? (statement.values[field] === null ? 'absent' : null),
    changedAt: new Date(changedAtShown(field, statement)).toISOString(),
  };
}

/** A value that is only given back has no time of its own. */
const changedAtShown = (field: string, statement: Statement): number => {
  const at = changedAt(field, statement);
  return at === ECHOED ? statement.since : at;
};

/** The newest patch among those that a rule read. */
function patchBehind({ behind }: Said, trace: FieldTrace | undefined): Partial<Origin> {
  let newest: Patch | null = null;
  for (const path of trace?.sources ?? []) {
    const patch = behind?.(path) ?? null;
    if (patch && (!newest || patch.since > newest.since)) newest = patch;
  }
  return newest
    ? {
        run: publicId('run', newest.run),
        page: publicId('page', newest.page),
        slot: newest.slot,
        observedAt: new Date(newest.since).toISOString(),
      }
    : {};
}

/** In the order in which the fold compares. */
function whyLost(field: string, winner: Statement | undefined, loser: Statement): string {
  if (!winner) return '';
  const [high, low] = [rank(field, winner), rank(field, loser)];
  if (low < high && loser.changed?.[field] === ECHOED) return 'we had written it there ourselves';
  if (low < 0 && high > low) return 'it is empty there and never was filled';
  if (high !== low) return `the conflict policy ${policyBetween(field, winner, loser)} puts the other first`;
  const [won, lost] = [changedAt(field, winner), changedAt(field, loser)];
  if (won !== lost)
    return `it changed earlier: ${new Date(lost).toISOString()}, the winner ${new Date(won).toISOString()}`;
  const first = winner.streamId === loser.streamId ? 'record that was seen first' : 'stream that was configured first';
  return `both changed at the same time, and the ${first} goes first`;
}

function policyBetween(field: string, winner: Statement, loser: Statement): string {
  const policyOf = (one: Statement) => one.conflict(one.mappingId, one.entity, field);
  return policyOf(winner) === 'last_write_wins' ? policyOf(loser) : policyOf(winner);
}

function whyNone(said: readonly Said[], field: string): string {
  const traced = said.flatMap((one) => {
    const source = `${one.origin.connection}/${one.origin.stream}`;
    if (one.isErased) return [`${source}: erased, because the person asked to be forgotten`];
    const trace = one.traces.find((found) => found.field === field);
    return trace ? [`${source}: ${trace.reason ?? 'no opinion'} (${trace.rule})`] : [];
  });
  return traced.length > 0 ? traced.join('; ') : 'not mapped: no mapping fills it';
}
