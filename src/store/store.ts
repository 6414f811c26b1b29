/**
 * The store: one schema on PGlite or PostgreSQL. Statements are written with drizzle's `sql` template, so every value is
 * a parameter; bulk loads go by COPY.
 */
import { CasingCache } from 'drizzle-orm/casing';
// Not from its index: that loads a hundred modules, which costs a command a third of its start.
import { type SQL, sql } from 'drizzle-orm/sql/sql';
import type { CopyRows } from './copy.ts';

export { type SQL, sql };

/** What a transaction can do. */
export type Tx = {
  rows<Row>(query: SQL): Promise<Row[]>;
  /**
   * A statement whose rows nobody waits for. Sent at once, so that the next one can be made while the server works on it:
   * statements after it see what it did, and the transaction does not end before it is through.
   */
  send(query: SQL): void;
  /** COPY (see `copy.ts`), sent like that. */
  copy(table: string, columns: readonly string[], rows: CopyRows): void;
};

export type TransactionOptions = {
  /**
   * False: a crash of the database (not of this program) may forget the transaction, whole and in order with its
   * neighbours; the next durable one makes it last. @defaultValue true
   */
  readonly durable?: boolean;
  /**
   * True: all it asks for is by key, and found by index, also in tables so new that the server knows nothing of them and
   * would read them whole. @defaultValue false
   */
  readonly byKey?: boolean;
};

export type Store = {
  readonly engine: 'pglite' | 'postgres';
  rows<Row>(query: SQL): Promise<Row[]>;
  /** All or nothing, as the owner: for the loader and the run engine, which carry the tenant in every statement. */
  transaction<T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Read-only, as `tributary_reader` under row-level security: for everything that answers someone. */
  answer<T>(tenant: number, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** `count` new ids, ascending. */
  newIds(count: number): Promise<IdBlocks>;
  /** The PGlite instance the queue shares; `null` on PostgreSQL. */
  readonly pglite: import('@electric-sql/pglite').PGlite | null;
  close(): Promise<void>;
};

/** Ids are taken from their sequence in blocks of so many. */
export const ID_BLOCK = 1024;

/** Gives the ids of some blocks out one by one. */
export type IdBlocks = { next(): number };

/** How an engine runs a compiled statement. */
export type Statement = { readonly sql: string; readonly params: unknown[] };

/** How PostgreSQL is spoken to. */
const dialect = {
  casing: new CasingCache(),
  escapeName: (name: string) => `"${name.replaceAll('"', '""')}"`,
  escapeParam: (at: number) => `$${at + 1}`,
  escapeString: (text: string) => `'${text.replaceAll("'", "''")}'`,
};

export function compile(query: SQL): Statement {
  const { sql: text, params } = query.toQuery(dialect);
  return { sql: text, params };
}

/**
 * Settings of a transaction that asks by key. A key costs a look into an index, not a disk's seek: else a stream that looks
 * small is read through for each key. Where there is no index to take, the plan looks dear enough to be compiled: it is not.
 */
export const BY_KEY = ['seqscan', 'hashjoin', 'mergejoin']
  .map((way) => `set local enable_${way} to off; `)
  .concat('set local random_page_cost to 1; set local jit to off')
  .join('');

/** Statements that turn a transaction into a reader's. */
export const becomeReader = (tenant: number): readonly SQL[] => [
  // All it is told is of one moment, in however many statements it asks.
  sql`set transaction isolation level repeatable read, read only`,
  sql`select set_config('tributary.tenant', ${String(tenant)}, true)`,
  sql`set local role tributary_reader`,
];

export async function takeIds(rows: Store['rows'], count: number): Promise<IdBlocks> {
  const blocks = Math.max(1, Math.ceil(count / ID_BLOCK));
  const taken = await rows<{ start: number }>(
    sql`select nextval('id_block')::bigint as start from generate_series(1, ${blocks}::integer) order by 1`,
  );
  let block = 0;
  let used = 0;
  return {
    next() {
      if (used === ID_BLOCK) {
        block += 1;
        used = 0;
      }
      const start = taken[block]?.start;
      if (start === undefined) throw new RangeError(`more than ${count} ids asked for`);
      used += 1;
      return start + used - 1;
    },
  };
}

/** A JSON value as a parameter. */
export const json = (value: unknown): SQL => sql`${JSON.stringify(value)}::jsonb`;

/** Arrays as parameters. */
export const texts = (values: readonly string[]): SQL => sql`${sql.param([...values])}::text[]`;
export const numbers = (values: readonly number[]): SQL => sql`${`{${values.join(',')}}`}::bigint[]`;
