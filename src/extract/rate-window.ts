/** One limit of a vendor: so many units in so much time, or a bucket that fills again. Plain data, so that processes can share it. */
import type { LimitObservation } from '../connector/contract.ts';

/** Parts a window is counted in; what was spent in a part leaves the window as a whole. */
const PARTS = 20;
/** A call arrives later than it was let go, and one let go after it may be quicker: what was spent counts so much longer. */
const SLACK_SHARE = 0.125;
const MOST_SLACK_MS = 500;
/** Windows up to this long are spent one by one when half of them is gone: others may use the rest of the account. */
const LONGEST_PACED_MS = 10_000;
/** Windows up to this long learn from a refusal. */
const LONGEST_LEARNING_MS = 60_000;
/** What a vendor said is left is believed so long: a day may begin anew at midnight, and goes by the hour where it rolls. */
const LONGEST_BELIEVED_MS = 3_600_000;
/** After a refusal a vendor is taken to bear this share of what it had borne; after some windows a little more is tried in each. */
const BORNE_SHARE = 0.9;
const HOLD_WINDOWS = 5;
const GROWTH_SHARE = 0.05;
/** How long to wait for the answer to somebody else's call before looking again. */
const ANSWER_MS = 50;

export type RateWindow = {
  limit: number;
  windowMs: number;
  /** Units of a window that may go at once; the others go one by one, at an even pace. `null`: all of them. */
  burst: number | null;
  /** Spent by number of part, only those that may still count. */
  spent: Record<string, number>;
  /** When the next may go at an even pace. */
  evenAt: number;
  /** What the vendor last said was left, and what came since. */
  said: { remaining: number; at: number; restorePerSecond: number } | null;
  /** What it bore before it last refused. */
  borne: { units: number; at: number } | null;
  /** Calls in flight at most. */
  concurrency: number | null;
};

/** What is asked of a window. */
export type Asked = {
  readonly cost: number;
  /** Room that is left for others. */
  readonly kept: number;
  /** Calls that were let go and are not answered, and those of others that go first. */
  readonly inFlight: number;
  /** It is told when this call is answered. */
  readonly isCounted: boolean;
};

export function makeWindow(limit: number, windowMs: number, concurrency: number | null = null): RateWindow {
  const burst = windowMs <= LONGEST_PACED_MS ? Math.ceil(limit / 2) : null;
  return { limit, windowMs, burst, spent: {}, evenAt: 0, said: null, borne: null, concurrency };
}

/** Whether it matters how many calls are in flight: they are limited, or may be refused all at once. */
export const countsCalls = (window: RateWindow): boolean =>
  window.concurrency !== null || (window.windowMs <= LONGEST_PACED_MS && !isBucket(window));

/** Milliseconds after a refusal in which nobody sends anything: what was spent has left the window then. */
export const holdOf = (window: RateWindow): number =>
  window.windowMs <= LONGEST_PACED_MS && !isBucket(window) ? window.windowMs : 0;

/** @param at when it is used at the latest */
export function spend(window: RateWindow, cost: number, at: number): void {
  const part = String(partAt(window, at));
  window.spent[part] = (window.spent[part] ?? 0) + cost;
  window.evenAt = at + Math.min(cost, window.limit) * paceOf(window);
  if (window.said !== null) window.said.remaining -= cost;
}

/**
 * The vendor's word is taken over our count; it also knows of calls that others make on the account.
 * @param unanswered calls in flight beside this one, which the vendor may not have counted yet
 */
export function observeWindow(window: RateWindow, seen: LimitObservation, unanswered: number, now: number): void {
  if (seen.limit !== undefined) window.limit = seen.limit;
  if (seen.remaining === undefined) return;
  window.said = { remaining: seen.remaining, at: now, restorePerSecond: seen.restorePerSecond ?? 0 };
  if (holdOf(window) > 0) window.said.remaining -= unanswered;
}

/** The vendor refused a call: its limit is lower than we thought, or others use it too. Several refusals in one window are one. */
export function refuse(window: RateWindow, now: number): void {
  if (window.windowMs > LONGEST_LEARNING_MS || (window.borne && now - window.borne.at < window.windowMs)) return;
  const used = usedIn(window, now);
  if (used > 0) window.borne = { units: Math.max(1, Math.floor(Math.min(used, window.limit) * BORNE_SHARE)), at: now };
}

/** What may be spent in a window now. */
export function limitAt(window: RateWindow, now: number): number {
  const { borne, limit, windowMs } = window;
  if (borne === null) return limit;
  const windows = Math.max(0, Math.floor((now - borne.at) / windowMs) - HOLD_WINDOWS);
  return Math.min(limit, borne.units + Math.ceil(windows * limit * GROWTH_SHARE));
}

/** Units spent in the window that ends now. */
export function usedIn(window: RateWindow, now: number): number {
  const oldest = partAt(window, now - slackOf(window)) - PARTS;
  let used = 0;
  for (const [part, cost] of Object.entries(window.spent)) {
    if (Number(part) < oldest) delete window.spent[part];
    else used += cost;
  }
  return used;
}

/** Milliseconds until it fits in; 0: now. A cost above the limit itself waits for the whole window. */
export function waitFor(window: RateWindow, asked: Asked, now: number): number {
  const limit = limitAt(window, now);
  const wanted = Math.min(asked.cost, limit) + asked.kept;
  // The others go first, and then there is room.
  if (wanted > limit) return Math.ceil(window.windowMs / PARTS);
  return Math.max(
    0,
    waitForPace(window, wanted, asked, now),
    waitForSaid(window, wanted, now),
    waitForAnswers(window, wanted, asked, now),
    waitForSpent(window, wanted, limit, now),
  );
}

function waitForPace(window: RateWindow, wanted: number, { isCounted }: Asked, now: number): number {
  // Calls in flight that nobody counts are kept to by pace.
  const most = [window.burst, isCounted ? null : window.concurrency].filter((one) => one !== null);
  return usedIn(window, now) + wanted > Math.min(...most) ? Math.ceil(window.evenAt - now) : 0;
}

/** A call that may be refused, because others use the account too, goes alone: of several in flight each would be refused. */
function waitForAnswers(window: RateWindow, wanted: number, { isCounted, inFlight }: Asked, now: number): number {
  if (!isCounted || inFlight === 0) return 0;
  const { concurrency, said, borne, burst } = window;
  if (concurrency !== null && inFlight >= concurrency) return ANSWER_MS;
  if (holdOf(window) === 0) return 0;
  if (said !== null) return inFlight + wanted > (said.remaining + inFlight) / 2 ? ANSWER_MS : 0;
  const sure = Math.min(burst ?? window.limit, borne?.units ?? window.limit);
  const mayRefuse = concurrency === null || borne !== null;
  return mayRefuse && usedIn(window, now) + wanted > sure ? ANSWER_MS : 0;
}

function waitForSaid(window: RateWindow, wanted: number, now: number): number {
  const { said } = window;
  if (said === null) return 0;
  if (said.restorePerSecond > 0) {
    const left = Math.min(window.limit, said.remaining + ((now - said.at) / 1000) * said.restorePerSecond);
    return left >= wanted ? 0 : Math.ceil(((wanted - left) / said.restorePerSecond) * 1000);
  }
  const endsAt = said.at + Math.min(window.windowMs, LONGEST_BELIEVED_MS);
  if (now >= endsAt) {
    window.said = null;
    return 0;
  }
  return said.remaining >= wanted ? 0 : endsAt - now;
}

function waitForSpent(window: RateWindow, wanted: number, limit: number, now: number): number {
  // A bucket that fills again says itself what is left.
  if (isBucket(window)) return 0;
  let used = usedIn(window, now);
  for (const part of Object.keys(window.spent)
    .map(Number)
    .sort((a, b) => a - b)) {
    if (used + wanted <= limit) return 0;
    used -= window.spent[String(part)] ?? 0;
    if (used + wanted <= limit) {
      const leavesAt = (part + PARTS + 1) * (window.windowMs / PARTS) + slackOf(window);
      return Math.max(1, Math.ceil(leavesAt - now));
    }
  }
  return 0;
}

export const isBucket = ({ said }: RateWindow): boolean => said !== null && said.restorePerSecond > 0;

/** Milliseconds between two units at an even pace. */
const paceOf = (window: RateWindow): number => (window.limit > 0 ? window.windowMs / window.limit : 0);

const slackOf = (window: RateWindow): number => Math.min(MOST_SLACK_MS, window.windowMs * SLACK_SHARE);

function partAt(window: RateWindow, now: number): number {
  return Math.floor(now / (window.windowMs / PARTS));
}
