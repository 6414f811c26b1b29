/** BullMQ's PostgreSQL backend over a PGlite session that belongs to the store: a pool and its clients in name only. */
import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import {
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  runMigrations,
  Worker,
} from 'bullmq';
import { TributaryError } from '../errors.ts';
import type { Engine, SliceResult, WakeData } from './bull.ts';
import type { CauseLog } from './causes.ts';
import { QUEUE_SCHEMA, qualify, readSchemaNames, type SchemaNames } from './qualify.ts';
import { guardTransactions, type TransactionGuard } from './transaction-guard.ts';
import type { PgliteLike, PgliteResult } from './types.ts';

const CHURNING = ['job', 'event', 'dedup', 'dedup_next', 'meta'] as const;
const TIDY_EVERY = 5000;

type Answer<Row> = { rows: Row[]; rowCount: number };
type Session = {
  readonly pglite: PgliteLike;
  readonly guard: TransactionGuard;
  readonly names: SchemaNames;
  readonly texts: Map<string, string>;
  readonly tidy: Tidy;
};

export async function openPgliteEngine(
  pglite: PgliteLike,
  name: string,
  events: number,
  causes: CauseLog,
): Promise<Engine> {
  const guard = guardTransactions(pglite);
  await pglite.waitReady;
  await migrate(guard);
  await takeOver(pglite, name);
  const tidy = tidyOf(pglite, causes);
  const pool = poolOn({ pglite, guard, names: await readSchemaNames(pglite), texts: new Map(), tidy });
  const queue = new Queue<
    WakeData,
    SliceResult,
    string,
    WakeData,
    SliceResult,
    string,
    PostgresQueueBackend,
    PostgresConnectionOptions
  >(name, { connection: pool, streams: { events: { maxLen: events } } }, createPostgresBackend);
  return {
    causes,
    queue,
    worker: (processor, settings) =>
      new Worker(name, processor, { ...settings, connection: pool }, createPostgresBackend),
    startsLater: false,
    ready: () => Promise.resolve(refuseInTransaction(guard)),
    async ping() {
      refuseInTransaction(guard);
      await pglite.query('select 1');
    },
    close: () => tidy.ended(),
  };
}

/** BullMQ asks for a transaction by raw BEGIN, which does not isolate here: the whole migration runs in one of PGlite's. */
async function migrate(guard: TransactionGuard): Promise<void> {
  await guard.transaction(async (tx) => {
    const client = {
      async query<Row>(text: string, params?: readonly unknown[]): Promise<Answer<Row>> {
        if (/^(begin|commit|rollback)$/i.test(text)) return { rows: [], rowCount: 0 };
        if (!text.includes(';')) return answer(await tx.query<Row>(text, params ? [...params] : undefined));
        await tx.exec(text);
        return { rows: [], rowCount: 0 };
      },
    };
    await runMigrations(client, QUEUE_SCHEMA);
  });
}

/** One process owns the folder, so slices that are still marked as taken belong to one that is gone: they are due at once. */
async function takeOver(pglite: PgliteLike, name: string): Promise<void> {
  await pglite.query(
    `update ${QUEUE_SCHEMA}.job set locked_until_ms = 0, stalled_marked = true where queue = $1 and state = 'active'`,
    [name],
  );
  await pglite.query(`delete from ${QUEUE_SCHEMA}.meta where queue = $1 and field = 'stalled-check'`, [name]);
}

/** The part of a `pg.Pool` that BullMQ uses. */
function poolOn(session: Session): PostgresConnectionOptions {
  const pool = Object.assign(new EventEmitter(), {
    // Without it BullMQ looks again every 10 s; nothing can drop this connection.
    options: { keepAlive: true },
    query: <Row>(text: string, params?: readonly unknown[]) => run<Row>(session, text, params),
    connect: () => Promise.resolve(clientOn(session)),
    end: () => Promise.resolve(),
  });
  pool.setMaxListeners(0);
  return pool;
}

/** What BullMQ holds for LISTEN; notifications of one client do not reach another. */
function clientOn(session: Session) {
  const stops: (() => Promise<void>)[] = [];
  const client = Object.assign(new EventEmitter(), {
    async query<Row>(text: string, params?: readonly unknown[]): Promise<Answer<Row>> {
      // The session's name is the store's affair.
      if (text.includes('application_name')) return { rows: [], rowCount: 0 };
      const channel = /^\s*listen\s+(\w+)/i.exec(text.replace(/--[^\n]*/g, ''))?.[1];
      if (channel === undefined) return run<Row>(session, text, params);
      await setImmediate();
      refuseInTransaction(session.guard);
      stops.push(
        await session.pglite.listen(channel, (payload) =>
          session.guard.outside(() => client.emit('notification', { channel, payload })),
        ),
      );
      return { rows: [], rowCount: 0 };
    },
    release() {
      client.removeAllListeners();
      // Rejects when PGlite is closed already; there is nothing left to unlisten then.
      for (const stop of stops.splice(0)) stop().catch(() => undefined);
    },
  });
  client.setMaxListeners(0);
  return client;
}

async function run<Row>(session: Session, text: string, params?: readonly unknown[]): Promise<Answer<Row>> {
  refuseInTransaction(session.guard);
  // PGlite answers in microtasks: a loop of BullMQ's over statements would never let a timer or a socket have its turn.
  await setImmediate();
  const sql = session.texts.get(text) ?? qualify(text, session.names);
  session.texts.set(text, sql);
  session.tidy.count();
  return answer(await session.pglite.query<Row>(sql, params ? [...params] : undefined));
}

type Tidy = { count(): void; ended(): Promise<void> };

/** PGlite has no autovacuum: each slice would leave 2 kB behind for good. */
function tidyOf(pglite: PgliteLike, causes: CauseLog): Tidy {
  let statements = 0;
  let running: Promise<void> = Promise.resolve();
  const vacuum = async () => {
    // Not in one exec, which would be a transaction.
    for (const table of CHURNING) await pglite.query(`vacuum ${QUEUE_SCHEMA}.${table}`);
  };
  return {
    count() {
      statements += 1;
      if (statements % TIDY_EVERY === 0) running = running.then(vacuum).catch(causes.failed);
    },
    ended: () => running,
  };
}

function refuseInTransaction(guard: TransactionGuard): void {
  if (!guard.isOpen()) return;
  throw new TributaryError(
    'ERR_INTERNAL',
    'the queue was called inside a transaction of the store; wake the run after the transaction has ended',
  );
}

function answer<Row>({ rows, affectedRows }: PgliteResult<Row>): Answer<Row> {
  return { rows, rowCount: rows.length || (affectedRows ?? 0) };
}
