/** Canonical rows on their way into the store: COPY for new ones, one statement per entity for changed ones. */
import { ENTITIES, type EntityName, type Field } from '../canonical/entities.ts';
import { NORMALISERS } from '../canonical/normalise.ts';
import { columnOf, matchFields, tableOf } from '../store/columns.ts';
import type { CopyRows } from '../store/copy.ts';
import { numbers, type SQL, sql, type Tx } from '../store/store.ts';

/** A row's values by field; references are ids. */
export type RowValues = Readonly<Record<string, unknown>>;

type Shape = {
  readonly table: string;
  readonly fields: readonly {
    readonly name: string;
    readonly column: string;
    readonly field: Field;
    readonly encode: Encode;
  }[];
  readonly keys: readonly {
    readonly field: string;
    readonly column: string;
    readonly normalise: (value: string) => string;
  }[];
};

const shapes = new Map<EntityName, Shape>();

function shapeOf(entity: EntityName): Shape {
  const known = shapes.get(entity);
  if (known) return known;
  const fields = Object.entries(ENTITIES[entity].fields).map(([name, field]) => ({
    name,
    column: columnOf(name, field),
    field,
    encode: encoderOf(field),
  }));
  const keys = matchFields(entity).map((field) => {
    const kind = ENTITIES[entity].fields[field]?.match;
    if (!kind) throw new Error(`${entity}.${field} is no match field`);
    return { field, column: `${field}_key`, normalise: NORMALISERS[kind] };
  });
  const shape: Shape = {
    table: tableOf(entity),
    fields,
    keys,
  };
  shapes.set(entity, shape);
  return shape;
}

type Encode = (rows: CopyRows, value: unknown) => void;

function encoderOf(field: Field): Encode {
  switch (field.type) {
    case 'text':
      return (rows, value) => rows.text(String(value));
    case 'integer':
    case 'reference':
      return (rows, value) => rows.int8(Number(value));
    case 'decimal':
      return (rows, value) => rows.decimal(String(value));
    case 'boolean':
      return (rows, value) => rows.bool(value === true);
    case 'timestamp':
      return (rows, value) => rows.time(Date.parse(String(value)));
    case 'date':
      return (rows, value) => rows.date(String(value));
    case 'json':
    case 'list':
      return (rows, value) => rows.json(value);
  }
}

/** Normalised match key of a value; `null` when it is blank. */
export function keyOf(entity: EntityName, field: string, value: unknown): string | null {
  const key = shapeOf(entity).keys.find((one) => one.field === field);
  if (!key || typeof value !== 'string') return null;
  return key.normalise(value) || null;
}

export const keyFields = (entity: EntityName): readonly string[] => shapeOf(entity).keys.map((one) => one.field);

/** How new rows go in: only the columns that may hold something, because each empty one costs time as well. */
export type InsertShape = {
  readonly table: string;
  readonly columns: readonly string[];
  /** Writes one row. `at`: when it is made. */
  readonly write: (rows: CopyRows, id: number, tenant: number, at: number, values: RowValues) => void;
};

/** @param fields the fields that rows of this shape may fill */
export function insertShape(entity: EntityName, fields: readonly string[]): InsertShape {
  const shape = shapeOf(entity);
  const filled = shape.fields.filter((one) => fields.includes(one.name));
  const keys = shape.keys.filter((one) => fields.includes(one.field));
  const columns = [
    ...['id', 'tenant', 'created_at', 'updated_at'],
    ...filled.map((one) => one.column),
    ...keys.map((one) => one.column),
  ];
  return {
    table: shape.table,
    columns,
    write(rows, id, tenant, at, values) {
      rows.row(columns.length).int8(id).int4(tenant).time(at).time(at);
      for (const { name, encode } of filled) {
        const value = values[name];
        if (value === null || value === undefined) rows.null();
        else encode(rows, value);
      }
      for (const { field, normalise } of keys) {
        const value = values[field];
        rows.text(typeof value === 'string' ? normalise(value) || null : null);
      }
    },
  };
}

/** A stored row, with its values by field as mappings give them. */
export type StoredRow = { readonly id: number; readonly values: Record<string, unknown>; readonly archived: boolean };

/** @param held keeps the rows until the transaction ends; always in the same order, so that two pages never wait for each other */
export async function readRows(
  tx: Tx,
  entity: EntityName,
  ids: readonly number[],
  held = false,
): Promise<Map<number, StoredRow>> {
  if (ids.length === 0) return new Map();
  const shape = shapeOf(entity);
  const picked = shape.fields.map(({ column, field }) => asText(column, field));
  const rows = await tx.rows<{ id: number; archived: boolean } & Record<string, unknown>>(sql`
    select id, archived_at is not null as archived, ${sql.join(picked, sql`, `)} from ${sql.identifier(shape.table)}
    where id = any(${numbers(ids)})${held ? sql` order by id for update` : sql``}`);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        archived: row.archived,
        values: Object.fromEntries(shape.fields.map(({ name, column }) => [name, row[column] ?? null])),
      },
    ]),
  );
}

/** Columns whose driver value is not what mappings give are read as text of that form. */
function asText(column: string, field: Field): SQL {
  const name = sql.identifier(column);
  if (field.type === 'timestamp')
    return sql`to_char(${name} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${name}`;
  if (field.type === 'date' || field.type === 'decimal') return sql`${name}::text as ${name}`;
  return sql`${name}`;
}

/** Writes changed rows whole. `archived`: when it was archived, or `null`. */
export function updateRows(
  tx: Tx,
  entity: EntityName,
  rows: readonly { readonly id: number; readonly values: RowValues; readonly archived: boolean }[],
  at: string,
): void {
  if (rows.length === 0) return;
  const shape = shapeOf(entity);
  const payload = rows.map(({ id, values, archived }) => {
    const row: Record<string, unknown> = { id, archived };
    for (const { name, column } of shape.fields) row[column] = values[name] ?? null;
    for (const { field, column } of shape.keys) row[column] = keyOf(entity, field, values[field]);
    return row;
  });
  const table = sql.identifier(shape.table);
  const names = [...shape.fields.map((one) => one.column), ...shape.keys.map((one) => one.column)];
  const definitions = [
    sql`id bigint`,
    sql`archived boolean`,
    ...shape.fields.map(({ column, field }) => sql`${sql.identifier(column)} ${sql.raw(sqlType(field))}`),
    ...shape.keys.map(({ column }) => sql`${sql.identifier(column)} text`),
  ];
  tx.send(sql`
    update ${table} as t set ${sql.join(
      names.map((name) => sql`${sql.identifier(name)} = n.${sql.identifier(name)}`),
      sql`, `,
    )},
      updated_at = ${at}::timestamptz,
      archived_at = case when n.archived then coalesce(t.archived_at, ${at}::timestamptz) end,
      merged_into = case when n.archived then t.merged_into end
    from jsonb_to_recordset(${JSON.stringify(payload)}::jsonb) as n(${sql.join(definitions, sql`, `)})
    where t.id = n.id`);
}

function sqlType(field: Field): string {
  switch (field.type) {
    case 'text':
      return 'text';
    case 'integer':
    case 'reference':
      return 'bigint';
    case 'decimal':
      return 'numeric';
    case 'boolean':
      return 'boolean';
    case 'timestamp':
      return 'timestamptz';
    case 'date':
      return 'date';
    case 'json':
    case 'list':
      return 'jsonb';
  }
}

const referenceNames = new Map<EntityName, readonly string[]>();
/** Fields of an entity that refer to others. */
export function referenceFields(entity: EntityName): readonly string[] {
  let names = referenceNames.get(entity);
  if (!names) {
    names = Object.entries(ENTITIES[entity].fields).flatMap(([name, field]) =>
      field.type === 'reference' ? [name] : [],
    );
    referenceNames.set(entity, names);
  }
  return names;
}
