/**
 * PGlite is one connection: a statement sent from inside a transaction's callback waits for that transaction, which waits
 * for the callback, for good. The guard makes the callback recognisable, so that the queue refuses instead.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import type { PgliteLike } from './types.ts';

export type TransactionGuard = {
  /** True in code called from a transaction that is still open. */
  isOpen(): boolean;
  /** Runs `work` as if no transaction were open: for listeners that PGlite calls from whoever's statement it is answering. */
  outside(work: () => void): void;
  /** `transaction` without the mark, for the queue's own use. */
  readonly transaction: PgliteLike['transaction'];
};

const guards = new WeakMap<PgliteLike, TransactionGuard>();

/** Replaces `pglite.transaction` by one that marks its callback; once per instance. Drizzle and the store call the same method. */
export function guardTransactions(pglite: PgliteLike): TransactionGuard {
  const known = guards.get(pglite);
  if (known) return known;
  const marks = new AsyncLocalStorage<{ open: boolean }>();
  const plain: PgliteLike['transaction'] = pglite.transaction.bind(pglite);
  pglite.transaction = async (work) => {
    // PGlite answers in microtasks: a store that loads page after page would otherwise let neither timers nor sockets, nor
    // the queue, have their turn.
    await setImmediate();
    return plain(async (tx) => {
      const mark = { open: true };
      try {
        return await marks.run(mark, () => work(tx));
      } finally {
        // What was not awaited may go on after the end, and then waits for nobody.
        mark.open = false;
      }
    });
  };
  const guard: TransactionGuard = {
    isOpen: () => marks.getStore()?.open === true,
    outside: (work) => marks.exit(work),
    transaction: plain,
  };
  guards.set(pglite, guard);
  return guard;
}
