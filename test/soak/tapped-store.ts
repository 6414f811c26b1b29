/**
 * A store with a finger on it: counts what goes through, strikes at a chosen place, and can take a safety away.
 * Nothing of the product is changed; only statements on their way to the database.
 */
import type { CopyRows } from '../../src/store/copy.ts';
import { compile, type SQL, type Store, sql, type Tx } from '../../src/store/store.ts';
import { type Alteration, FENCE } from './alterations.ts';

/** Where a fault may strike. A write is a statement that changes something outside a transaction. */
export const PLACES = ['transaction', 'copy', 'before-commit', 'after-commit', 'before-write', 'after-write'] as const;
export type Place = (typeof PLACES)[number];
export type Places = Record<Place, number>;

export type Tap = {
  /** How often each place was passed. */
  readonly passed: Places;
  /** Numbers of the transactions that were pages: those that passed the fence. */
  readonly pages: number[];
  /** Called at every place with its number there, from 1; what it returns is awaited. */
  onPlace: (place: Place, nth: number) => Promise<void> | void;
  /** Called when the nth transaction has come to its end, good or bad. */
  onSettled: (nth: number) => void;
};

const WRITES = /^\s*(insert|update|delete)\b/i;

/** Taps the store in place, so that all who hold it are tapped. */
export function tapStore(store: Store, alteration: Alteration | null): Tap {
  const tap: Tap = {
    passed: { transaction: 0, copy: 0, 'before-commit': 0, 'after-commit': 0, 'before-write': 0, 'after-write': 0 },
    pages: [],
    onPlace: () => undefined,
    onSettled: () => undefined,
  };
  const reach = async (place: Place): Promise<void> => {
    tap.passed[place] += 1;
    await tap.onPlace(place, tap.passed[place]);
  };
  const { rows, transaction } = store;
  const altered = (query: SQL): SQL => alter(query, alteration);
  store.rows = async <Row>(query: SQL): Promise<Row[]> => {
    const isWrite = WRITES.test(compile(query).sql);
    if (isWrite) await reach('before-write');
    const answer = await rows<Row>(altered(query));
    if (isWrite) await reach('after-write');
    return answer;
  };
  store.transaction = async (work, options) => {
    const nth = tap.passed.transaction + 1;
    await reach('transaction');
    try {
      const result = await transaction(async (tx) => {
        const onPage = () => void tap.pages.push(nth);
        const tapped = tapTx(tx, altered, { onCopy: () => void reach('copy'), onPage }, alteration);
        const done = await work(tapped);
        await tapped.end();
        await reach('before-commit');
        return done;
      }, options);
      await reach('after-commit');
      return result;
    } finally {
      tap.onSettled(nth);
    }
  };
  return tap;
}

function alter(query: SQL, alteration: Alteration | null): SQL {
  if (!alteration) return query;
  const { sql: text, params } = compile(query);
  for (const [at, { of, to }] of alteration.changes.entries()) {
    if (to === null || !of.test(text)) continue;
    alteration.made[at] = (alteration.made[at] ?? 0) + 1;
    return fromText(text.replace(of, to), params);
  }
  return query;
}

/** A statement from its text with `$n` and their values. */
function fromText(text: string, params: readonly unknown[]): SQL {
  const parts = text.split(/\$(\d+)/);
  return sql.join(
    parts.map((part, at) => (at % 2 === 0 ? sql.raw(part) : sql`${sql.param(params[Number(part) - 1])}`)),
  );
}

type Step = () => Promise<unknown>;

function tapTx(
  tx: Tx,
  altered: (query: SQL) => SQL,
  { onCopy, onPage }: { onCopy(): void; onPage(): void },
  alteration: Alteration | null,
): Tx & { end(): Promise<unknown> } {
  const done: Step[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const mine = last.then(step);
    mine.catch(() => undefined); // Told by the next, and at the end.
    last = mine;
    return mine;
  };
  const say = async <T>(query: SQL, step: () => Promise<T>): Promise<T> => {
    const { sql: text } = compile(query);
    if (FENCE.test(text)) onPage();
    const early = alteration?.changes.findIndex(({ of, to }) => to === null && of.test(text)) ?? -1;
    if (alteration && early >= 0) {
      await commitFirst(tx, query, done);
      alteration.made[early] = (alteration.made[early] ?? 0) + 1;
    }
    done.push(step);
    return step();
  };
  return {
    rows<Row>(query: SQL) {
      const own = altered(query);
      return inTurn(() => say(query, () => tx.rows<Row>(own)));
    },
    send(query) {
      const own = altered(query);
      void inTurn(() => say(query, async () => tx.send(own)));
    },
    copy(table: string, columns: readonly string[], rows: CopyRows): void {
      if (rows.count > 0) onCopy();
      const step = async () => tx.copy(table, columns, rows);
      void inTurn(async () => {
        done.push(step);
        await step();
      });
    },
    end: () => last,
  };
}

/** Commits one statement of a transaction before the rest of it, which is undone and said again. */
async function commitFirst(tx: Tx, query: SQL, done: readonly Step[]): Promise<void> {
  await tx.rows(sql`rollback`);
  await tx.rows(query);
  await tx.rows(sql`begin`);
  for (const step of done) await step();
}
