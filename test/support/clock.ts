/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/connector/contract.ts';

type Sleeper = { readonly until: number; wake(): void };

export type TestClock = Clock & {
  /** Moves time on and wakes who has slept long enough, in order. */
  advance(ms: number): Promise<void>;
  /** How many are asleep. */
  sleeping(): number;
};

/** @param options.isAuto sleeping moves time on by itself, so that nothing ever waits. */
export function makeTestClock(
  start: string | Date = '2026-11-21T12:00:00Z',
  options: { isAuto?: boolean } = {},
): TestClock {
  let now = new Date(start).getTime();
  const sleepers: Sleeper[] = [];
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (options.isAuto === true) {
        now += ms;
        return resolve();
      }
      const sleeper = { until: now + ms, wake: resolve };
      sleepers.push(sleeper);
      signal?.addEventListener(
        'abort',
        () => {
          const at = sleepers.indexOf(sleeper);
          if (at >= 0) sleepers.splice(at, 1);
          reject(signal.reason);
        },
        { once: true },
      );
    });
  return {
    now: () => new Date(now),
    sleep,
    sleeping: () => sleepers.length,
    async advance(ms) {
      await turn(); // What is under way now happens at the time it is now.
      const end = now + ms;
      for (;;) {
        sleepers.sort((one, two) => one.until - two.until);
        const [next] = sleepers;
        if (next === undefined || next.until > end) break;
        now = Math.max(now, next.until);
        sleepers.shift();
        next.wake();
        await turn();
      }
      now = end;
      await turn();
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
