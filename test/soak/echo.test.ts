/** A small part of `npm run -s soak -- echo`, with a fixed seed; and the proof that it can fail. */
import { describe, expect, it } from 'vitest';
import { ECHO_SAFETIES, echoSoak } from './echo.ts';

const LIMIT_MS = 180_000;
const CHANGES = 40;

describe('changes on both sides', () => {
  it(
    'meet without an echo or a lost update',
    async () => {
      const { line } = await echoSoak({ changes: CHANGES, seed: 1, without: null }, () => undefined);
      expect(line).toBe(`${CHANGES} changes, 0 echoes, 0 lost updates, 0 unbalanced runs`);
    },
    LIMIT_MS,
  );

  it.each(ECHO_SAFETIES)(
    'are noticed to go wrong where the %s is taken away',
    async (without) => {
      const { isClean } = await echoSoak({ changes: CHANGES, seed: 1, without }, () => undefined);
      expect(isClean).toBe(false);
    },
    LIMIT_MS,
  );
});
