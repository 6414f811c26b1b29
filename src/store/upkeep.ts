import { type Store, sql } from './store.ts';

type Worn = { readonly name: string; readonly vacuum: boolean; readonly analyze: boolean };

/**
 * What autovacuum does on PostgreSQL, for PGlite, which has none: the room of rows that were replaced or deleted is used
 * again, and the planner learns how large tables are. By PostgreSQL's own rule, with its defaults. PostgreSQL is left to itself.
 * @returns the tables it took care of
 */
export async function upkeep(store: Pick<Store, 'engine' | 'rows'>): Promise<readonly string[]> {
  if (store.engine !== 'pglite') return [];
  await store.rows(sql`select pg_stat_force_next_flush()`);
  const worn = await store.rows<Worn>(sql`
    select relname as name, n_dead_tup > 50 + 0.2 * n_live_tup or n_ins_since_vacuum > 1000 + 0.2 * n_live_tup as vacuum,
      n_mod_since_analyze > 50 + 0.1 * n_live_tup as analyze
    from pg_stat_user_tables where schemaname = 'public' order by relname`);
  const done: string[] = [];
  // One by one: others have their turn between.
  for (const { name, vacuum, analyze } of worn) {
    if (!vacuum && !analyze) continue;
    const what = vacuum ? (analyze ? 'vacuum analyze' : 'vacuum') : 'analyze';
    await store.rows(sql`${sql.raw(what)} ${sql.identifier(name)}`);
    done.push(name);
  }
  return done;
}
