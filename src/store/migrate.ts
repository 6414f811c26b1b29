import { fileURLToPath } from 'node:url';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { TributaryError } from '../errors.ts';
import { type Store, sql } from './store.ts';

const FOLDER = fileURLToPath(new URL('../../drizzle', import.meta.url));
/** Any number, the same in every version: whoever migrates holds this lock. */
const LOCK = 7_421_905;

/**
 * Brings the store to this program's schema: all missing migrations in one transaction, under a lock, so that any number
 * of processes may start at once. Returns how many were applied. @throws ERR_STORE_VERSION
 */
export async function migrate(store: Store, folder = FOLDER): Promise<number> {
  const known = readMigrationFiles({ migrationsFolder: folder });
  return store.transaction(async (tx) => {
    await tx.rows(sql`select pg_advisory_xact_lock(${LOCK}::bigint)`);
    await tx.rows(
      sql`create table if not exists migration (hash text primary key, applied_at timestamptz not null default now())`,
    );
    const applied = new Set((await tx.rows<{ hash: string }>(sql`select hash from migration`)).map((row) => row.hash));
    refuseForeign(known, applied);
    const missing = known.filter((migration) => !applied.has(migration.hash));
    for (const migration of missing) {
      for (const statement of migration.sql) await tx.rows(sql.raw(statement));
      await tx.rows(sql`insert into migration (hash) values (${migration.hash})`);
    }
    return missing.length;
  });
}

/** A schema of another version is left alone: what it means is not known here. */
function refuseForeign(known: readonly { readonly hash: string }[], applied: ReadonlySet<string>): void {
  const ours = new Set(known.map((migration) => migration.hash));
  const foreign = [...applied].filter((hash) => !ours.has(hash)).length;
  if (foreign > 0)
    throw new TributaryError(
      'ERR_STORE_VERSION',
      `The store has ${foreign === 1 ? 'a migration' : `${foreign} migrations`} of another version of this program.`,
    );
}

/** How many of this program's migrations the store has not seen. */
export async function pendingMigrations(store: Store): Promise<number> {
  const known = readMigrationFiles({ migrationsFolder: FOLDER });
  const [table] = await store.rows<{ name: string | null }>(sql`select to_regclass('public.migration')::text as name`);
  if (!table?.name) return known.length;
  const applied = new Set((await store.rows<{ hash: string }>(sql`select hash from migration`)).map((row) => row.hash));
  refuseForeign(known, applied);
  return known.filter((migration) => !applied.has(migration.hash)).length;
}
