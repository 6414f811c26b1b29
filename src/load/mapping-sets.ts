/**
 * The mappings of a stream as one function, registered in the store: every worker maps with the same texts, and what
 * stands behind a current row can be evaluated again.
 */
import { createHash } from 'node:crypto';
import type { EntityName } from '../canonical/entities.ts';
import { parseJson } from '../canonical/json.ts';
import type { Clock, Connector } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { checkMapping } from '../mapping/check.ts';
import type { Conflict, EntityOutput, Mapping, MapResult } from '../mapping/types.ts';
import { json, type Store, sql } from '../store/store.ts';
import { type Reading, readVersion } from './patches.ts';
import { referenceFields } from './rows.ts';
import type { MappedRecord, MappingSet, RecordOutcome, TaggedEntity } from './types.ts';

type Member = { readonly id: number; readonly version: string };
/** Conflict policy of the connection, for fields whose mapping names none. */
export type Policy = { readonly default: Conflict };

export type Decode = NonNullable<Connector['decode']>;

const DECODER = new TextDecoder('utf-8', { fatal: true });
/** What `raw` is when a connector says nothing else: JSON; the parts of a joined record are its root and its children. */
export const decodeJson: Decode = (parts) => {
  const [root = null, ...children] = parts.map((part) => parseJson(DECODER.decode(part)));
  if (children.length === 0) return root;
  return typeof root === 'object' && !Array.isArray(root) ? { ...root, children } : { root, children };
};

/** Registers mappings and policy; the same ones always get the same id. */
export async function registerSet(
  store: Store,
  clock: Clock,
  tenant: number,
  mappings: readonly Mapping[],
  policy: Policy,
): Promise<{ id: number; members: readonly Member[] }> {
  const at = clock.now().toISOString();
  return store.transaction(async (tx) => {
    const members: Member[] = [];
    for (const mapping of mappings) {
      await tx.rows(sql`insert into mapping (tenant, name) values (${tenant}, ${mapping.name}) on conflict do nothing`);
      const [row] = await tx.rows<{ id: number }>(
        sql`select id from mapping where tenant = ${tenant} and name = ${mapping.name}`,
      );
      if (!row) throw new TributaryError('ERR_INTERNAL', `mapping ${mapping.name} could not be registered`);
      await tx.rows(sql`insert into mapping_version (tenant, version, mapping_id, source, created_at)
        values (${tenant}, ${mapping.version}, ${row.id}, ${mapping.text}, ${at}::timestamptz) on conflict do nothing`);
      members.push({ id: row.id, version: mapping.version });
    }
    const hash = createHash('sha256').update(JSON.stringify({ members, policy })).digest('hex');
    await tx.rows(sql`insert into mapping_set (tenant, hash, members, policy, created_at)
      values (${tenant}, ${hash}, ${json(members)}, ${json(policy)}, ${at}::timestamptz) on conflict do nothing`);
    const [set] = await tx.rows<{ id: number }>(
      sql`select id from mapping_set where tenant = ${tenant} and hash = ${hash}`,
    );
    if (!set) throw new TributaryError('ERR_INTERNAL', 'mapping set could not be registered');
    return { id: set.id, members };
  });
}

/** Makes the function of a set. `complete`: a field a mapping fills and the record lacks is gone, not unspoken. */
export function buildSet(
  id: number,
  members: readonly { readonly id: number; readonly mapping: Mapping }[],
  policy: Policy,
  decode: Decode,
  complete: boolean,
): MappingSet {
  const compiled = members.map((member) => ({
    ...member,
    fills: complete ? fillsOf(member.mapping) : new Map<string, readonly string[]>(),
  }));
  const fills = new Map(members.map((member) => [member.id, fillsOf(member.mapping)]));
  const conflicts = new Map(members.map((member) => [member.id, member.mapping.conflicts]));
  const mapReading = (reading: Reading, position: number): MappedRecord => {
    const mapContext = { page: reading.context, position };
    let mapped: MappedRecord | null = null;
    for (const { id, mapping, fills } of compiled) {
      const result = mapping.map(reading.record, mapContext);
      const next = {
        id: result.id,
        version: reading.version === undefined ? result.version : reading.version,
        outcome: countedAt(outcomeOf(id, fills, result), reading, mapping),
      };
      mapped = mapped ? both(mapped, next) : next;
    }
    if (!mapped) throw new TributaryError('ERR_INTERNAL', `mapping set ${id} has no mapping`);
    return mapped;
  };
  return {
    id,
    groupBy: members[0]?.mapping.groupBy ?? null,
    fills: (mappingId, output) => fills.get(mappingId)?.get(outputName(output)) ?? [],
    conflict: (mappingId, entity: EntityName, field) =>
      conflicts.get(mappingId)?.[`${entity}.${field}`] ?? policy.default,
    decode,
    map: (parts, context, position) => mapReading(readVersion(decode, parts, context), position),
    mapReading,
  };
}

/** A mapping's result with its number on each output. The result is the caller's own, so it is completed in place. */
function outcomeOf(mappingId: number, fills: ReadonlyMap<string, readonly string[]>, result: MapResult): RecordOutcome {
  if (result.kind === 'rejected') return { kind: 'rejected', problems: result.problems };
  if (result.kind === 'filtered') return { kind: 'filtered', reason: result.reason };
  if (result.kind === 'deleted') return { kind: 'deleted' };
  const entities = result.entities.map((output): TaggedEntity => {
    const fields = fills.get(outputName(output.key));
    if (fields) for (const field of fields) if (output.values[field] === undefined) output.values[field] = null;
    const { key, entity, match, values } = output;
    return { key, entity, match, values, mappingId, refersByKey: refersByKey(output) };
  });
  return { kind: 'mapped', entities, stock: result.stock.map((output) => ({ ...output, mappingId })) };
}

/**
 * A figure that patches bring is as old as the patch that names it, whatever else came since: a time of counting counts
 * only when it is as new.
 */
function countedAt(outcome: RecordOutcome, reading: Reading, mapping: Mapping): RecordOutcome {
  const { behind, record, context } = reading;
  if (!behind || outcome.kind !== 'mapped' || outcome.stock.length === 0) return outcome;
  const traces = mapping.trace(record, { page: context, position: 0 });
  const newest = (output: string, field: string): number =>
    Math.max(
      0,
      ...traces.flatMap((trace) =>
        trace.output === output && trace.field === field ? trace.sources.map((path) => behind(path)?.since ?? 0) : [],
      ),
    );
  const stock = outcome.stock.map((one) => {
    const named = newest(one.key, 'quantity');
    const isOwn = one.asOf !== null && newest(one.key, 'as_of') >= named;
    return isOwn || named === 0 ? one : { ...one, asOf: named };
  });
  return { ...outcome, stock };
}

/** Two mappings of one record: rejected by one is rejected; filtered only where both leave it out. */
function both(a: MappedRecord, b: MappedRecord): MappedRecord {
  return { id: a.id ?? b.id, version: a.version ?? b.version, outcome: join(a.outcome, b.outcome) };
}

function join(a: RecordOutcome, b: RecordOutcome): RecordOutcome {
  if (a.kind === 'rejected' && b.kind === 'rejected')
    return { kind: 'rejected', problems: [...a.problems, ...b.problems] };
  if (a.kind === 'rejected' || b.kind === 'filtered') return a;
  if (b.kind === 'rejected' || a.kind === 'filtered') return b;
  if (a.kind === 'deleted') return a;
  if (b.kind === 'deleted') return b;
  return { kind: 'mapped', entities: [...a.entities, ...b.entities], stock: [...a.stock, ...b.stock] };
}

function refersByKey({ entity, values }: EntityOutput): boolean {
  for (const field of referenceFields(entity)) {
    const value = values[field];
    if (typeof value === 'object' && value !== null && 'kind' in value && value.kind !== 'output') return true;
  }
  return false;
}

/** Name of the output that made a key: what stands before the colon of a repeated one. */
export const outputName = (key: string): string => {
  const colon = key.indexOf(':');
  return colon < 0 ? key : key.slice(0, colon);
};

const fillsOf = (mapping: Mapping): ReadonlyMap<string, readonly string[]> =>
  new Map(
    Object.entries(mapping.fills).flatMap(([output, { entity, fields }]) =>
      entity === 'stock' ? [] : [[output, fields] as const],
    ),
  );

/**
 * Gives any registered set of any stream, compiled once. Inside a transaction it is read through that transaction: a second
 * connection may not be there (PGlite has one). Only finished sets are kept, so that nobody waits for another's reading.
 */
export function mappingSets(
  store: Store,
  streamOf: (streamId: number) => { readonly decode: Decode; readonly complete: boolean },
) {
  const built = new Map<string, MappingSet>();
  return async (streamId: number, setId: number, db: Pick<Store, 'rows'> = store): Promise<MappingSet> => {
    const key = `${streamId}/${setId}`;
    const known = built.get(key);
    if (known) return known;
    const { members, policy } = await loadSet(db, setId);
    const { decode, complete } = streamOf(streamId);
    const set = buildSet(setId, members, policy, decode, complete);
    built.set(key, set);
    return set;
  };
}

/** A registered set's mappings, compiled from the texts in the store. */
export async function loadSet(
  store: Pick<Store, 'rows'>,
  setId: number,
): Promise<{ members: { id: number; mapping: Mapping }[]; policy: Policy }> {
  const [set] = await store.rows<{ members: Member[]; policy: Policy }>(
    sql`select members, policy from mapping_set where id = ${setId}`,
  );
  if (!set) throw new TributaryError('ERR_INTERNAL', `mapping set ${setId} is not registered`);
  const members: { id: number; mapping: Mapping }[] = [];
  for (const member of set.members) {
    const [row] = await store.rows<{ name: string; source: string }>(sql`
      select m.name, v.source from mapping_version v join mapping m on m.id = v.mapping_id where v.mapping_id = ${member.id} and v.version = ${member.version}`);
    const { mapping } = row ? checkMapping(row.source, row.name, null) : { mapping: null };
    if (!mapping)
      throw new TributaryError(
        'ERR_MAPPING_INVALID',
        `The registered mapping version ${member.version} no longer compiles.`,
      );
    members.push({ id: member.id, mapping });
  }
  return { members, policy: set.policy };
}
