import { describe, expect, test } from 'vitest';
import { TributaryError } from '../../src/errors.ts';
import { DEFAULT_RETRY, delayFor, withRetry } from '../../src/extract/retry.ts';
import { makeTestClock } from '../support/clock.ts';

const away = (notBefore?: Date) =>
  new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'away', notBefore ? { notBefore } : {});

/** Fails so many times, then works; waits are collected instead of waited for. */
async function attempt(failures: readonly Error[], options: { random?: () => number } = {}) {
  const clock = makeTestClock('2026-11-21T12:00:00Z', { isAuto: true });
  const start = clock.now().getTime();
  let tries = 0;
  const work = async () => {
    const failure = failures[tries++];
    if (failure !== undefined) throw failure;
    return 'done';
  };
  const outcome = await withRetry(work, { clock, random: () => 0, ...options }).catch((thrown: unknown) => thrown);
  return { outcome, tries, waitedMs: clock.now().getTime() - start };
}

describe('trying again', () => {
  test('waits one second, then two, three tries in all', async () => {
    expect(await attempt([away(), away()])).toEqual({ outcome: 'done', tries: 3, waitedMs: 3000 });
    expect(await attempt([away(), away(), away()])).toMatchObject({
      outcome: { code: 'ERR_CONNECTOR_UNREACHABLE' },
      tries: 3,
      waitedMs: 3000,
    });
  });

  test('does not try again what somebody has to change, nor defects', async () => {
    expect(await attempt([new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'no')])).toMatchObject({
      tries: 1,
      waitedMs: 0,
    });
    expect(await attempt([new TypeError('defect')])).toMatchObject({ outcome: { code: 'ERR_INTERNAL' }, tries: 1 });
  });

  test('keeps the time the server named, also when it is longer than its own', async () => {
    expect(await attempt([away(new Date('2026-11-21T12:00:30Z'))])).toEqual({
      outcome: 'done',
      tries: 2,
      waitedMs: 30_000,
    });
    expect(await attempt([away(new Date('2026-11-21T11:00:00Z'))])).toEqual({
      outcome: 'done',
      tries: 2,
      waitedMs: 1000,
    });
  });

  test('gives a wait of hours back to the run', async () => {
    expect(await attempt([away(new Date('2026-11-21T15:00:00Z'))])).toMatchObject({
      outcome: { notBefore: new Date('2026-11-21T15:00:00Z') },
      tries: 1,
      waitedMs: 0,
    });
  });

  test('spreads waits by the jitter and never passes the longest', () => {
    expect([1, 2, 3, 20].map((failed) => delayFor(DEFAULT_RETRY, failed, () => 0))).toEqual([1000, 2000, 4000, 60_000]);
    expect(delayFor(DEFAULT_RETRY, 1, () => 1)).toBe(800);
  });

  test('ends with the signal, with its reason', async () => {
    const clock = makeTestClock();
    const end = new AbortController();
    const running = withRetry(() => Promise.reject(away()), { clock, signal: end.signal });
    const told = expect(running).rejects.toThrow('shutting down');
    await expect.poll(() => clock.sleeping()).toBe(1);
    end.abort(new Error('shutting down'));
    await told;
  });
});
