/** Looks at what a mapping makes of sample records, without store or network; and what is known of such records. */
import type { DeclaredField, Json, JsonObject } from '../connector/contract.ts';
import type { Mapping, MapResult, SourceSchema } from './types.ts';

export type FieldFigures = {
  readonly filled: number /** Why it was empty, and how often. */;
  readonly empty: Readonly<Record<string, number>>;
};

export type Preview = {
  readonly results: readonly { readonly position: number; readonly result: MapResult }[];
  readonly counts: Readonly<Record<MapResult['kind'], number>>;
  /** By `output.field`, repeated outputs taken together. */
  readonly fields: Readonly<Record<string, FieldFigures>>;
};

/** Maps decoded records. `page`: what stands around them (`@name` values). */
export function previewRecords(mapping: Mapping, records: readonly Json[], page: JsonObject = {}): Preview {
  const counts = { mapped: 0, filtered: 0, deleted: 0, rejected: 0 };
  const fields = new Map<string, { filled: number; empty: Record<string, number> }>();
  const results = records.map((record, index) => {
    const context = { page, position: index + 1 };
    const result = mapping.map(record, context);
    counts[result.kind] += 1;
    for (const { output, field, reason } of mapping.trace(record, context)) {
      const name = `${output.split(':', 1)[0]}.${field}`;
      const figures = fields.get(name) ?? { filled: 0, empty: {} };
      fields.set(name, figures);
      const why = reason === null ? null : reason.startsWith('rejected') ? 'rejected' : reason;
      if (why === null) figures.filled += 1;
      else figures.empty[why] = (figures.empty[why] ?? 0) + 1;
    }
    return { position: context.position, result };
  });
  return { results, counts, fields: Object.fromEntries(fields) };
}

/** What sample records have: the schema mappings are checked against. Rows of groups count as records. */
export function schemaOfRecords(records: readonly Json[], origin: SourceSchema['origin'] = 'sample'): SourceSchema {
  const found = new Map<string, { types: Set<DeclaredField['type']>; nullable: boolean }>();
  const visit = (path: string, value: Json): void => {
    if (Array.isArray(value)) {
      for (const element of value) visit(`${path}[]`, element);
      if (value.length === 0) note(`${path}`, 'list');
    } else if (value !== null && typeof value === 'object') {
      for (const [name, child] of Object.entries(value))
        visit(path === '' ? quoted(name) : `${path}.${quoted(name)}`, child);
    } else note(path, typeOf(value));
  };
  const note = (path: string, type: DeclaredField['type'] | null): void => {
    const known = found.get(path) ?? { types: new Set(), nullable: false };
    if (type === null) known.nullable = true;
    else known.types.add(type);
    found.set(path, known);
  };
  for (const record of records) {
    const rows =
      record !== null && typeof record === 'object' && !Array.isArray(record) && Object.keys(record).length === 1
        ? record['rows']
        : undefined;
    for (const one of Array.isArray(rows) ? rows : [record]) visit('', one);
  }
  const fields = [...found].map(
    ([path, { types, nullable }]): DeclaredField => ({
      path,
      nullable,
      type: types.size === 1 ? ([...types][0] ?? 'text') : 'text',
    }),
  );
  return { origin, fields };
}

const quoted = (name: string): string => (/[.[\]`]/.test(name) ? `\`${name}\`` : name);

function typeOf(value: null | boolean | number | string): DeclaredField['type'] | null {
  if (value === null || value === '') return null;
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'decimal';
  return 'text';
}
