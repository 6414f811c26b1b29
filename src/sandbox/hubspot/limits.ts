/** Limits of an account: calls in ten seconds and a day, searches in a second. */
import type { SystemAnswer } from '../server.ts';
import { limited } from './errors.ts';

/** What a Professional account has; https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines */
export type Plan = { readonly perTenSeconds: number; readonly perDay: number; readonly searchesPerSecond: number };
export const PROFESSIONAL: Plan = { perTenSeconds: 190, perDay: 650_000, searchesPerSecond: 5 };

const TEN_SECONDS_MS = 10_000;
const DAY_MS = 86_400_000;

export type Limits = {
  /** `null`: the call may be answered. Searches are counted apart from the ten seconds. */
  spend(isSearch: boolean): SystemAnswer | null;
  /** Told with every answer but those of searches. */
  headers(): Record<string, string>;
};

/** @param speed limits are multiplied by it */
export function makeLimits(now: () => number, speed: number, plan: Plan): Limits {
  const perTenSeconds = plan.perTenSeconds * speed;
  const perDay = plan.perDay * speed;
  const calls: number[] = [];
  const searches: number[] = [];
  let day = 0;
  let today = 0;
  const rolling = (list: number[], windowMs: number): number => {
    while (list[0] !== undefined && list[0] <= now() - windowMs) list.shift();
    return list.length;
  };
  return {
    spend(isSearch) {
      const date = Math.floor(now() / DAY_MS);
      if (date !== day) [day, today] = [date, 0];
      if (today >= perDay) return limited('DAILY');
      if (isSearch && rolling(searches, 1000) >= plan.searchesPerSecond * speed) return limited('SECONDLY');
      if (!isSearch && rolling(calls, TEN_SECONDS_MS) >= perTenSeconds) return limited('TEN_SECONDLY_ROLLING');
      (isSearch ? searches : calls).push(now());
      today += 1;
      return null;
    },
    headers: () => ({
      'x-hubspot-ratelimit-daily': String(perDay),
      'x-hubspot-ratelimit-daily-remaining': String(perDay - today),
      'x-hubspot-ratelimit-interval-milliseconds': String(TEN_SECONDS_MS),
      'x-hubspot-ratelimit-max': String(perTenSeconds),
      'x-hubspot-ratelimit-remaining': String(perTenSeconds - rolling(calls, TEN_SECONDS_MS)),
    }),
  };
}
