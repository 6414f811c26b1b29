/** A store that fails on purpose: before a statement, before a commit, or behind one whose answer is lost. */
import { TributaryError } from '../../src/errors.ts';
import type { Store, Tx } from '../../src/store/store.ts';

export type Fault = {
  /** `statement`: the nth statement is not carried out. `commit`: the nth commit does not happen. `answer`: it happens, and nobody hears of it. */
  readonly at: 'statement' | 'commit' | 'answer';
  /** From 1, counted from when the fault was set. */
  readonly nth: number;
};

export type FaultyStore = Store & {
  /** Fails once, at this place; `null`: no more. */
  set(fault: Fault | null): void;
  /** Whether the fault that was set has happened. */
  happened(): boolean;
  /** Since the fault was set. */
  counted(): { readonly statements: number; readonly commits: number };
};

/** What is thrown: the database went away. */
export const away = (where: string): TributaryError =>
  new TributaryError('ERR_STORE_UNAVAILABLE', `The database does not answer (${where}, on purpose).`);

export function faultyStore(store: Store): FaultyStore {
  let fault: Fault | null = null;
  let hasHappened = false;
  let statements = 0;
  let commits = 0;
  const fail = (at: Fault['at'], count: number): void => {
    if (fault === null || hasHappened || fault.at !== at || fault.nth !== count) return;
    hasHappened = true;
    throw away(`${at} ${count}`);
  };
  const statement = (): void => {
    statements += 1;
    fail('statement', statements);
  };
  const onTx = (tx: Tx): Tx => ({
    rows: (query) => {
      statement();
      return tx.rows(query);
    },
    send: (query) => {
      statement();
      tx.send(query);
    },
    copy: (table, columns, lines) => {
      statement();
      return tx.copy(table, columns, lines);
    },
  });
  return {
    ...store,
    async rows(query) {
      statement();
      commits += 1;
      const nth = commits;
      fail('commit', nth);
      const rows = await store.rows<never>(query);
      fail('answer', nth);
      return rows;
    },
    async transaction(work, ...options) {
      let nth = 0;
      const result = await store.transaction(
        async (tx) => {
          const done = await work(onTx(tx));
          commits += 1;
          nth = commits;
          fail('commit', nth);
          return done;
        },
        ...options,
      );
      fail('answer', nth);
      return result;
    },
    set(next) {
      fault = next;
      hasHappened = false;
      statements = 0;
      commits = 0;
    },
    happened: () => hasHappened,
    counted: () => ({ statements, commits }),
  };
}
