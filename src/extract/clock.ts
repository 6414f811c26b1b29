/** The machine's clock. Nothing else may ask for the time or wait. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Clock } from '../connector/contract.ts';

const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => new Date(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    try {
      for (let left = ms; left > 0; left -= LONGEST_TIMER_MS)
        await wait(Math.min(left, LONGEST_TIMER_MS), undefined, signal && { signal });
    } catch (thrown) {
      signal?.throwIfAborted(); // The signal's own reason, not the timer's AbortError.
      throw thrown;
    }
  },
};
