import type { Clock } from '../connector/contract.ts';

/** Where a caller stands after a request. */
export type Allowance = {
  readonly isAllowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Unix seconds at which everything is free again. */
  readonly resetAt: number;
  /** Seconds until one more request passes. */
  readonly retryAfter: number;
};

export type Limiter = { take(name: string): Allowance };

type Window = { start: number; count: number; before: number };

/** Names remembered at most before idle ones are forgotten. */
const NAMES_KEPT = 10_000;

/**
 * Counts requests by name over a sliding window: the current one plus the share of the one before that still counts.
 * Of this process only.
 */
export function createLimiter({
  limit,
  windowMs,
  clock,
}: {
  readonly limit: number;
  readonly windowMs: number;
  readonly clock: Clock;
}): Limiter {
  const windows = new Map<string, Window>();
  return {
    take(name) {
      const now = clock.now().getTime();
      const start = now - (now % windowMs);
      if (windows.size > NAMES_KEPT)
        for (const [other, window] of windows) if (window.start < start - windowMs) windows.delete(other);
      const window = moved(windows.get(name), start, windowMs);
      windows.set(name, window);
      const left = 1 - (now - start) / windowMs;
      const used = window.count + Math.floor(window.before * left);
      const isAllowed = used < limit;
      if (isAllowed) window.count += 1;
      return {
        isAllowed,
        limit,
        remaining: Math.max(0, limit - used - 1),
        resetAt: Math.ceil((start + windowMs) / 1000),
        retryAfter: Math.max(
          1,
          Math.ceil((window.count >= limit ? start + windowMs - now : windowMs / Math.max(1, window.before)) / 1000),
        ),
      };
    },
  };
}

function moved(window: Window | undefined, start: number, windowMs: number): Window {
  if (window?.start === start) return window;
  return { start, count: 0, before: window?.start === start - windowMs ? window.count : 0 };
}
