/** Tries points one after another and adds up what was found. */

import type { Safety } from './alterations.ts';
import { isClean } from './compare.ts';
import { addUp, type Engine, pgliteEngine, type Soak } from './pglite.ts';
import { postgresEngine } from './postgres.ts';

export type KillSoak = Soak & {
  readonly without: Safety | null;
  readonly engine: 'pglite' | 'postgres';
  readonly points: { readonly from: number; readonly to: number };
};

export type KillReport = {
  readonly engine: string;
  readonly points: number;
  /** Faults that struck while there was work to do. */
  readonly faults: number;
  /** Runs that ended as failed and were followed by another. */
  readonly failedRuns: number;
  readonly lost: number;
  readonly doubled: number;
  readonly unbalanced: number;
  readonly different: number;
  /** Points after which something was not as in the undisturbed run. */
  readonly bad: readonly { readonly point: number; readonly words: string; readonly examples: readonly string[] }[];
  readonly seconds: number;
  readonly isClean: boolean;
  readonly line: string;
};

export async function killSoak(soak: KillSoak, say: (line: string) => void): Promise<KillReport> {
  const started = performance.now();
  const total = { lost: 0, doubled: 0, unbalanced: 0, different: 0 };
  const bad: KillReport['bad'][number][] = [];
  let altered: readonly number[] = [];
  let struck = 0;
  let failed = 0;
  say(
    `${soak.engine}: seed ${soak.seed}, ${soak.records} records${soak.without ? `, without ${soak.without}` : ''}; syncing undisturbed`,
  );
  const engine = await openEngine(soak);
  try {
    for (let no = soak.points.from; no <= soak.points.to; no += 1) {
      const result = await engine.try(no, soak.without);
      const { examples, ...found } = result.verdict;
      altered = addUp(altered, result.altered);
      struck += result.struck;
      for (const [name, count] of Object.entries(found)) total[name as keyof typeof total] += count;
      if (!isClean(found)) bad.push({ point: no, words: result.words, examples });
      say(`${soak.engine} point ${no}: ${result.words}: ${isClean(found) ? 'nothing lost' : lineOf(found)}`);
      for (const failure of result.failed) say(`  failed and made up for: ${failure}`);
      failed += result.failed.length;
      for (const example of examples) say(`  ${example}`);
    }
  } finally {
    await engine.close();
  }
  if (soak.without && (altered.length === 0 || altered.includes(0)))
    throw new Error(`a statement was not met: the soak no longer knows how to take ${soak.without} away`);
  const points = soak.points.to - soak.points.from + 1;
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  return {
    engine: soak.engine,
    points,
    faults: struck,
    failedRuns: failed,
    ...total,
    bad,
    seconds,
    isClean: isClean(total),
    line: `${points} points, ${lineOf(total)}; ${struck} faults, ${failed} failed runs in ${seconds} s`,
  };
}

const lineOf = (found: { lost: number; doubled: number; unbalanced: number; different: number }): string =>
  `${found.lost} lost, ${found.doubled} doubled, ${found.unbalanced} unbalanced, ${found.different} different`;

function openEngine(soak: KillSoak): Promise<Engine> {
  return soak.engine === 'postgres' ? postgresEngine(soak) : pgliteEngine(soak);
}
