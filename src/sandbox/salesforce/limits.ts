/** Calls of the last 24 hours, counted by the hour, and what an org says of them. */
const HOURS = 24;
const HOUR_MS = 3_600_000;
const DAILY_CALLS = 100_000;
const DAILY_BULK_JOBS = 10_000;

export type Limits = {
  /** Counts a call; false: there are none left. */
  spend(): boolean;
  spendBulk(): void;
  readonly used: number;
  readonly most: number;
  /** Body of `/limits`. */
  body(): object;
};

export function makeLimits(now: () => number, speed: number): Limits {
  const most = DAILY_CALLS * speed;
  const hourMs = HOUR_MS / speed;
  const calls = new Map<number, number>();
  let jobs = 0;
  const used = (): number => {
    const oldest = Math.floor(now() / hourMs) - HOURS;
    for (const hour of calls.keys()) if (hour <= oldest) calls.delete(hour);
    return [...calls.values()].reduce((sum, count) => sum + count, 0);
  };
  return {
    most,
    get used() {
      return used();
    },
    spend() {
      if (used() >= most) return false;
      const hour = Math.floor(now() / hourMs);
      calls.set(hour, (calls.get(hour) ?? 0) + 1);
      return true;
    },
    spendBulk: () => {
      jobs += 1;
    },
    body: () => ({
      DailyApiRequests: { Max: most, Remaining: most - used() },
      DailyBulkApiBatches: { Max: most, Remaining: most },
      DailyBulkV2QueryFileStorageMB: { Max: 976_562, Remaining: 976_562 },
      DailyBulkV2QueryJobs: { Max: DAILY_BULK_JOBS * speed, Remaining: DAILY_BULK_JOBS * speed - jobs },
      DataStorageMB: { Max: 5120, Remaining: 5000 },
    }),
  };
}
