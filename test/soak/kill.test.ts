/** A small part of `npm run -s soak -- kill`, with real processes and real kills; and the proof that it can fail. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isClean } from './compare.ts';
import type { Phase } from './feed.ts';
import { type PgliteEngine, pgliteEngine } from './pglite.ts';
import type { Death, Point } from './plan.ts';

const LIMIT_MS = 120_000;
const CLEAN = { lost: 0, doubled: 0, unbalanced: 0, different: 0, examples: [] };
const AT_PAGE = 3;

describe('a sync on PGlite', () => {
  let engine: PgliteEngine;
  beforeAll(async () => {
    engine = await pgliteEngine({ records: 600, seed: 1 });
  }, LIMIT_MS);
  afterAll(() => engine?.close());
  /** At the third page of a sync. */
  const atPage = (
    phase: Phase,
    what: 'kill' | 'freeze',
    place: 'transaction' | 'before-commit' | 'after-commit',
  ): Death => ({
    what: 'strike',
    strike: { what, place, nth: engine.courses[phase].pages[AT_PAGE - 1] ?? 0 },
  });
  const point = (no: number, phase: Point['phase'], ...deaths: Death[]) => ({ no, phase, deaths });

  it(
    'that is killed before a commit, and killed again, leaves what an undisturbed one leaves',
    async () => {
      const twice = point(1, 1, atPage(1, 'kill', 'before-commit'), {
        what: 'strike',
        strike: { what: 'kill', place: 'copy', nth: 9 },
      });
      expect(await engine.tryPoint(twice, null)).toMatchObject({ verdict: CLEAN, struck: 2 });
    },
    LIMIT_MS,
  );

  it(
    'beside a worker that stood still and goes on when another has done its work leaves what an undisturbed one leaves',
    async () => {
      expect(await engine.tryPoint(point(2, 2, atPage(2, 'freeze', 'transaction')), null)).toMatchObject({
        verdict: CLEAN,
        struck: 1,
      });
    },
    LIMIT_MS,
  );

  it.each([
    ['fence', 'doubled', 'freeze', 'transaction'],
    ['checkpoint', 'lost', 'kill', 'before-commit'],
    ['dedup', 'doubled', 'kill', 'after-commit'],
  ] as const)(
    'without its %s is found to have %s something',
    async (safety, finding, what, place) => {
      const { verdict, altered } = await engine.tryPoint(point(3, 2, atPage(2, what, place)), safety);
      expect(Math.min(...altered)).toBeGreaterThan(0);
      expect(isClean(verdict)).toBe(false);
      expect(verdict[finding]).toBeGreaterThan(0);
    },
    LIMIT_MS,
  );
});
