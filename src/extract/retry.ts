/** Trying again: one policy for everything that can fail for a while. */
import type { Clock } from '../connector/contract.ts';
import { asTributaryError, type TributaryError } from '../errors.ts';

export type RetryPolicy = {
  /** Tries in all, the first included. */
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
  readonly multiplier: number;
  /** Share of the delay that is left to chance, 0 to 1, so that many do not come back at once. */
  readonly jitter: number;
};

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 3, baseMs: 1000, maxMs: 60_000, multiplier: 2, jitter: 0.2 };

export type RetryOptions = {
  readonly policy?: RetryPolicy;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  readonly random?: () => number;
  /** Told before each wait. */
  readonly onRetry?: (error: TributaryError, attempt: number, waitMs: number) => void;
};

/** How long to wait after so many failed tries (from 1). */
export function delayFor(policy: RetryPolicy, failed: number, random: () => number = Math.random): number {
  const full = Math.min(policy.maxMs, policy.baseMs * policy.multiplier ** (failed - 1));
  return Math.round(full * (1 - policy.jitter * random()));
}

/**
 * Does the work, again when it fails in a way that may pass. A time the server named is kept; when it is further off than the
 * policy's longest wait, the error goes up at once, for the run to come back then.
 * @throws what the last try threw, as a TributaryError
 */
export async function withRetry<T>(work: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy = DEFAULT_RETRY, clock, signal, random = Math.random } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt);
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = asTributaryError(thrown);
      const namedMs = error.notBefore === null ? 0 : error.notBefore.getTime() - clock.now().getTime();
      if (error.retry === 'terminal' || attempt >= policy.maxAttempts || namedMs > policy.maxMs) throw error;
      const waitMs = Math.max(delayFor(policy, attempt, random), namedMs);
      options.onRetry?.(error, attempt, waitMs);
      await clock.sleep(waitMs, signal);
    }
  }
}
