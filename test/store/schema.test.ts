import { readdir, readFile } from 'node:fs/promises';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { afterAll, describe, expect, it } from 'vitest';
import { migrate, pendingMigrations } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import * as schema from '../../src/store/schema.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { postgres, requireService } from '../support/services.ts';

const FOLDER = new URL('../../drizzle/meta/', import.meta.url);
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

const hasPostgres = await requireService('postgres', 'schema on PostgreSQL');
const engines = [
  {
    engine: 'PGlite',
    async open(): Promise<Store> {
      const store = await openPglite(null);
      closing.push(() => store.close());
      return store;
    },
  },
  {
    engine: 'PostgreSQL',
    async open(): Promise<Store> {
      const database = await postgres();
      const store = await openPostgres(database.url, { connections: 4 });
      closing.push(database.drop, () => store.close());
      return store;
    },
  },
].slice(0, hasPostgres ? 2 : 1);

it('the migrations end where the declared schema is', async () => {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('_snapshot.json')).sort();
  const last = JSON.parse(await readFile(new URL(names.at(-1) ?? '', FOLDER), 'utf8')) as Awaited<
    ReturnType<typeof declared>
  >;
  expect(await generateMigration(last, declared())).toEqual([]);
});

describe.each(engines)('a store on $engine', ({ open }) => {
  it('has what the declared schema says, migrated or made from it', async () => {
    const migrated = await open();
    await migrate(migrated);
    const made = await open();
    const statements = await generateMigration(generateDrizzleJson({}), declared());
    for (const statement of statements) await made.rows(sql.raw(statement));
    expect(await catalogue(migrated)).toEqual(await catalogue(made));
  });

  it('is migrated once, however many start at the same time', async () => {
    const store = await open();
    const pending = await pendingMigrations(store);
    const applied = await Promise.all([migrate(store), migrate(store), migrate(store)]);
    expect(pending).toBeGreaterThan(0);
    expect(applied.sort()).toEqual([0, 0, pending]);
    expect([await migrate(store), await pendingMigrations(store)]).toEqual([0, 0]);
  });

  it('hides every row of a tenant from the others, but for those that belong to nobody', async () => {
    const store = await open();
    await migrate(store);
    const walls = await store.rows<{ name: string; walled: boolean; policies: number }>(sql`
      select c.relname as name, c.relrowsecurity as walled, (select count(*) from pg_policy p where p.polrelid = c.oid)::int as policies
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind = 'r' and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)`);
    expect(walls.length).toBeGreaterThan(30);
    expect(walls.filter((one) => !one.walled || one.policies !== 1)).toEqual([]);
    const open_ = await store.rows<{ name: string }>(sql`
      select table_name as name from information_schema.role_table_grants where grantee = 'tributary_reader'
      union select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and has_table_privilege('tributary_reader', c.oid, 'insert, update, delete, truncate')`);
    const names = new Set(walls.map((one) => one.name));
    expect(open_.map((one) => one.name).filter((name) => !names.has(name))).toEqual([]);
  });
});

const declared = () => generateDrizzleJson(schema);

/** Columns, indexes, constraints and sequences, the table of migrations and the walls apart. */
async function catalogue(store: Store): Promise<readonly string[]> {
  const rows = await store.rows<{ line: string }>(sql`
    select 'column ' || table_name || '.' || column_name || ' ' || coalesce(udt_name, data_type) || ' ' || is_nullable || ' ' || coalesce(column_default, '-') || ' ' || coalesce(collation_name, '-') as line
    from information_schema.columns where table_schema = 'public' and table_name <> 'migration'
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public' and tablename <> 'migration'
    union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
      where connamespace = 'public'::regnamespace and conrelid::regclass::text <> 'migration'
    union all select 'sequence ' || sequencename || ' ' || start_value || ' ' || increment_by || ' ' || data_type from pg_sequences where schemaname = 'public'`);
  return rows.map((row) => row.line).sort();
}
