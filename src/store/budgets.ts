/** The state of rate budgets as rows, for all processes on one database. */
import { json, type Store, sql } from './store.ts';

type Change<T> = (state: unknown) => { readonly state: unknown; readonly result: T };

/** Whoever changes a state holds its row. It need not outlast a crash of the database: a vendor's answers tell it anew. */
export function storeBudgets(store: Store) {
  return {
    update: <T>(key: string, change: Change<T>): Promise<T> =>
      store.transaction(
        async (tx) => {
          const known = () =>
            tx.rows<{ state: unknown }>(sql`select state from rate_budget where key = ${key} for update`);
          let [row] = await known();
          if (!row) {
            await tx.rows(
              sql`insert into rate_budget (key, state) values (${key}, 'null') on conflict (key) do nothing`,
            );
            [row] = await known();
          }
          const { state, result } = change(row?.state ?? null);
          await tx.rows(sql`update rate_budget set state = ${json(state)} where key = ${key}`);
          return result;
        },
        { durable: false },
      ),
    async all(): Promise<ReadonlyMap<string, unknown>> {
      const rows = await store.rows<{ key: string; state: unknown }>(
        sql`select key, state from rate_budget order by key`,
      );
      return new Map(rows.map((row) => [row.key, row.state]));
    },
  };
}
