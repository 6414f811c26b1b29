import pg from 'pg';
import { TributaryError } from '../errors.ts';
import { copyInto } from './copy-query.ts';
import { storeError } from './errors.ts';
import { type Lane, openLane } from './lane.ts';
import { BY_KEY, becomeReader, compile, type Store, type TransactionOptions, type Tx, takeIds } from './store.ts';

const INT8 = 20;
/** Every 64-bit number of ours stays below 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text'),
} as pg.CustomTypesConfig;

/** A process that stands still inside a transaction (a paused machine) must not keep its locks for good. */
const IDLE_MS = 60_000;

export type PostgresOptions = {
  readonly connections: number;
  /** How long a transaction may stand still before the server ends it. @defaultValue 60000 */
  readonly idleTransactionMs?: number;
};

/** Opens a pool on PostgreSQL; the address is checked with a first statement. */
export async function openPostgres(url: string, options: PostgresOptions): Promise<Store> {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.connections,
    types,
    keepAlive: true,
    // Statements are sent as they are asked for, so that the server works on one while the next is being made.
    pipeline: true,
    connectionTimeoutMillis: 10_000,
  });
  const begin = `begin; set local idle_in_transaction_session_timeout to ${options.idleTransactionMs ?? IDLE_MS}`;
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  const rows: Store['rows'] = async <Row>(query: Parameters<Store['rows']>[0]) => {
    const { sql, params } = compile(query);
    try {
      return (await pool.query(sql, params)).rows as Row[];
    } catch (thrown) {
      throw storeError(thrown);
    }
  };

  async function transaction<T>(
    work: (tx: Tx) => Promise<T>,
    { durable = true, byKey = false }: TransactionOptions = {},
  ): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await pool.connect();
    } catch (thrown) {
      throw storeError(thrown);
    }
    const lane = openLane();
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query(
        [begin, ...(durable ? [] : ['set local synchronous_commit to off']), ...(byKey ? [BY_KEY] : [])].join('; '),
      );
      const result = await work(txOn(client, lane));
      await lane.end();
      await client.query('commit');
      return result;
    } catch (thrown) {
      // What broke the connection says more than the statement that found it broken.
      const cause = thrown instanceof TributaryError ? thrown : (broken ?? thrown);
      await lane.end().catch(() => undefined);
      await client.query('rollback').catch((error: Error) => {
        broken = error;
      });
      throw storeError(cause);
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  const store: Store = {
    engine: 'postgres',
    rows,
    transaction,
    answer: (tenant, work) =>
      transaction(async (tx) => {
        for (const statement of becomeReader(tenant)) await tx.rows(statement);
        return work(tx);
      }),
    newIds: (count) => takeIds(rows, count),
    pglite: null,
    close: () => pool.end(),
  };
  try {
    await pool.query('select 1');
  } catch (thrown) {
    await pool.end();
    throw storeError(thrown);
  }
  return store;
}

function txOn(client: pg.PoolClient, lane: Lane): Tx {
  return {
    rows<Row>(query: Parameters<Tx['rows']>[0]) {
      const { sql, params } = compile(query);
      return lane.run(async () => (await client.query(sql, params)).rows as Row[]);
    },
    send(query) {
      const { sql, params } = compile(query);
      lane.send(() => client.query(sql, params));
    },
    copy(table, columns, rows) {
      if (rows.count === 0) return;
      const statement = `copy "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) from stdin (format binary)`;
      lane.send(() => copyInto(client, statement, rows.bytes));
    },
  };
}
