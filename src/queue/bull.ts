/** What the three backends give to the parts that do not care which one it is. */
import type { Job, Queue, Worker, WorkerOptions } from 'bullmq';
import type { CauseLog } from './causes.ts';

/** Small on purpose: the run is in the database. */
export type WakeData = { readonly run: string; readonly tenant: string };
/** Milliseconds until the run is to be woken again; `null`: not again. */
export type SliceResult = number | null;

export type WakeJob = Pick<
  Job<WakeData, SliceResult>,
  'id' | 'data' | 'priority' | 'delay' | 'timestamp' | 'getState' | 'changeDelay' | 'changePriority' | 'promote'
>;
export type BullQueue = Pick<Queue<WakeData, SliceResult>, 'add' | 'close'> & {
  on(event: 'error', listener: (error: Error) => void): unknown;
  getJob(id: string): Promise<WakeJob | undefined>;
  getJobCounts(
    ...types: ('waiting' | 'prioritized' | 'active' | 'delayed' | 'failed')[]
  ): Promise<Record<string, number>>;
};
export type BullWorker = Pick<Worker<WakeData, SliceResult>, 'close' | 'pause' | 'waitUntilReady'> & {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'active', listener: () => void): unknown;
  on(event: 'completed', listener: (job: WakeJob, result: SliceResult) => void): unknown;
};
export type SliceProcessor = (
  job: Pick<Job<WakeData, SliceResult>, 'id' | 'data' | 'priority'>,
) => Promise<SliceResult>;

export type WorkerSettings = Required<
  Pick<
    WorkerOptions,
    | 'concurrency'
    | 'lockDuration'
    | 'stalledInterval'
    | 'maxStalledCount'
    | 'drainDelay'
    | 'runRetryDelay'
    | 'removeOnComplete'
    | 'removeOnFail'
    | 'settings'
  >
>;

export type Engine = {
  readonly causes: CauseLog;
  readonly queue: BullQueue;
  worker(processor: SliceProcessor, settings: WorkerSettings): BullWorker;
  /** Rejects at once when the backend is known to be away. */
  ready(): Promise<void>;
  /** One round trip. */
  ping(): Promise<void>;
  /** True when work can start only once the backend is there, and must not be waited for. */
  readonly startsLater: boolean;
  /** Closes the connections; the queue and the worker are closed already. */
  close(): Promise<void>;
};
