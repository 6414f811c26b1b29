/** BullMQ on PostgreSQL. BullMQ makes a pool for the queue and one for the worker, each in its own schema, plus one connection for LISTEN. */
import {
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  Queue,
  Worker,
} from 'bullmq';
import { answered } from './bounded.ts';
import type { Engine, SliceResult, WakeData } from './bull.ts';
import type { CauseLog } from './causes.ts';
import { QUEUE_SCHEMA } from './qualify.ts';

const QUEUE_CONNECTIONS = 3;
const WORKER_CONNECTIONS = 5;

export type PostgresEngineOptions = {
  readonly name: string;
  readonly events: number;
  readonly answerMs: number;
  readonly causes: CauseLog;
};

export async function openPostgresEngine(url: string, options: PostgresEngineOptions): Promise<Engine> {
  const { name, answerMs, causes } = options;
  const connection = (max: number, migrate: boolean): PostgresConnectionOptions => ({
    connectionString: url,
    // BullMQ turns it into `-c search_path` of its own connections; the store's stay as they are.
    schema: QUEUE_SCHEMA,
    migrate,
    max,
    keepAlive: true,
    connectionTimeoutMillis: answerMs,
    application_name: 'tributary-queue',
  });
  const queue = new Queue<
    WakeData,
    SliceResult,
    string,
    WakeData,
    SliceResult,
    string,
    PostgresQueueBackend,
    PostgresConnectionOptions
  >(
    name,
    { connection: connection(QUEUE_CONNECTIONS, true), streams: { events: { maxLen: options.events } } },
    createPostgresBackend,
  );
  queue.on('error', causes.failed);
  try {
    await answered(queue.waitUntilReady(), 4 * answerMs, 'postgres');
  } catch (thrown) {
    await queue.close();
    throw thrown;
  }
  return {
    causes,
    queue,
    worker: (processor, settings) =>
      new Worker(
        name,
        processor,
        { ...settings, connection: connection(WORKER_CONNECTIONS, false) },
        createPostgresBackend,
      ),
    startsLater: false,
    ready: () => Promise.resolve(),
    async ping() {
      await answered(queue.getJobCounts('active'), answerMs, 'postgres');
    },
    close: () => Promise.resolve(),
  };
}
