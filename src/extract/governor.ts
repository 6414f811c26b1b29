/**
 * The budget of one connection's calls: who may call the vendor now, and who waits. Connections of one vendor account share it,
 * in whatever process they are.
 */
import type { BudgetDeclaration, Clock, LimitObservation, TrafficClass } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { admit, declare, LOOK_MS, landed, observe, stateFrom, urgency } from './budget.ts';
import { type BudgetStore, memoryBudgets } from './budget-store.ts';

const ORDER: readonly TrafficClass[] = ['webhook', 'write', 'poll', 'backfill'];
const GENERAL = 'general';
/** Calls asked for in one look. */
const MOST_ASKS = 100;
/** Nobody waits longer: they are told when to come again, and their worker does something else until then. */
const LONGEST_WAIT_MS = 90_000;

export type Governor = {
  /**
   * @param over ends when the call was answered; until then it counts as in flight
   * @param signal ends the wait, and nothing is spent
   * @throws ERR_CONNECTOR_LIMITED with the time to come again, where that is not soon
   */
  permit(
    cost: number,
    trafficClass: TrafficClass,
    budget?: string,
    over?: AbortSignal,
    signal?: AbortSignal,
  ): Promise<void>;
  observeLimits(observation: LimitObservation): void;
};

/** Whose budget it is and where it is kept. */
export type Shared = {
  readonly store: BudgetStore;
  /** The vendor account, such as `hubspot:12345`. */
  readonly account: string;
  /** Who asks, unlike anybody else: process, tenant and connection. */
  readonly owner: string;
};

type Waiter = {
  readonly cost: number;
  readonly rank: number;
  readonly since: number;
  readonly name: string | null;
  readonly over: AbortSignal | undefined;
  grant(): void;
  refuse(reason: unknown): void;
};
type Budget = {
  readonly name: string;
  readonly waiting: Waiter[];
  /** What was seen and which calls were answered, not told yet. */
  readonly seen: LimitObservation[];
  readonly landed: string[];
  alarm: AbortController | null;
  isServing: boolean;
  /** Somebody came, or something was seen, since the last look. */
  isNew: boolean;
};

/** Ends with the signal: everyone who waits is refused with its reason. */
export function makeGovernor(
  declared: readonly BudgetDeclaration[],
  clock: Clock,
  signal: AbortSignal,
  shared: Shared = { store: memoryBudgets(), account: '', owner: '' },
): Governor {
  const budgets = new Map<string, Budget>();
  const budgetOf = (name: string): Budget => {
    const made: Budget = budgets.get(name) ?? {
      ...{ name, waiting: [], seen: [], landed: [], alarm: null, isServing: false, isNew: false },
    };
    budgets.set(name, made);
    return made;
  };
  /** How far the state is ahead of this clock, which was set back or is another machine's: time goes on from there. */
  let ahead = 0;
  const nowMs = () => clock.now().getTime() + ahead;
  let calls = 0;

  const tellEnd = (budget: Budget, { name, over }: Waiter, isSent: boolean): void => {
    if (name === null) return;
    const tell = () => {
      budget.landed.push(name);
      wake(budget);
    };
    if (isSent && !over?.aborted) over?.addEventListener('abort', tell, { once: true });
    else tell();
  };
  /** One look at the shared state: tells what was seen, and asks for those who wait. Gives how long to wait before the next. */
  const look = async (budget: Budget): Promise<number> => {
    const [seen, over] = [budget.seen.splice(0), budget.landed.splice(0)];
    budget.isNew = false;
    const asks = byUrgency(budget.waiting, nowMs()).slice(0, MOST_ASKS);
    const { granted, waitMs, isCounted } = await shared.store.update(`${shared.account}/${budget.name}`, (known) => {
      const state = stateFrom(known);
      ahead += Math.max(0, state.at - nowMs());
      const now = nowMs();
      declare(
        state,
        declared.filter((one) => one.name === budget.name),
      );
      for (const one of seen) observe(state, one, now, ahead);
      landed(state, over);
      return { state, result: admit(state, shared.owner, asks, now) };
    });
    for (const waiter of asks.slice(0, granted)) {
      const at = budget.waiting.indexOf(waiter);
      if (isCounted) tellEnd(budget, waiter, at >= 0);
      // Refused meanwhile: what was taken for it is lost.
      if (at < 0) continue;
      budget.waiting.splice(at, 1);
      waiter.grant();
    }
    return waitMs;
  };
  const sendAway = (budget: Budget, waitMs: number): void => {
    const notBefore = new Date(clock.now().getTime() + waitMs);
    const limited = new TributaryError('ERR_CONNECTOR_LIMITED', 'What the vendor allows is used up.', { notBefore });
    for (const waiter of budget.waiting.splice(0)) waiter.refuse(limited);
  };
  const serve = async (budget: Budget): Promise<void> => {
    budget.isServing = true;
    try {
      await null; // An answer tells of several windows, and is over: one look for all of it.
      while (budget.waiting.length + budget.seen.length + budget.landed.length > 0) {
        const waitMs = await look(budget);
        if (waitMs > LONGEST_WAIT_MS) sendAway(budget, waitMs);
        if (waitMs === 0 || budget.waiting.length === 0 || budget.isNew) continue;
        budget.alarm = new AbortController();
        await clock.sleep(Math.min(waitMs, LOOK_MS), budget.alarm.signal).catch(() => undefined); // Somebody came, or the vendor said something.
        budget.alarm = null;
      }
    } catch (thrown) {
      // The place of the state is away: each call fails, and its run is tried again.
      for (const waiter of budget.waiting.splice(0)) waiter.refuse(thrown);
    } finally {
      budget.isServing = false;
    }
  };
  const wake = (budget: Budget): void => {
    budget.isNew = true;
    budget.alarm?.abort();
    if (!budget.isServing) void serve(budget);
  };
  signal.addEventListener(
    'abort',
    () => {
      for (const budget of budgets.values()) {
        for (const waiter of budget.waiting.splice(0)) waiter.refuse(signal.reason);
        budget.alarm?.abort();
      }
    },
    { once: true },
  );

  return {
    permit(cost, trafficClass, name = GENERAL, over = undefined, ownSignal = undefined) {
      const budget = budgetOf(name);
      return new Promise<void>((grant, refuse) => {
        for (const end of [signal, ownSignal]) if (end?.aborted) return refuse(end.reason);
        const rank = ORDER.indexOf(trafficClass);
        const leave = () => {
          const at = budget.waiting.indexOf(waiter);
          if (at >= 0) budget.waiting.splice(at, 1);
          refuse(ownSignal?.reason);
        };
        const settled = () => ownSignal?.removeEventListener('abort', leave);
        calls += 1;
        const waiter: Waiter = {
          ...{ cost, rank, since: nowMs(), over, name: over ? `${shared.owner}#${calls}` : null },
          grant: () => {
            settled();
            grant();
          },
          refuse: (reason) => {
            settled();
            refuse(reason);
          },
        };
        ownSignal?.addEventListener('abort', leave, { once: true });
        const behind = budget.waiting.findIndex((other) => other.rank > rank);
        budget.waiting.splice(behind < 0 ? budget.waiting.length : behind, 0, waiter);
        // One who is behind others has nothing new to ask for.
        if (budget.waiting[0] === waiter || !budget.isServing) wake(budget);
      });
    },
    observeLimits(seen) {
      const budget = budgetOf(seen.budget ?? GENERAL);
      budget.seen.push(seen);
      wake(budget);
    },
  };
}

const byUrgency = (waiting: readonly Waiter[], now: number): Waiter[] =>
  waiting.toSorted((one, two) => urgency(one, now) - urgency(two, now) || one.since - two.since);
