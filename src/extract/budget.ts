/**
 * What all processes know of one budget of a vendor account, and who may spend of it next. Pure: the state is read, changed and
 * written back in one step by whoever asks.
 */
import type { BudgetDeclaration, LimitObservation } from '../connector/contract.ts';
import {
  type Asked,
  countsCalls,
  holdOf,
  isBucket,
  limitAt,
  makeWindow,
  observeWindow,
  type RateWindow,
  refuse,
  spend,
  usedIn,
  waitFor,
} from './rate-window.ts';

export type BudgetState = {
  windows: Record<string, RateWindow>;
  /** Nobody sends anything before this time. */
  notBefore: number;
  /** The latest time anybody looked: clocks of several machines differ, and time only goes on. */
  at: number;
  /** Who waits, by owner: one of each, the one that goes first. */
  wants: Record<string, Want>;
  /** When each owner was last served, as a number that only grows. */
  served: Record<string, number>;
  turn: number;
  /** Until when each call in flight counts as such at most, by its name. */
  inFlight: Record<string, number>;
};

type Want = { rank: number; cost: number; since: number; until: number };

/** One call that waits. `rank` 0 goes first. `name`: `landed` will be told when it is answered; `null`: nobody will tell. */
export type Ask = {
  readonly rank: number;
  readonly cost: number;
  readonly since: number;
  readonly name: string | null;
};

export type Admission = {
  /** How many of the asks may go, in their order. */
  readonly granted: number;
  /** Milliseconds until the next may; 0 when all went. */
  readonly waitMs: number;
  /** Whether those that went and have a name count as in flight. */
  readonly isCounted: boolean;
};

/** A call whose end is never told, because its process died, counts as in flight for so long. */
const LEASE_MS = 60_000;
/** Waiting so long makes a call one class more urgent, so that everybody comes to their turn. */
const AGING_MS = 30_000;
/** A want is believed so much longer than its owner means to wait: a dead process keeps nobody back for long. */
const GRACE_MS = 2_000;
/** The longest a waiter goes without looking again. */
export const LOOK_MS = 5_000;
const MOST_OWNERS = 200;
/** A window that a vendor names without saying how long it is. */
const UNNAMED_WINDOW_MS = 60_000;

/** A state as this program wrote it; one of another shape is begun anew. */
export function stateFrom(known: unknown): BudgetState {
  const isState = typeof known === 'object' && known !== null && 'inFlight' in known && 'windows' in known;
  // Written by nobody else; a copy, because a change may be tried again.
  return isState
    ? (structuredClone(known) as BudgetState)
    : { windows: {}, notBefore: 0, at: 0, wants: {}, served: {}, turn: 0, inFlight: {} };
}

/** Brings the declared windows in, as the program that asks has them. */
export function declare(state: BudgetState, declared: readonly BudgetDeclaration[]): void {
  for (const { limit, windowMs, concurrency } of declared) {
    const name = `declared ${windowMs}`;
    const fresh = makeWindow(limit, windowMs, concurrency);
    const known = state.windows[name];
    state.windows[name] = known ? { ...known, limit, burst: fresh.burst, concurrency: fresh.concurrency } : fresh;
  }
}

/** These calls were answered. */
export function landed(state: BudgetState, names: readonly string[]): void {
  for (const name of names) delete state.inFlight[name];
}

/**
 * Takes what a vendor answered. `notBefore` means that it refused a call: nobody goes until the window it came in is over.
 * @param ahead how far `clock` is ahead of the clock that `notBefore` is of
 */
export function observe(state: BudgetState, seen: LimitObservation, clock: number, ahead: number): void {
  const now = Math.max(clock, state.at);
  if (seen.notBefore !== undefined) {
    const windows = Object.values(state.windows);
    state.notBefore = Math.max(
      state.notBefore,
      seen.notBefore.getTime() + ahead,
      ...windows.map((window) => now + holdOf(window)),
    );
    for (const window of windows) refuse(window, now);
  }
  if (seen.limit === undefined && seen.remaining === undefined) return;
  const window =
    state.windows[seen.window] ??
    ({
      ...makeWindow(seen.limit ?? Number.MAX_SAFE_INTEGER, windowMsOf(seen.window)),
      burst: null,
    } satisfies RateWindow);
  state.windows[seen.window] = window;
  observeWindow(window, seen, Math.max(0, Object.keys(state.inFlight).length - 1), now);
}

/**
 * Lets go who may, in order of class and, within one, of who was served longest ago; keeps room for others who go first.
 * @param asks of one owner, the most urgent first
 */
export function admit(state: BudgetState, owner: string, asks: readonly Ask[], clock: number): Admission {
  const now = Math.max(clock, state.at);
  state.at = now;
  delete state.wants[owner];
  for (const [other, want] of Object.entries(state.wants)) if (want.until < now) delete state.wants[other];
  for (const [name, until] of Object.entries(state.inFlight)) if (until < now) delete state.inFlight[name];
  const isCounted = inForce(state).some(countsCalls);
  const others = new Map(Object.entries(state.wants));
  let kept = 0;
  let before = 0;
  let granted = 0;
  let waitMs = 0;
  for (const ask of asks) {
    for (const [other, want] of others)
      if (goesFirst(state, { owner: other, ...want }, { owner, ...ask }, now)) {
        kept += want.cost;
        before += 1;
        others.delete(other);
      }
    const inFlight = Object.keys(state.inFlight).length + before;
    waitMs = waitOf(state, { cost: ask.cost, kept, inFlight, isCounted: ask.name !== null }, now);
    if (waitMs > 0) {
      const until = now + Math.min(waitMs, LOOK_MS) + GRACE_MS;
      state.wants[owner] = { rank: ask.rank, cost: ask.cost, since: ask.since, until };
      return { granted, waitMs, isCounted };
    }
    take(state, owner, ask.cost, now);
    if (isCounted && ask.name !== null) state.inFlight[ask.name] = now + LEASE_MS;
    granted += 1;
  }
  return { granted, waitMs: 0, isCounted };
}

/** What people are shown of a budget. */
export type BudgetFacts = {
  readonly windows: readonly {
    readonly name: string;
    readonly limit: number;
    /** What is spent of it at most for now, after the vendor refused something. */
    readonly kept: number;
    readonly used: number;
    /** What the vendor last said was left. */
    readonly remaining: number | null;
  }[];
  readonly notBefore: Date | null;
  readonly waiting: number;
  readonly inFlight: number;
};

export function factsOf(state: BudgetState, clock: number): BudgetFacts {
  const now = Math.max(clock, state.at);
  return {
    windows: Object.entries(state.windows).map(([name, window]) => ({
      name,
      limit: window.limit,
      kept: limitAt(window, now),
      used: usedIn(window, now),
      remaining: window.said === null ? null : Math.floor(window.said.remaining),
    })),
    notBefore: state.notBefore > now ? new Date(state.notBefore - now + clock) : null,
    waiting: Object.values(state.wants).filter((want) => want.until >= now).length,
    inFlight: Object.values(state.inFlight).filter((until) => until >= now).length,
  };
}

type Contender = { readonly owner: string; readonly rank: number; readonly since: number };

/** The class of a call, less what it waited: 0 goes first. */
export const urgency = ({ rank, since }: { readonly rank: number; readonly since: number }, now: number): number =>
  Math.max(0, rank - Math.floor((now - since) / AGING_MS));

function goesFirst(state: BudgetState, one: Contender, two: Contender, now: number): boolean {
  const turn = (of: Contender) => state.served[of.owner] ?? 0;
  const ahead = urgency(one, now) - urgency(two, now);
  return ahead < 0 || (ahead === 0 && turn(one) < turn(two));
}

/** What counts: a bucket of which the vendor tells how it fills is the limit itself, and what was declared only stood in for it. */
function inForce(state: BudgetState): readonly RateWindow[] {
  const all = Object.entries(state.windows);
  const hasBucket = all.some(([, window]) => isBucket(window));
  return all.flatMap(([name, window]) => (hasBucket && name.startsWith('declared ') ? [] : [window]));
}

function waitOf(state: BudgetState, asked: Asked, now: number): number {
  const waits = inForce(state).map((window) => waitFor(window, asked, now));
  return Math.max(0, state.notBefore - now, ...waits);
}

function take(state: BudgetState, owner: string, cost: number, now: number): void {
  for (const window of Object.values(state.windows)) spend(window, cost, now);
  state.turn += 1;
  state.served[owner] = state.turn;
  const owners = Object.entries(state.served);
  if (owners.length <= MOST_OWNERS) return;
  owners.sort(([, a], [, b]) => a - b);
  for (const [old] of owners.slice(0, owners.length - MOST_OWNERS)) delete state.served[old];
}

/** `10s`, `1m`, `2h`, `daily` … in milliseconds. */
function windowMsOf(name: string): number {
  const words: Readonly<Record<string, number>> = {
    secondly: 1000,
    minutely: 60_000,
    hourly: 3_600_000,
    daily: 86_400_000,
  };
  const named = Object.hasOwn(words, name) ? words[name] : undefined;
  if (named !== undefined) return named;
  const found = /^(\d+)\s*(ms|s|m|h|d)$/.exec(name);
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return found === null ? UNNAMED_WINDOW_MS : Number(found[1]) * (units[found[2] ?? ''] ?? 1);
}
