import { describe, expect, it } from 'vitest';
import { classOf, fairOrder } from '../../src/queue/fair.ts';
import { WAKE_CLASSES } from '../../src/queue/types.ts';

const START = Date.parse('2026-11-21T00:00:00Z');

function orderAt() {
  let nowMs = START;
  const order = fairOrder(() => new Date(nowMs));
  return {
    advance: (ms: number) => {
      nowMs += ms;
    },
    charge: order.charge,
    peek: (tenant: string) => order.priority(tenant, 'poll', 0),
    stamp(tenant: string, delayMs = 0) {
      const priority = order.priority(tenant, 'poll', delayMs);
      order.charge(tenant);
      return priority;
    },
  };
}

describe('the order of tenants', () => {
  it('stamps many wakes of one tenant into its future, so that others pass', () => {
    const { stamp } = orderAt();
    const big = Array.from({ length: 50 }, () => stamp('big'));
    const small = Array.from({ length: 3 }, () => stamp('small'));
    expect(big.filter((priority) => priority < (small.at(-1) ?? 0))).toHaveLength(2);
  });

  it('counts the time worked', () => {
    const { charge, peek } = orderAt();
    charge('slow', 30_000);
    charge('quick', 10);
    expect(peek('slow') - peek('quick')).toBe(29);
  });

  it('lets nobody fall further behind than five minutes, nor save up', () => {
    const { advance, charge, peek } = orderAt();
    charge('big', 86_400_000);
    expect(peek('big') - peek('new')).toBe(300);
    advance(300_000);
    expect(peek('big') - peek('new')).toBe(0);
  });

  it('orders a later wake by its due time', () => {
    const { stamp, advance } = orderAt();
    const later = stamp('a', 60_000);
    advance(60_000);
    expect(stamp('b')).toBe(later);
  });

  it('keeps every priority within its class and what BullMQ takes', () => {
    const now = { at: START };
    const order = fairOrder(() => new Date(now.at));
    for (let day = 0; day < 20; day += 1) {
      now.at = START + day * 40_000_000;
      for (const wakeClass of WAKE_CLASSES) {
        const priority = order.priority('a', wakeClass, 0);
        expect(priority).toBeGreaterThanOrEqual(1);
        expect(priority).toBeLessThan(2 ** 21);
        expect(classOf(priority)).toBe(wakeClass);
      }
    }
  });
});
