/**
 * Canonical rows as lines that two stores can be compared by: in the order of their natural key, without ids and times of
 * ours, references as the natural key of their target. The order is fixed at the start (8 bytes a row), the lines come in
 * batches, each in a transaction of its own, so that a slow reader holds nobody up.
 */
import { ENTITIES, type EntityName, type Field } from '../canonical/entities.ts';
import { columnOf, tableOf } from '../store/columns.ts';
import { numbers, type SQL, type Store, sql } from '../store/store.ts';

const BATCH = 5000;
const ID_BYTES = 8;

export type ExportOptions = {
  readonly tenant: number;
  /** Rows whose sources are all gone as well, marked `archived`. */
  readonly archived: boolean;
};

/** JSON lines of an entity's rows, in batches. */
export async function* exportRows(store: Store, entity: EntityName, options: ExportOptions): AsyncGenerator<string[]> {
  const { fields, naturalKey } = ENTITIES[entity];
  const line = rowLine(entity, options.archived);
  const joins = Object.entries(fields).flatMap(([name, field]) =>
    field.entity ? [targetJoin(name, field.entity)] : [],
  );
  const from = sql`from ${sql.identifier(tableOf(entity))} t ${sql.join(joins, sql` `)} where t.tenant = ${options.tenant} and t.merged_into is null
    ${options.archived ? sql`` : sql`and t.archived_at is null`}`;
  const keys = naturalKey.map(
    (name) => sql`${valueText(sql`t.${sql.identifier(name)}`, fields[name])} collate "C" nulls last`,
  );
  const [sorted] = await store.answer(options.tenant, (tx) =>
    tx.rows<{ ids: Uint8Array | null }>(
      sql`select string_agg(int8send(t.id), ''::bytea order by ${sql.join(keys, sql`, `)}, (${line}) collate "C", t.id) as ids ${from}`,
    ),
  );
  const ids = Buffer.from(sorted?.ids ?? new Uint8Array());
  for (let at = 0; at < ids.length; at += BATCH * ID_BYTES) {
    const batch: number[] = [];
    for (let next = at; next < Math.min(ids.length, at + BATCH * ID_BYTES); next += ID_BYTES)
      batch.push(Number(ids.readBigInt64BE(next)));
    const rows = await store.answer(options.tenant, (tx) =>
      tx.rows<{ id: number; line: string }>(
        sql`select t.id, ${line} as line ${from} and t.id = any(${numbers(batch)})`,
      ),
    );
    const lines = new Map(rows.map((row) => [row.id, row.line]));
    yield batch.flatMap((id) => lines.get(id) ?? []);
  }
}

/** The row as a JSON object, made by the database: no number of it goes through a float. */
function rowLine(entity: EntityName, archived: boolean): SQL {
  const members = Object.entries(ENTITIES[entity].fields).map(([name, field]) => {
    const value = field.entity
      ? targetKey(name, field.entity)
      : valueJson(sql`t.${sql.identifier(columnOf(name, field))}`, field);
    return sql`${`"${name}":`}::text || ${value}`;
  });
  if (archived) members.push(sql`'"archived":' || (t.archived_at is not null)::text`);
  return sql`'{' || ${sql.join(members, sql` || ',' || `)} || '}'`;
}

const alias = (field: string): SQL => sql.identifier(`${field}_target`) as unknown as SQL;
const targetJoin = (name: string, entity: EntityName): SQL =>
  sql`left join ${sql.identifier(tableOf(entity))} ${alias(name)} on ${alias(name)}.id = t.${sql.identifier(`${name}_id`)} and ${alias(name)}.tenant = t.tenant`;

/** The target's natural key as an object; `null` where there is none (yet). */
function targetKey(name: string, entity: EntityName): SQL {
  const { naturalKey, fields } = ENTITIES[entity];
  const members = naturalKey.map(
    (key) => sql`${`"${key}":`}::text || ${valueJson(sql`${alias(name)}.${sql.identifier(key)}`, fields[key])}`,
  );
  return sql`case when ${alias(name)}.id is null then 'null' else '{' || ${sql.join(members, sql` || ',' || `)} || '}' end`;
}

/** A value as JSON text. */
function valueJson(column: SQL, field: Field | undefined): SQL {
  switch (field?.type) {
    case 'integer':
    case 'boolean':
    case 'json':
    case 'list':
      return sql`coalesce(${column}::text, 'null')`;
    default:
      return sql`coalesce(to_json(${valueText(column, field)})::text, 'null')`;
  }
}

/** A value as text, the same on every database: 1.50 and 1.5 are one number. */
function valueText(column: SQL, field: Field | undefined): SQL {
  if (field?.type === 'decimal') return sql`trim_scale(${column})::text`;
  if (field?.type === 'timestamp') return sql`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  return sql`${column}::text`;
}

export type StockLine = {
  readonly sku: string | null;
  readonly location: string;
  readonly quantity: number;
  readonly available: number;
};

const LEVELS = sql`from stock_level s
  join variant v on v.id = s.variant_id and v.tenant = s.tenant and v.archived_at is null
  left join product p on p.id = v.product_id and p.tenant = s.tenant`;
const SKU = sql`coalesce(v.sku, p.sku)`;
const AVAILABLE = sql`greatest(0, s.quantity - s.reserved - s.committed)`;
/** Variant id and the place of the location among all locations. */
const LEVEL_BYTES = 12;

/** Stock by SKU and location, in batches. */
export async function* exportStock(store: Store, tenant: number): AsyncGenerator<string[]> {
  const [sorted, codes] = await store.answer(tenant, async (tx) => {
    const [levels] = await tx.rows<{ keys: Uint8Array | null }>(sql`
      select string_agg(int8send(variant_id) || int4send(place::integer), ''::bytea order by sku nulls last, location, quantity, available, variant_id) as keys
      from (select s.variant_id, ${SKU} collate "C" as sku, s.location collate "C" as location, s.quantity, ${AVAILABLE} as available,
          dense_rank() over (order by s.location collate "C") as place ${LEVELS} where s.tenant = ${tenant}) l`);
    const found = await tx.rows<{ location: string }>(
      sql`select distinct s.location collate "C" as location ${LEVELS} where s.tenant = ${tenant} order by 1`,
    );
    return [Buffer.from(levels?.keys ?? new Uint8Array()), found.map((row) => row.location)] as const;
  });
  for (let at = 0; at < sorted.length; at += BATCH * LEVEL_BYTES) {
    const batch: { id: number; location: string }[] = [];
    for (let next = at; next < Math.min(sorted.length, at + BATCH * LEVEL_BYTES); next += LEVEL_BYTES) {
      batch.push({
        id: Number(sorted.readBigInt64BE(next)),
        location: codes[sorted.readInt32BE(next + ID_BYTES) - 1] ?? '',
      });
    }
    const rows = await store.answer(tenant, (tx) =>
      tx.rows<StockLine>(sql`
        select ${SKU} as sku, s.location, s.quantity, ${AVAILABLE} as available
        from unnest(${numbers(batch.map((one) => one.id))}, ${sql.param(batch.map((one) => one.location))}::text[]) with ordinality as n(id, location, at)
        join (select s.* from stock_level s where s.tenant = ${tenant}) s on s.variant_id = n.id and s.location = n.location
        join variant v on v.id = s.variant_id and v.tenant = s.tenant left join product p on p.id = v.product_id and p.tenant = s.tenant order by n.at`),
    );
    yield rows.map(({ sku, location, quantity, available }) => JSON.stringify({ sku, location, quantity, available }));
  }
}
