/**
 * Opens the queue: BullMQ on PGlite, PostgreSQL or Redis. The database says which runs are due; a job here only wakes one
 * slice of one run, so that losing or doubling jobs costs time and nothing else.
 */
import { TributaryError } from '../errors.ts';
import { addWake, type Due } from './add.ts';
import { answered, settled } from './bounded.ts';
import type { Engine } from './bull.ts';
import { causeLog } from './causes.ts';
import { fairOrder } from './fair.ts';
import { openPgliteEngine } from './pglite.ts';
import { openPostgresEngine } from './postgres.ts';
import { openRedisEngine } from './redis.ts';
import { requireStorable, storable } from './text.ts';
import type { QueueBackend, QueueOptions, QueueTuning, Wake, WakeQueue } from './types.ts';
import { type SliceWorker, startWorker } from './work.ts';

export type * from './types.ts';

const TUNING: QueueTuning = {
  lockMs: 20_000,
  stalledMs: 10_000,
  drainMs: 30_000,
  closeMs: 30_000,
  answerMs: 5_000,
  retryMs: 1_000,
};
// BullMQ writes events that nobody here reads.
const KEPT_EVENTS = 100;
const MAX_DELAY_MS = 30 * 24 * 3_600_000;

/** @throws ERR_QUEUE_UNAVAILABLE when PostgreSQL does not answer. A Redis that is away is waited for in the background. */
export async function openQueue(backend: QueueBackend, options: QueueOptions): Promise<WakeQueue> {
  const tuning: QueueTuning = { ...TUNING, ...options.tuning };
  const engine = await openEngine(backend, options, tuning);
  engine.queue.on('error', engine.causes.failed);
  const order = fairOrder(() => options.clock?.now() ?? new Date());
  // PGlite is this process: it answers when the store's transactions before it have ended.
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      await engine.ready();
      const result = backend.kind === 'pglite' ? await work() : await answered(work(), tuning.answerMs, backend.kind);
      engine.causes.recovered();
      return result;
    } catch (thrown) {
      throw unavailable(thrown, backend.kind);
    }
  };
  const wake = (target: Wake, due: Due) => call(() => addWake(engine.queue, order, target, due));
  let worker: Promise<SliceWorker> | null = null;
  let closed: Promise<void> | null = null;
  return {
    async wake(target, { class: wakeClass = 'poll', delayMs = 0 } = {}) {
      requireOpen(closed);
      requireStorable('run', target.run);
      requireStorable('tenant', target.tenant);
      await wake(target, { class: wakeClass, delayMs: Math.min(Math.max(0, Math.ceil(delayMs)), MAX_DELAY_MS) });
    },
    async work(handler, { concurrency }) {
      requireOpen(closed);
      if (worker) throw new TributaryError('ERR_INTERNAL', 'the queue works already in this process');
      if (!engine.startsLater) await engine.ready();
      worker = startWorker({ engine, order, tuning, log: options.log, again: wake }, handler, concurrency);
      worker.catch(() => {
        worker = null;
      });
      await worker;
    },
    async counts() {
      const counts = await call(() =>
        engine.queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'),
      );
      const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = counts;
      return { waiting: waiting + prioritized, active, delayed, failed };
    },
    ping: () => call(() => engine.ping()),
    close() {
      closed ??= closeAll(engine, worker, tuning);
      return closed;
    },
  };
}

async function openEngine(backend: QueueBackend, options: QueueOptions, tuning: QueueTuning): Promise<Engine> {
  const prefix = options.prefix ?? 'tributary';
  const causes = causeLog(options.log, backend.kind);
  try {
    if (backend.kind === 'pglite')
      return await openPgliteEngine(backend.pglite, `${prefix}-wakes`, KEPT_EVENTS, causes);
    const shared = { events: KEPT_EVENTS, answerMs: tuning.answerMs, causes };
    if (backend.kind === 'postgres')
      return await openPostgresEngine(backend.url, { ...shared, name: `${prefix}-wakes` });
    return openRedisEngine(backend.url, { ...shared, name: 'wakes', prefix });
  } catch (thrown) {
    throw unavailable(thrown, backend.kind);
  }
}

function unavailable(thrown: unknown, kind: string): TributaryError {
  if (thrown instanceof TributaryError) return thrown;
  return new TributaryError('ERR_QUEUE_UNAVAILABLE', `the queue (${kind}) failed: ${storable(String(thrown))}`, {
    cause: thrown,
  });
}

function requireOpen(closed: unknown): void {
  if (closed) throw new TributaryError('ERR_QUEUE_UNAVAILABLE', 'the queue is closed');
}

async function closeAll(engine: Engine, worker: Promise<SliceWorker> | null, tuning: QueueTuning): Promise<void> {
  // One that failed to start has nothing to close.
  const started = await worker?.catch(() => null);
  await started?.close();
  await settled(engine.queue.close(), tuning.answerMs);
  await engine.close();
}
