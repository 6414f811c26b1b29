import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TrafficClass } from '../../src/connector/contract.ts';
import { memoryBudgets } from '../../src/extract/budget-store.ts';
import { makeGovernor } from '../../src/extract/governor.ts';
import { makeTestClock } from '../support/clock.ts';

const declared = (limit: number, windowMs: number, name = 'general') => ({ name, limit, windowMs, about: 'test' });

function bench(...budgets: ReturnType<typeof declared>[]) {
  const clock = makeTestClock('2026-11-21T12:00:00Z');
  const end = new AbortController();
  const governor = makeGovernor(budgets, clock, end.signal);
  const start = clock.now().getTime();
  const granted: { name: string; at: number }[] = [];
  const ask = (name: string, trafficClass: TrafficClass = 'poll', cost = 1, budget?: string) =>
    governor
      .permit(cost, trafficClass, budget)
      .then(() => void granted.push({ name, at: clock.now().getTime() - start }));
  return { clock, end, governor, granted, ask };
}

describe('budgets', () => {
  test('never grant more than the limit in any window, and grant everything in the end', async () => {
    const cases = fc.record({
      limit: fc.integer({ min: 2, max: 10 }),
      costs: fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 40 }),
      pauses: fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ limit, costs, pauses }) => {
        const { clock, ask, granted } = bench(declared(limit, 1000));
        costs.forEach((cost, at) => void ask(`${at}:${cost}`, 'poll', cost));
        for (const pause of pauses) await clock.advance(pause);
        for (let turn = 0; turn < 200 && granted.length < costs.length; turn++) await clock.advance(500);
        expect(granted).toHaveLength(costs.length);
        for (const one of granted) {
          const within = granted.filter((other) => other.at >= one.at && other.at < one.at + 1000);
          expect(within.reduce((sum, { name }) => sum + Number(name.split(':')[1]), 0)).toBeLessThanOrEqual(limit);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('serve webhooks before writes before polls before backfills', async () => {
    const { clock, ask, granted } = bench(declared(1, 1000));
    for (const trafficClass of ['poll', 'backfill', 'poll', 'write', 'webhook'] as const)
      void ask(trafficClass, trafficClass);
    await clock.advance(10_000);
    expect(granted.map((one) => one.name)).toEqual(['webhook', 'write', 'poll', 'poll', 'backfill']);
  });

  test('go by the bucket that a vendor tells of, not by the pace declared before', async () => {
    const { clock, ask, granted, governor } = bench(declared(100, 1000));
    governor.observeLimits({ window: 'points', limit: 2000, remaining: 1500, restorePerSecond: 100 });
    for (let number = 0; number < 4; number++) void ask(`q${number}`, 'poll', 500);
    await clock.advance(100);
    expect(granted.map((one) => one.name)).toEqual(['q0', 'q1', 'q2']);
    await clock.advance(5000);
    expect(granted.map((one) => one.name)).toEqual(['q0', 'q1', 'q2', 'q3']);
  });

  test('keep several windows and budgets apart', async () => {
    const { clock, ask, granted } = bench(declared(2, 1000), declared(3, 60_000), declared(1, 1000, 'search'));
    for (let number = 0; number < 4; number++) void ask(`g${number}`);
    void ask('s0', 'poll', 1, 'search');
    await clock.advance(5000);
    expect(granted.map((one) => one.name).sort()).toEqual(['g0', 'g1', 'g2', 's0']);
    await clock.advance(70_000);
    expect(granted).toHaveLength(5);
  });

  test('wait as long as the vendor asks, for everyone', async () => {
    const { clock, governor, ask, granted } = bench();
    governor.observeLimits({ window: '10s', notBefore: new Date(clock.now().getTime() + 5000) });
    void ask('a', 'webhook');
    await clock.advance(4999);
    expect(granted).toEqual([]);
    await clock.advance(1);
    expect(granted).toEqual([{ name: 'a', at: 5000 }]);
  });

  test('let nobody wait for long: who asks is told when to come again', async () => {
    const { clock, governor, ask, granted } = bench();
    const notBefore = new Date(clock.now().getTime() + 600_000);
    governor.observeLimits({ window: '10s', notBefore });
    const asked = [ask('a', 'webhook'), ask('b')].map((one) =>
      expect(one).rejects.toMatchObject({ code: 'ERR_CONNECTOR_LIMITED', notBefore }),
    );
    await clock.advance(0);
    await Promise.all(asked);
    await clock.advance(600_000);
    void ask('again');
    await clock.advance(0);
    expect(granted.map((one) => one.name)).toEqual(['again']);
  });

  test('ask again after an hour what is left of a day: it may begin anew at midnight', async () => {
    const { clock, governor, ask, granted } = bench();
    governor.observeLimits({ window: 'daily', limit: 100, remaining: 0 });
    const late = new Date(clock.now().getTime() + 3_600_000);
    const refused = expect(ask('a')).rejects.toMatchObject({ code: 'ERR_CONNECTOR_LIMITED', notBefore: late });
    await clock.advance(0);
    await refused;
    await clock.advance(3_600_000);
    void ask('b');
    await clock.advance(0);
    expect(granted.map((one) => one.name)).toEqual(['b']);
  });

  test('go on when the clock is set back, or another machine is ahead', async () => {
    const store = memoryBudgets();
    const governorAt = (time: string, owner: string) => {
      const clock = makeTestClock(time);
      const shared = { store, account: 'shop', owner };
      return { clock, governor: makeGovernor([declared(2, 1000)], clock, new AbortController().signal, shared) };
    };
    const ahead = governorAt('2026-11-21T13:00:00Z', 'ahead');
    for (const _ of [1, 2]) void ahead.governor.permit(1, 'poll');
    await ahead.clock.advance(2000);
    const right = governorAt('2026-11-21T12:00:00Z', 'right');
    let granted = 0;
    for (let number = 0; number < 6; number += 1)
      void right.governor.permit(1, 'poll').then(() => {
        granted += 1;
      });
    await right.clock.advance(10_000);
    expect(granted).toBe(6);
    right.governor.observeLimits({ window: '1s', notBefore: new Date(right.clock.now().getTime() + 5000) });
    void right.governor.permit(1, 'poll').then(() => {
      granted += 1;
    });
    await right.clock.advance(4999);
    expect(granted).toBe(6);
    await right.clock.advance(1);
    expect(granted).toBe(7);
  });

  test('believe the vendor about what is left, and a bucket about how fast it fills', async () => {
    const { clock, governor, ask, granted } = bench();
    governor.observeLimits({ window: '10s', limit: 100, remaining: 1 });
    governor.observeLimits({ window: 'points', budget: 'graph', limit: 1000, remaining: 50, restorePerSecond: 50 });
    void ask('one');
    void ask('two');
    void ask('points', 'poll', 100, 'graph');
    await clock.advance(0);
    expect(granted.map((one) => one.name)).toEqual(['one']);
    await clock.advance(20_000);
    expect(granted).toEqual([
      { name: 'one', at: 0 },
      { name: 'points', at: 1000 },
      { name: 'two', at: 10_000 },
    ]);
  });

  test('a cost above the limit waits for a whole window instead of for ever', async () => {
    const { clock, ask, granted } = bench(declared(10, 1000));
    void ask('huge', 'poll', 50);
    void ask('next');
    await clock.advance(3000);
    expect(granted.map((one) => one.name)).toEqual(['huge', 'next']);
  });

  test('refuse everyone who waits when the connection ends', async () => {
    const { end, ask } = bench(declared(1, 1000));
    await ask('first');
    const second = ask('second');
    end.abort(new Error('closed'));
    await expect(second).rejects.toThrow('closed');
    await expect(ask('third')).rejects.toThrow('closed');
  });
});
