/** The budget of one connection's calls, within this process: who may call the vendor now, and who waits. */
import type { BudgetDeclaration, Clock, LimitObservation, TrafficClass } from '../connector/contract.ts';
import { makeWindow, observeWindow, type RateWindow, spend, waitFor } from './rate-window.ts';

const ORDER: readonly TrafficClass[] = ['webhook', 'write', 'poll', 'backfill'];
const GENERAL = 'general';
/** A window that a vendor names without saying how long it is. */
const UNNAMED_WINDOW_MS = 60_000;

export type Governor = {
  permit(cost: number, trafficClass: TrafficClass, budget?: string): Promise<void>;
  observeLimits(observation: LimitObservation): void;
};

type Waiter = { readonly cost: number; readonly rank: number; grant(): void; refuse(reason: unknown): void };
type Budget = {
  readonly windows: Map<string, RateWindow>;
  notBefore: number;
  readonly waiting: Waiter[];
  alarm: AbortController | null;
};

/** Ends with the signal: everyone who waits is refused with its reason. */
export function makeGovernor(declared: readonly BudgetDeclaration[], clock: Clock, signal: AbortSignal): Governor {
  const budgets = new Map<string, Budget>();
  const budgetOf = (name: string) => {
    const budget = budgets.get(name) ?? { windows: new Map(), notBefore: 0, waiting: [], alarm: null };
    budgets.set(name, budget);
    return budget;
  };
  for (const { name, limit, windowMs } of declared)
    budgetOf(name).windows.set(`declared ${windowMs}`, makeWindow(limit, windowMs));

  const serve = (budget: Budget) => {
    budget.alarm?.abort();
    budget.alarm = null;
    for (;;) {
      const [first] = budget.waiting;
      if (first === undefined) return;
      const now = clock.now().getTime();
      const waits = [...budget.windows.values()].map((window) => waitFor(window, first.cost, now));
      const waitMs = Math.max(0, budget.notBefore - now, ...waits);
      if (waitMs > 0) return serveLater(budget, waitMs);
      budget.waiting.shift();
      for (const window of budget.windows.values()) spend(window, first.cost, now);
      first.grant();
    }
  };
  const serveLater = (budget: Budget, waitMs: number) => {
    const alarm = new AbortController();
    budget.alarm = alarm;
    clock.sleep(waitMs, alarm.signal).then(
      () => serve(budget),
      () => {}, // Somebody more urgent came, or the vendor said something new: served anew.
    );
  };
  signal.addEventListener(
    'abort',
    () => {
      for (const budget of budgets.values()) {
        budget.alarm?.abort();
        for (const waiter of budget.waiting.splice(0)) waiter.refuse(signal.reason);
      }
    },
    { once: true },
  );

  return {
    permit(cost, trafficClass, name = GENERAL) {
      return new Promise<void>((grant, refuse) => {
        if (signal.aborted) return refuse(signal.reason);
        const budget = budgetOf(name);
        const rank = ORDER.indexOf(trafficClass);
        const behind = budget.waiting.findIndex((waiter) => waiter.rank > rank);
        budget.waiting.splice(behind < 0 ? budget.waiting.length : behind, 0, { cost, rank, grant, refuse });
        serve(budget);
      });
    },
    observeLimits(seen) {
      const budget = budgetOf(seen.budget ?? GENERAL);
      const now = clock.now().getTime();
      if (seen.notBefore !== undefined) budget.notBefore = Math.max(budget.notBefore, seen.notBefore.getTime());
      if (seen.limit !== undefined || seen.remaining !== undefined) {
        const fresh = () => makeWindow(seen.limit ?? Number.POSITIVE_INFINITY, windowMsOf(seen.window));
        const window = budget.windows.get(seen.window) ?? fresh();
        budget.windows.set(seen.window, window);
        observeWindow(window, seen, now);
      }
      serve(budget);
    },
  };
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
