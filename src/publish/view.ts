/** Canonical entities as outgoing mappings read them: fields by name, references as objects, and links by stream. */
import { ENTITIES, type EntityName } from '../canonical/entities.ts';
import { publicId } from '../canonical/ids.ts';
import type { Json, JsonObject } from '../connector/contract.ts';
import { readRows, referenceFields } from '../load/rows.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { tableOf } from '../store/columns.ts';
import { numbers, sql, type Tx, texts } from '../store/store.ts';
import type { PushStream } from './deps.ts';

/** One thing to be written: an entity, or a stock level (`part`: its location; all of a variant's together: `*`). */
export type View = {
  readonly entityId: number;
  readonly part: string;
  readonly entity: JsonObject;
  /** External id of the record that holds it in the stream written to, for reading it again. */
  readonly recordId: string | null;
  /** The vendor itself speaks for it, so there is nothing to tell it. */
  readonly isTheirs: boolean;
};

/** `ids` of `stock` are variants; each of their levels is a view. */
export async function viewsOf(
  tx: Tx,
  stream: PushStream,
  { entity, isSum }: Pick<Outgoing, 'entity' | 'isSum'>,
  ids: readonly number[],
): Promise<readonly View[]> {
  if (ids.length === 0) return [];
  if (entity === 'stock') return isSum ? sumsOf(tx, stream, ids) : levelsOf(tx, stream, ids);
  const objects = await objectsOf(tx, stream, entity, ids, 2);
  return ids.flatMap((id) => {
    const object = objects.get(id);
    return object === undefined
      ? []
      : [{ entityId: id, part: '', entity: object, recordId: ownLink(stream, object), isTheirs: false }];
  });
}

const ownLink = (stream: PushStream, { links }: JsonObject): string | null => {
  const id = isObject(links) ? links[stream.writes?.to ?? ''] : null;
  return typeof id === 'string' ? id : null;
};

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function objectsOf(
  tx: Tx,
  stream: PushStream,
  entity: EntityName,
  ids: readonly number[],
  depth: number,
): Promise<Map<number, JsonObject>> {
  const rows = await readRows(tx, entity, ids);
  const times = await timesOf(tx, entity, ids);
  const links = await linksOf(tx, stream, ids);
  const targets = new Map<string, Map<number, JsonObject>>();
  for (const field of depth > 1 ? referenceFields(entity) : []) {
    const target = ENTITIES[entity].fields[field]?.entity;
    const wanted = [
      ...new Set(
        [...rows.values()].flatMap(({ values }) => (typeof values[field] === 'number' ? [values[field]] : [])),
      ),
    ];
    if (target !== undefined) targets.set(field, await objectsOf(tx, stream, target, wanted, depth - 1));
  }
  return new Map(
    [...rows].map(([id, { values, archived }]) => {
      const fields = Object.entries(values).map(([name, value]): [string, Json] =>
        ENTITIES[entity].fields[name]?.type === 'reference'
          ? [name, targets.get(name)?.get(Number(value)) ?? null]
          : [name, plain(value)],
      );
      const object: JsonObject = {
        ...Object.fromEntries(fields),
        id: publicId(entity, id),
        ...times.get(id),
        archived,
        links: links.get(id) ?? {},
      };
      return [id, object];
    }),
  );
}

/** Columns hold what mappings made of JSON, so this is JSON again. */
const plain = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

async function timesOf(tx: Tx, entity: EntityName, ids: readonly number[]): Promise<Map<number, JsonObject>> {
  const rows = await tx.rows<{ id: number; created_at: Date; updated_at: Date }>(
    sql`select id, created_at, updated_at from ${sql.identifier(tableOf(entity))} where id = any(${numbers(ids)})`,
  );
  return new Map(
    rows.map((row) => [row.id, { created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() }]),
  );
}

/** External ids that entities have in the streams of the connection: from its records, and from what was written to it. */
export async function linksOf(
  tx: Tx,
  { connectionId }: Pick<PushStream, 'connectionId'>,
  ids: readonly number[],
): Promise<Map<number, JsonObject>> {
  const rows = await tx.rows<{ id: number; stream: string; external_id: string; rank: number }>(sql`
    with streams as (select id, name, direction from stream where connection_id = ${connectionId}),
    spoken as (
      select c.entity_id as id, c.stream_id, c.no from contribution c
        where c.entity_id = any(${numbers(ids)}) and c.state = 'live' and c.stream_id in (select id from streams)
      union select l.variant_id, l.stream_id, l.no from stock_level l
        where l.variant_id = any(${numbers(ids)}) and l.stream_id in (select id from streams)
      union select o.variant_id, o.stream_id, o.no from stock_observation o
        where o.variant_id = any(${numbers(ids)}) and o.stream_id in (select id from streams))
    select p.id, s.name as stream, min(r.external_id) as external_id, 1 as rank from spoken p join streams s on s.id = p.stream_id
      join record r on r.stream_id = p.stream_id and r.no = p.no group by p.id, s.name
    union all
    select w.entity_id, left(s.name, -4), w.external_id, 2 from write_state w join streams s on s.id = w.stream_id
      where w.entity_id = any(${numbers(ids)}) and w.part = '' and w.state = 'live' order by rank`);
  const links = new Map<number, JsonObject>();
  for (const { id, stream, external_id } of rows) links.set(id, { ...links.get(id), [stream]: external_id });
  return links;
}

type LevelRow = {
  variant_id: number;
  location: string;
  quantity: number;
  available: number;
  connection_id: number | null;
};

/** Levels with what may still be sold there, and the connection that counts them. */
const levels = (tx: Tx, { tenant }: PushStream, variantIds: readonly number[]): Promise<LevelRow[]> =>
  tx.rows<LevelRow>(sql`
    select l.variant_id, l.location, l.quantity, greatest(0, l.quantity - l.reserved - l.committed) as available, s.connection_id
    from stock_level l left join stream s on s.id = l.stream_id
    where l.tenant = ${tenant} and l.variant_id = any(${numbers(variantIds)}) order by l.variant_id, l.location`);

/** For vendors that keep one figure: it cannot be told apart where they count a part of it themselves. */
async function sumsOf(tx: Tx, stream: PushStream, variantIds: readonly number[]): Promise<View[]> {
  const rows = Map.groupBy(await levels(tx, stream, variantIds), (level) => level.variant_id);
  const variants = await objectsOf(tx, stream, 'variant', [...rows.keys()], 2);
  return [...rows].map(([id, mine]) => {
    const variant = variants.get(id) ?? {};
    const total = (of: 'quantity' | 'available'): number => mine.reduce((sum, level) => sum + level[of], 0);
    return {
      entityId: id,
      part: '*',
      entity: { variant, quantity: total('quantity'), available: total('available') },
      recordId: ownLink(stream, variant),
      isTheirs: mine.some((level) => level.connection_id === stream.connectionId),
    };
  });
}

async function levelsOf(tx: Tx, stream: PushStream, variantIds: readonly number[]): Promise<View[]> {
  const rows = await levels(tx, stream, variantIds);
  const variants = await objectsOf(tx, stream, 'variant', variantIds, 2);
  const codes = [...new Set(rows.map((level) => level.location))];
  const places = await tx.rows<{ id: number; code: string }>(
    sql`select id, code from location where tenant = ${stream.tenant} and code = any(${texts(codes)}) and archived_at is null order by id desc`,
  );
  const byCode = new Map(places.map((place) => [place.code, place.id]));
  const locations = await objectsOf(tx, stream, 'location', [...byCode.values()], 1);
  return rows.map(({ variant_id, location, quantity, available, connection_id }) => {
    const variant = variants.get(variant_id) ?? {};
    const place = locations.get(byCode.get(location) ?? 0) ?? { code: location, links: {} };
    return {
      entityId: variant_id,
      part: location,
      entity: { variant, location: place, quantity, available },
      recordId: ownLink(stream, variant),
      isTheirs: connection_id === stream.connectionId,
    };
  });
}
