/** One limit of a vendor: so many units in so much time, or a bucket that fills again. */
import type { LimitObservation } from '../connector/contract.ts';

/** Parts a window is counted in; what was spent in a part leaves the window as a whole. */
const PARTS = 20;

export type RateWindow = {
  limit: number;
  readonly windowMs: number;
  /** Spent by number of part, only those that may still count. */
  readonly spent: Map<number, number>;
  /** What the vendor last said was left, and what came since. */
  said: { remaining: number; readonly at: number; readonly restorePerSecond: number } | null;
};

export function makeWindow(limit: number, windowMs: number): RateWindow {
  return { limit, windowMs, spent: new Map(), said: null };
}

export function spend(window: RateWindow, cost: number, now: number): void {
  const part = partAt(window, now);
  window.spent.set(part, (window.spent.get(part) ?? 0) + cost);
  if (window.said !== null) window.said.remaining -= cost;
}

/** The vendor's word is taken over our count; it also knows of calls that others make on the account. */
export function observeWindow(window: RateWindow, seen: LimitObservation, now: number): void {
  if (seen.limit !== undefined) window.limit = seen.limit;
  if (seen.remaining !== undefined)
    window.said = { remaining: seen.remaining, at: now, restorePerSecond: seen.restorePerSecond ?? 0 };
}

/** Milliseconds until `cost` fits in; 0: now. A cost above the limit itself waits for the whole window. */
export function waitFor(window: RateWindow, cost: number, now: number): number {
  const wanted = Math.min(cost, window.limit);
  return Math.max(waitForSaid(window, wanted, now), waitForSpent(window, wanted, now));
}

function waitForSaid(window: RateWindow, wanted: number, now: number): number {
  const { said } = window;
  if (said === null) return 0;
  if (said.restorePerSecond > 0) {
    const left = Math.min(window.limit, said.remaining + ((now - said.at) / 1000) * said.restorePerSecond);
    return left >= wanted ? 0 : Math.ceil(((wanted - left) / said.restorePerSecond) * 1000);
  }
  const endsAt = said.at + window.windowMs;
  if (now >= endsAt) {
    window.said = null;
    return 0;
  }
  return said.remaining >= wanted ? 0 : endsAt - now;
}

function waitForSpent(window: RateWindow, wanted: number, now: number): number {
  // A bucket that fills again says itself what is left.
  if (window.said !== null && window.said.restorePerSecond > 0) return 0;
  const oldest = partAt(window, now) - PARTS;
  let used = 0;
  for (const [part, cost] of window.spent) {
    if (part < oldest) window.spent.delete(part);
    else used += cost;
  }
  for (const [part, cost] of window.spent) {
    if (used + wanted <= window.limit) return 0;
    used -= cost;
    if (used + wanted <= window.limit)
      return Math.max(1, Math.ceil((part + PARTS + 1) * (window.windowMs / PARTS) - now));
  }
  return 0;
}

function partAt(window: RateWindow, now: number): number {
  return Math.floor(now / (window.windowMs / PARTS));
}
