/** Tells the loader which records are our own writes: what they are about, and what of them nobody but us has said. */
import { ENTITIES, ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import type { Connector, Json, JsonObject, WriteTarget } from '../connector/contract.ts';
import { isSecondOf, YEAR_2000 } from '../load/change-time.ts';
import type { ArrivedRecord, Echo, WrittenRecords } from '../load/deps.ts';
import { decodeJson } from '../load/mapping-sets.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { json, sql, type Tx, texts } from '../store/store.ts';
import { isAlike } from './merge.ts';

/** A stream that is read and written. */
export type TwoWay = {
  /** Stream that is read. */
  readonly name: string;
  readonly connector: Connector;
  /** Stream that is written. */
  readonly out: number;
  /** Its mapping; asked for when a record of ours comes back. */
  readonly outgoing: () => Outgoing;
};

type Known = { external_id: string; entity_id: number; theirs: JsonObject; written: JsonObject; synced_at: Date };

/** @param twoWay by the id of the stream that is read */
export function writtenRecords(twoWay: ReadonlyMap<number, TwoWay>): WrittenRecords {
  return {
    has: (streamId) => twoWay.has(streamId),
    async entitiesOf(tx, streamId, records) {
      const of = twoWay.get(streamId);
      if (!of || records.length === 0) return new Map();
      const ids = records.map((record) => record.id);
      const rows = await tx.rows<{ external_id: string; entity: string; entity_id: number }>(sql`
        select external_id, entity, min(entity_id) as entity_id from write_state
        where stream_id = ${of.out} and part = '' and external_id = any(${texts(ids)}) and entity <> 'stock'
        group by external_id, entity having count(*) = 1`);
      const known = new Map(rows.map((row) => [row.external_id, row]));
      const made = await madeMeanwhile(
        tx,
        of,
        records.filter(({ id }) => !known.has(id)),
      );
      return new Map(
        [...known, ...made].flatMap(([externalId, { entity, entity_id: id }]) => {
          const name = ENTITY_NAMES.find((one) => one === entity);
          return name ? [[externalId, { entity: name, id }] as const] : [];
        }),
      );
    },
    async echoesIn(tx, streamId, records, observedAt) {
      const of = twoWay.get(streamId);
      if (!of || records.length === 0) return new Map();
      const rows = await tx.rows<Known>(sql`
        select external_id, entity_id, theirs, written, synced_at from write_state
        where stream_id = ${of.out} and part = '' and written <> '{}'::jsonb and external_id = any(${texts(records.map((record) => record.id))})`);
      const known = new Map(rows.map((row) => [row.external_id, row]));
      const echoes = new Map<string, Echo>();
      const taken: { id: string; fields: readonly string[] }[] = [];
      for (const record of records) {
        const state = known.get(record.id);
        const now = state && targetOf(of, record)?.values;
        if (!state || !now) continue;
        const isOld = observedAt < state.synced_at || isEarlier(record.version, state.synced_at);
        const written = isOld ? { ...state.written, ...(await writtenBefore(tx, of.out, state, now)) } : state.written;
        const { fields, lost } = compare(of.outgoing(), { ...state, written }, now);
        const isAfter =
          !isOld && Object.keys(now).some((field) => isWrittenOver(state, field, now[field], record.version));
        echoes.set(record.id, { fields, notBefore: isAfter ? state.synced_at.getTime() : null });
        if (lost.length > 0 && !isOld) taken.push({ id: record.id, fields: lost });
      }
      if (taken.length > 0)
        await tx.rows(sql`
          update write_state w set written = w.written - n.fields from jsonb_to_recordset(${json(taken)}) as n(id text, fields text[])
          where w.stream_id = ${of.out} and w.part = '' and w.external_id = n.id`);
      return echoes;
    },
  };
}

type Entity = { readonly entity: string; readonly entity_id: number };

/** Records that bear the key of a create whose outcome is not known yet: they are read before we know that we made them. */
async function madeMeanwhile(tx: Tx, of: TwoWay, records: readonly ArrivedRecord[]): Promise<Map<string, Entity>> {
  if (records.length === 0) return new Map();
  const open = await tx.rows<Entity & { key: string }>(sql`
    select key, entity, entity_id from write_ledger
    where stream_id = ${of.out} and state in ('planned', 'sent', 'retry') and external_id is null and sent_at is not null and entity <> 'stock'`);
  if (open.length === 0) return new Map();
  const byKey = new Map(open.map((row) => [row.key, row]));
  return new Map(
    records.flatMap((record): [string, Entity][] => {
      const entity = byKey.get(targetOf(of, record)?.madeBy ?? '');
      return entity ? [[record.id, entity]] : [];
    }),
  );
}

/**
 * Whether a version was there before we last wrote or looked: searches show such for a while, and it takes nothing from us.
 * Of a whole second only those before it are certain.
 */
const isEarlier = (version: number | null, syncedAt: Date): boolean =>
  version !== null &&
  version >= YEAR_2000 &&
  version < (version % 1000 === 0 ? Math.floor(syncedAt.getTime() / 1000) * 1000 : syncedAt.getTime());

/**
 * Whether a field is not as it was when we last wrote or looked, in a record read since then: that was done after it, though a
 * version of whole seconds may say that it was before.
 */
export const isWrittenOver = (
  { theirs, synced_at }: Pick<Known, 'theirs' | 'synced_at'>,
  field: string,
  now: Json | undefined,
  version: number | null,
): boolean => isSecondOf(version, synced_at) && field in theirs && now !== undefined && !isAlike(now, theirs[field]);

/** What of an earlier version an earlier write of ours had put there. */
async function writtenBefore(
  tx: Tx,
  out: number,
  { entity_id, external_id }: Known,
  now: JsonObject,
): Promise<JsonObject> {
  const rows = await tx.rows<{ kept: JsonObject }>(sql`
    select values || coalesce((select jsonb_object_agg(key, value) from jsonb_each(outcome->'stored') where values ? key), '{}') as kept
    from write_ledger where entity_id = ${entity_id}::bigint and stream_id = ${out} and external_id = ${external_id} and state = 'ok' order by id desc limit 20`);
  const isOurs = (name: string): boolean => rows.some(({ kept }) => name in kept && isAlike(kept[name], now[name]));
  return Object.fromEntries(Object.entries(now).filter(([name]) => isOurs(name)));
}

function targetOf({ name, connector }: TwoWay, { id, parts, context }: ArrivedRecord): WriteTarget | undefined {
  const record = (connector.decode ?? decodeJson)(parts, context);
  return connector.writable?.(name, record).find((target) => target.id === id);
}

/**
 * `fields`: canonical fields that come from us alone. `lost`: fields of the vendor in which somebody has written over us.
 * Where somebody also changed something else, an object or a list may hold both, and is then taken for theirs.
 */
export function compare(
  outgoing: Pick<Outgoing, 'entity' | 'reads'>,
  { theirs, written }: Pick<Known, 'theirs' | 'written'>,
  now: JsonObject,
): { readonly fields: ReadonlySet<string>; readonly lost: readonly string[] } {
  const isOurs = (field: string): boolean => field in written && isAlike(now[field], written[field]);
  const lost = Object.keys(written).filter((field) => now[field] !== undefined && !isOurs(field));
  const isTouched = Object.keys(now).some((field) => !isOurs(field) && !isAlike(now[field], theirs[field]));
  const readBy = new Map<string, string[]>();
  for (const [field, names] of Object.entries(outgoing.reads))
    for (const name of names) readBy.set(name, [...(readBy.get(name) ?? []), field]);
  const fields = [...readBy].flatMap(([name, rules]) => {
    const ours = rules.filter((field) => field in written);
    const isWhole = outgoing.entity !== 'stock' && isComposed(outgoing.entity, name);
    return ours.length > 0 && ours.every(isOurs) && !(isTouched && isWhole) ? [name] : [];
  });
  return { fields: new Set(fields), lost };
}

function isComposed(entity: EntityName, name: string): boolean {
  const type = ENTITIES[entity].fields[name]?.type;
  return type === 'json' || type === 'list';
}
