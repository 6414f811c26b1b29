/**
 * The budget of one connection's calls: who may call the vendor now, and who waits. Connections of one vendor account share it,
 * in whatever process they are.
 */
import type { BudgetDeclaration, Clock, LimitObservation, TrafficClass } from '../connector/contract.ts';
import { AHEAD_MS, admit, declare, LOOK_MS, observe, stateFrom, urgency } from './budget.ts';
import { type BudgetStore, memoryBudgets } from './budget-store.ts';

const ORDER: readonly TrafficClass[] = ['webhook', 'write', 'poll', 'backfill'];
const GENERAL = 'general';
/** Calls asked for in one look. */
const MOST_ASKS = 100;

export type Governor = {
  /** @param signal ends the wait, and nothing is spent */
  permit(cost: number, trafficClass: TrafficClass, budget?: string, signal?: AbortSignal): Promise<void>;
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
  grant(): void;
  refuse(reason: unknown): void;
};
type Budget = {
  readonly name: string;
  readonly waiting: Waiter[];
  readonly seen: LimitObservation[];
  /** Units that were taken ahead. */
  ahead: { units: number; until: number };
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
      ...{ name, waiting: [], seen: [], ahead: { units: 0, until: 0 }, alarm: null, isServing: false, isNew: false },
    };
    budgets.set(name, made);
    return made;
  };
  const nowMs = () => clock.now().getTime();

  const serveAhead = (budget: Budget): void => {
    for (let [first] = budget.waiting; first && first.cost <= budget.ahead.units; [first] = budget.waiting) {
      if (nowMs() > budget.ahead.until) return;
      budget.ahead.units -= first.cost;
      budget.waiting.shift();
      first.grant();
    }
  };
  /** One look at the shared state: tells what was seen, and asks for those who wait. Gives how long to wait before the next. */
  const look = async (budget: Budget): Promise<number> => {
    const seen = budget.seen.splice(0);
    budget.isNew = false;
    const asks = byUrgency(budget.waiting, nowMs()).slice(0, MOST_ASKS);
    const { granted, waitMs, ahead } = await shared.store.update(`${shared.account}/${budget.name}`, (known) => {
      const state = stateFrom(known);
      const now = nowMs();
      declare(
        state,
        declared.filter((one) => one.name === budget.name),
      );
      for (const one of seen) observe(state, one, now);
      return { state, result: admit(state, shared.owner, asks, now) };
    });
    if (ahead > 0) budget.ahead = { units: ahead, until: nowMs() + AHEAD_MS };
    for (const waiter of asks.slice(0, granted)) {
      const at = budget.waiting.indexOf(waiter);
      // Refused meanwhile: what was taken for it is lost.
      if (at < 0) continue;
      budget.waiting.splice(at, 1);
      waiter.grant();
    }
    return waitMs;
  };
  const serve = async (budget: Budget): Promise<void> => {
    budget.isServing = true;
    try {
      serveAhead(budget);
      while (budget.waiting.length > 0 || budget.seen.length > 0) {
        const waitMs = await look(budget);
        serveAhead(budget);
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
    permit(cost, trafficClass, name = GENERAL, ownSignal) {
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
        const waiter: Waiter = {
          ...{ cost, rank, since: nowMs() },
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
      if (seen.notBefore) budget.ahead.units = 0;
      budget.seen.push(seen);
      wake(budget);
    },
  };
}

const byUrgency = (waiting: readonly Waiter[], now: number): Waiter[] =>
  waiting.toSorted((one, two) => urgency(one, now) - urgency(two, now) || one.since - two.since);
