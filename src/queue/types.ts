/** What the queue room gives and takes. */
import type { Clock, Log } from '../connector/contract.ts';

/** Says that one run has something to do. The run itself is a row in the database; a wake may be lost or come twice. */
export type Wake = {
  /** Public id or decimal string. */
  readonly run: string;
  readonly tenant: string;
};

/** Who goes first: in this order. */
export const WAKE_CLASSES = ['webhook', 'poll', 'backfill'] as const;
export type WakeClass = (typeof WAKE_CLASSES)[number];

export type WakeOptions = {
  /** @defaultValue poll */
  readonly class?: WakeClass;
  /** @defaultValue 0 */
  readonly delayMs?: number;
};

/** Runs one slice and says when to wake the run again; `null`: no more. The signal ends the slice at `close()`. */
export type SliceHandler = (wake: Wake, signal: AbortSignal) => Promise<{ readonly againInMs: number } | null>;

export type WakeCounts = {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
};

export type WakeQueue = {
  /**
   * Adds one wake for the run, or keeps the one that waits already: the earlier due time and the better class stand.
   * A wake for a run that is being worked on makes it run once more right after.
   * @throws ERR_QUEUE_UNAVAILABLE when the backend does not answer; ERR_INTERNAL inside a store transaction on PGlite.
   */
  wake(wake: Wake, options?: WakeOptions): Promise<void>;
  /** Starts this process's worker; resolves when it takes wakes (at once where Redis is away: it starts when Redis is back). */
  work(handler: SliceHandler, options: { readonly concurrency: number }): Promise<void>;
  counts(): Promise<WakeCounts>;
  /** @throws ERR_QUEUE_UNAVAILABLE */
  ping(): Promise<void>;
  /** Takes no more wakes, aborts the slices' signal, waits for them (bounded), then closes the connections. */
  close(): Promise<void>;
};

/** The part of PGlite that the queue needs. */
export type PgliteLike = {
  readonly waitReady: Promise<void>;
  query<Row>(text: string, params?: unknown[]): Promise<PgliteResult<Row>>;
  /** Replaced at `openQueue` by one that marks its callback, so that a queue call in it can be refused. */
  transaction<T>(work: (tx: PgliteTransaction) => Promise<T>): Promise<T>;
  listen(channel: string, listener: (payload: string) => void): Promise<() => Promise<void>>;
};
export type PgliteResult<Row> = { rows: Row[]; affectedRows?: number };
export type PgliteTransaction = {
  query<Row>(text: string, params?: unknown[]): Promise<PgliteResult<Row>>;
  exec(text: string): Promise<unknown>;
};

export type QueueBackend =
  | { readonly kind: 'pglite'; readonly pglite: PgliteLike }
  | { readonly kind: 'postgres'; readonly url: string }
  /** Several addresses with commas between them: the nodes of a cluster. */
  | { readonly kind: 'redis'; readonly url: string };

/** Times that decide how soon a crash is noticed and how much an idle worker costs. */
export type QueueTuning = {
  /** How long a slice stays taken without a sign of life. */
  readonly lockMs: number;
  /** How often slices without a sign of life are looked for. */
  readonly stalledMs: number;
  /** How long an idle worker waits before it looks again unasked. */
  readonly drainMs: number;
  /** How long `close()` waits for slices. */
  readonly closeMs: number;
  /** How long a call waits for the backend. */
  readonly answerMs: number;
  /** Pause before a slice that failed is tried again; doubles up to a minute. */
  readonly retryMs: number;
};

export type QueueOptions = {
  readonly log: Log;
  /** Only orders tenants; due times are the machine's. */
  readonly clock?: Pick<Clock, 'now'>;
  /** Keeps several queues apart in one backend. @defaultValue tributary */
  readonly prefix?: string;
  readonly tuning?: Partial<QueueTuning>;
};
