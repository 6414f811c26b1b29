/**
 * The order of waiting wakes: class first, then tenants in turn.
 *
 * A virtual clock per tenant (Zhang 1990): each wake and each second of work moves its tenant's clock one tick on, a
 * wake is stamped with it, and the lowest stamp goes first. A tenant with 500 wakes is stamped 500 ticks into the
 * future, so one with 3 passes it. The clock never falls behind real time, and is never more than `MAX_AHEAD_TICKS` ahead
 * of it, so no wake waits behind later ones of others for longer than that.
 *
 * Each process stamps what it adds; nothing is shared. A stamp repeats after eight days: a wake that waited across that
 * point gets a new one when the sweep wakes its run again.
 */
import { WAKE_CLASSES, type WakeClass } from './types.ts';

// BullMQ: 1 goes first, 2^21 - 1 last; 0 would go before all.
const STAMPS = Math.floor((2 ** 21 - 2) / WAKE_CLASSES.length);
const TICK_MS = 1000;
const MAX_AHEAD_TICKS = 300;
const MAX_TENANTS = 10_000;

export type FairOrder = {
  /** The BullMQ priority of a wake due in `delayMs`; lower goes first. */
  priority(tenant: string, wakeClass: WakeClass, delayMs: number): number;
  /** Moves the tenant's clock on: one tick for a wake, more for work done. */
  charge(tenant: string, workMs?: number): void;
};

export function fairOrder(now: () => Date): FairOrder {
  const clocks = new Map<string, number>();
  const tickNow = () => Math.floor(now().getTime() / TICK_MS);
  const clockOf = (tenant: string) => {
    const tick = tickNow();
    return Math.max(clocks.get(tenant) ?? tick, tick);
  };
  return {
    priority(tenant, wakeClass, delayMs) {
      const stamp = Math.max(clockOf(tenant), Math.floor((now().getTime() + delayMs) / TICK_MS));
      return WAKE_CLASSES.indexOf(wakeClass) * STAMPS + (stamp % STAMPS) + 1;
    },
    charge(tenant, workMs = TICK_MS) {
      if (clocks.size >= MAX_TENANTS) forgetPast(clocks, tickNow());
      clocks.set(tenant, Math.min(clockOf(tenant) + Math.ceil(workMs / TICK_MS), tickNow() + MAX_AHEAD_TICKS));
    },
  };
}

/** A clock that is not ahead of real time says nothing. */
function forgetPast(clocks: Map<string, number>, tick: number): void {
  for (const [tenant, stamp] of clocks) if (stamp <= tick) clocks.delete(tenant);
}

/** The class a priority was made for. */
export function classOf(priority: number): WakeClass {
  return WAKE_CLASSES[Math.floor((priority - 1) / STAMPS)] ?? 'backfill';
}
