/** Seed after seed of the hostile soak, several at a time, added up. */

import { TRICKS } from '../../src/sandbox/hostile.ts';
import { startPostgres } from '../support/services.ts';
import type { HostileSafety } from './hostile-safeties.ts';
import { type SeedResult, trySeed } from './hostile-seed.ts';

export type HostileSoak = {
  readonly seeds: { readonly from: number; readonly count: number };
  readonly without: HostileSafety | null;
  /** Targets that seeds take in turn. @defaultValue all */
  readonly only?: readonly string[] | undefined;
};

export type HostileReport = {
  readonly seeds: number;
  readonly lost: number;
  readonly falseDeletes: number;
  readonly duplicates: number;
  readonly unbalanced: number;
  readonly isClean: boolean;
  /** How often each trick was played, and each death died. */
  readonly played: Readonly<Record<string, number>>;
  /** Webhooks by what became of them. */
  readonly deliveries: Readonly<Record<string, number>>;
  readonly byTarget: Readonly<Record<string, number>>;
  /** Of each target, on a lane of its own. */
  readonly secondsPerSeed: Readonly<Record<string, number>>;
  readonly cursors: Readonly<Record<string, number>>;
  readonly runs: number;
  readonly failedRuns: number;
  readonly seconds: number;
  readonly line: string;
};

/** Their databases and vendor systems are apart. */
const AT_ONCE = 4;
/** Nothing is asked of the server's disk: it lives as long as the soak. */
const QUICK = { synchronous_commit: 'off', full_page_writes: 'off', autovacuum: 'off' };
const EXAMPLES = 3;
const TELL_EVERY = 25;

export async function hostileSoak(
  { seeds, without, only }: HostileSoak,
  say: (line: string) => void,
): Promise<HostileReport> {
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  const server = await startPostgres({ fsync: false, settings: QUICK });
  const results: SeedResult[] = [];
  const spent: Record<string, number> = {};
  const waiting = Array.from({ length: seeds.count }, (_, at) => seeds.from + at);
  const lane = async (): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const begun = performance.now();
      const result = await trySeed(server.url, seed, without, only).catch(broken);
      results.push(result);
      spent[result.target] = (spent[result.target] ?? 0) + (performance.now() - begun) / 1000;
      tell(seed, result, say);
      if (results.length % TELL_EVERY === 0) say(`${results.length} of ${seeds.count} seeds in ${seconds()} s`);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  } finally {
    await server.stop();
  }
  const sum = (of: (result: SeedResult) => number) => results.reduce((total, result) => total + of(result), 0);
  const byTarget = tally(results.map(({ target }) => target));
  const total = {
    lost: sum(({ lost }) => lost.length),
    falseDeletes: sum(({ falseDeletes }) => falseDeletes.length),
    duplicates: sum(({ duplicates }) => duplicates.length),
    unbalanced: sum(({ unbalanced }) => unbalanced.length),
  };
  const deaths = ['cut', 'killed', 'frozen'] as const;
  return {
    seeds: results.length,
    ...total,
    isClean: Object.values(total).every((count) => count === 0),
    played: {
      ...Object.fromEntries(TRICKS.map((trick) => [trick, 0])),
      ...added(results.map(({ played }) => played)),
      ...Object.fromEntries(deaths.map((death) => [`worker ${death}`, sum((result) => result.deaths[death])])),
    },
    deliveries: added(results.map(({ deliveries }) => deliveries)),
    byTarget,
    cursors: tally(results.flatMap(({ cursors }) => cursors)),
    secondsPerSeed: Object.fromEntries(
      Object.entries(spent).map(([target, total]) => [target, Math.round((total / (byTarget[target] ?? 1)) * 10) / 10]),
    ),
    runs: sum(({ runs }) => runs),
    failedRuns: sum(({ failedRuns }) => failedRuns),
    seconds: seconds(),
    line: `${results.length} seeds, ${total.lost} lost, ${total.falseDeletes} false deletes, ${total.duplicates} duplicates`,
  };
}

/** A seed that came to no end: what it lost nobody knows, so it counts as lost. */
const broken = (thrown: unknown): SeedResult => ({
  ...{ target: 'broken off', streams: [], cursors: [], played: {}, deliveries: {}, runs: 0, failedRuns: 0 },
  ...{ falseDeletes: [], duplicates: [], unbalanced: [], deaths: { cut: 0, killed: 0, frozen: 0 } },
  lost: [thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)],
});

function tell(seed: number, result: SeedResult, say: (line: string) => void): void {
  for (const finding of ['lost', 'falseDeletes', 'duplicates', 'unbalanced'] as const) {
    const found = result[finding];
    if (found.length > 0)
      say(
        `seed ${seed} (${result.target}: ${result.streams.join(', ')}): ${found.length} ${finding}: ${found.slice(0, EXAMPLES).join('; ')}`,
      );
  }
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of counts.flatMap(Object.entries<number>)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
