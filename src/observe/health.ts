import type { Clock } from '../connector/contract.ts';

/** Looks at one thing the program needs; `null`: it is there, else what is missing in words for a person. */
export type Check = (signal: AbortSignal) => Promise<string | null>;

export type Missing = { readonly name: string; readonly message: string };
export type Readiness = { readonly ready: boolean; readonly missing: readonly Missing[] };

/** Longest a check may take. */
const CHECK_MS = 3000;

/** Runs all checks at once, each for a bounded time. A check that throws or does not answer counts as missing. */
export async function readiness(
  checks: Readonly<Record<string, Check>>,
  clock: Clock,
  timeoutMs = CHECK_MS,
): Promise<Readiness> {
  const found = await Promise.all(Object.entries(checks).map(([name, check]) => look(name, check, clock, timeoutMs)));
  const missing = found.filter((one) => one !== null);
  return { ready: missing.length === 0, missing };
}

async function look(name: string, check: Check, clock: Clock, timeoutMs: number): Promise<Missing | null> {
  const over = new AbortController();
  const late = clock.sleep(timeoutMs, over.signal).then(
    () => `does not answer within ${timeoutMs / 1000} s`,
    () => 'was not waited for',
  );
  try {
    const message = await Promise.race([check(over.signal), late]);
    return message === null ? null : { name, message };
  } catch {
    // Why is in the log of whoever owns it; a probe only needs to know that.
    return { name, message: 'does not answer' };
  } finally {
    over.abort();
  }
}
