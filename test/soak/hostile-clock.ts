/** A clock for soaks: whoever waits moves time on at once, but for those who wait longer than any vendor asks for. */
import type { Clock } from '../../src/connector/contract.ts';

/** Heartbeats of leases wait this long or longer, and sleep until time has come that far by itself. */
const PARKED_MS = 60 * 60_000;

export type SoakClock = Clock & { advance(ms: number): Promise<void> };

type Sleeper = { readonly until: number; wake(): void };

export function soakClock(start: Date): SoakClock {
  let now = start.getTime();
  const parked = new Set<Sleeper>();
  const advance = async (ms: number): Promise<void> => {
    now += ms;
    for (const sleeper of [...parked]) {
      if (sleeper.until > now) continue;
      parked.delete(sleeper);
      sleeper.wake();
    }
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return {
    now: () => new Date(now),
    advance,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.reject(signal.reason);
      if (ms < PARKED_MS) return advance(Math.max(0, ms));
      return new Promise((resolve, reject) => {
        const sleeper = { until: now + ms, wake: resolve };
        parked.add(sleeper);
        signal?.addEventListener(
          'abort',
          () => {
            parked.delete(sleeper);
            reject(signal.reason);
          },
          { once: true },
        );
      });
    },
  };
}
