/** One process's worker: takes wakes, runs slices, wakes again. */
import { UnrecoverableError } from 'bullmq';
import type { Log } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { settled } from './bounded.ts';
import type { BullWorker, Engine, SliceProcessor, SliceResult, WakeData, WorkerSettings } from './bull.ts';
import { classOf, type FairOrder } from './fair.ts';
import { storable } from './text.ts';
import type { QueueTuning, SliceHandler, Wake, WakeClass } from './types.ts';

const MAX_RETRY_MS = 60_000;
const MAX_STALLS = 20;
const RECONNECT_MS = 1000;

export type WorkContext = {
  readonly engine: Engine;
  readonly order: FairOrder;
  readonly tuning: QueueTuning;
  readonly log: Log;
  again(wake: Wake, due: { class: WakeClass; delayMs: number }): Promise<void>;
};
export type SliceWorker = { close(): Promise<void> };

export async function startWorker(
  context: WorkContext,
  handler: SliceHandler,
  concurrency: number,
): Promise<SliceWorker> {
  const { engine, tuning } = context;
  const closing = new AbortController();
  const active = new Set<Promise<unknown>>();
  const followUps = followUpsOf(context);
  const worker = engine.worker(
    (job) => {
      const slice = runSlice(context, handler, job.data, closing.signal).then((next) => {
        followUps.expect(job, next);
        return next;
      });
      track(active, slice);
      return slice;
    },
    settingsOf(tuning, concurrency),
  );
  worker.on('error', (error) => {
    engine.causes.failed(error);
    followUps.lost(error);
  });
  worker.on('active', engine.causes.recovered);
  worker.on('completed', (job, next) => followUps.follow(job, next));
  await begin(engine, worker, tuning);
  return {
    async close() {
      await worker.pause(true);
      closing.abort(new DOMException('the queue is closing', 'AbortError'));
      const isDone = await settled(Promise.all(active), tuning.closeMs);
      if (!isDone)
        context.log.warn(
          { slices: active.size },
          'queue: closing over slices that do not end; they run again elsewhere',
        );
      // Without force BullMQ waits for its last calls, which a backend that is away never answers.
      const isThere = await engine
        .ready()
        .then(() => engine.ping())
        .then(
          () => true,
          () => false,
        );
      await settled(worker.close(!isDone || !isThere), tuning.answerMs);
      await followUps.ended(tuning.answerMs);
    },
  };
}

/** Redis may come later, and the worker starts then; the others are there now or never. */
async function begin(engine: Engine, worker: BullWorker, tuning: QueueTuning): Promise<void> {
  const ready = worker.waitUntilReady();
  if (engine.startsLater) {
    await settled(ready, tuning.answerMs);
    return;
  }
  try {
    await ready;
  } catch (thrown) {
    await worker.close(true);
    throw new TributaryError('ERR_QUEUE_UNAVAILABLE', 'the worker could not start: the queue does not answer', {
      cause: thrown,
    });
  }
}

function settingsOf(tuning: QueueTuning, concurrency: number): WorkerSettings {
  return {
    concurrency,
    lockDuration: tuning.lockMs,
    stalledInterval: tuning.stalledMs,
    // A run that kills its worker is noticed by its lease, not by counting here.
    maxStalledCount: MAX_STALLS,
    drainDelay: tuning.drainMs / 1000,
    runRetryDelay: RECONNECT_MS,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 100 },
    settings: {
      backoffStrategy: (attempts, _type, error) =>
        Math.max(
          Math.min(tuning.retryMs * 2 ** (attempts - 1), MAX_RETRY_MS),
          error instanceof TransientFailure ? error.notBeforeMs - Date.now() : 0,
        ),
    },
  };
}

async function runSlice(
  context: WorkContext,
  handler: SliceHandler,
  data: WakeData,
  signal: AbortSignal,
): Promise<SliceResult> {
  const wake: Wake = { run: data.run, tenant: data.tenant };
  if (signal.aborted) return 0;
  const startedAt = performance.now();
  try {
    const next = await handler(wake, signal);
    return next ? Math.max(0, Math.ceil(next.againInMs)) : null;
  } catch (thrown) {
    if (signal.aborted) return 0;
    const code = thrown instanceof TributaryError ? thrown.code : null;
    context.log.warn(
      { run: wake.run, tenant: wake.tenant, code, cause: storable(String(thrown)) },
      'queue: a slice failed',
    );
    throw forBull(thrown);
  } finally {
    context.order.charge(wake.tenant, performance.now() - startedAt);
  }
}

/** Carries only text that every backend keeps. */
class TransientFailure extends Error {
  readonly notBeforeMs: number;
  constructor(message: string, notBeforeMs: number) {
    super(message);
    this.notBeforeMs = notBeforeMs;
    this.stack = message;
  }
}

/** The one place where a terminal error becomes BullMQ's word for it. */
function forBull(thrown: unknown): Error {
  const message = storable(thrown instanceof TributaryError ? `${thrown.code}: ${thrown.message}` : String(thrown));
  if (thrown instanceof TributaryError && thrown.retry === 'terminal') {
    const failure = new UnrecoverableError(message);
    failure.stack = message;
    return failure;
  }
  return new TransientFailure(message, thrown instanceof TributaryError ? (thrown.notBefore?.getTime() ?? 0) : 0);
}

type Slice = Parameters<SliceProcessor>[0];

/**
 * Wakes runs again after their job has ended (BullMQ holds one job per run, so not before).
 * Dying in between loses the wake; the run's row says when it is due, and the sweep wakes it.
 */
function followUpsOf(context: WorkContext) {
  const expected = new Map<string, { slice: Slice; next: number }>();
  const pending = new Set<Promise<unknown>>();
  const follow = (slice: Slice, next: SliceResult) => {
    if (slice.id !== undefined) expected.delete(slice.id);
    if (next === null) return;
    const { run, tenant } = slice.data;
    const due = { class: classOf(slice.priority), delayMs: next };
    track(pending, context.again({ run, tenant }, due).catch(context.engine.causes.failed));
  };
  return {
    follow,
    expect(slice: Slice, next: SliceResult) {
      if (slice.id !== undefined && next !== null) expected.set(slice.id, { slice, next });
    },
    /** A Redis that came back empty cannot end a job it does not know, and says so by the job's id. */
    lost(error: Error) {
      for (const [id, { slice, next }] of expected) if (error.message.includes(id)) follow(slice, next);
    },
    async ended(ms: number) {
      await settled(Promise.all(pending), ms);
    },
  };
}

function track(set: Set<Promise<unknown>>, work: Promise<unknown>): void {
  set.add(work);
  const forget = () => set.delete(work);
  work.then(forget, forget);
}
