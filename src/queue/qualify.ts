/**
 * BullMQ's statements name their tables and functions without a schema and count on `search_path`. On PGlite the session,
 * and so its search_path, is shared with the store; BullMQ's functions carry their own, its statements get the names
 * written out here.
 */
import type { PgliteLike } from './types.ts';

export const QUEUE_SCHEMA = 'bullmq';

export type SchemaNames = {
  readonly tables: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
};

/** What is in BullMQ's schema, from the catalogue. */
export async function readSchemaNames(pglite: Pick<PgliteLike, 'query'>): Promise<SchemaNames> {
  const { rows } = await pglite.query<{ kind: string; name: string }>(
    `select 'table' as kind, c.relname::text as name from pg_catalog.pg_class c
      where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p', 'v')
     union select 'function', p.proname::text from pg_catalog.pg_proc p where p.pronamespace = $1::regnamespace
     union select 'type', t.typname::text from pg_catalog.pg_type t where t.typnamespace = $1::regnamespace and t.typtype in ('e', 'd')`,
    [QUEUE_SCHEMA],
  );
  const named = (kind: string) => new Set(rows.filter((row) => row.kind === kind).map((row) => row.name));
  return { tables: named('table'), functions: named('function'), types: named('type') };
}

/** `select add_job(...)` -> `select bullmq.add_job(...)`, for names of that schema only. */
export function qualify(sql: string, names: SchemaNames): string {
  const full = (name: string) => `${QUEUE_SCHEMA}.${name}`;
  return sql
    .replace(/--[^\n]*/g, '')
    .replace(/(?<![\w.":])([a-z_]+)(?=\s*\()/g, (name) => (names.functions.has(name) ? full(name) : name))
    .replace(
      /\b(from|join|into|update)(\s+)([a-z_]+)\b(?![.\w])/gi,
      (all, word: string, space: string, name: string) =>
        names.tables.has(name) ? `${word}${space}${full(name)}` : all,
    )
    .replace(/::([a-z_]+)/g, (all, name: string) => (names.types.has(name) ? `::${full(name)}` : all));
}
