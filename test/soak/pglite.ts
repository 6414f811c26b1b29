/** The soak on PGlite: a folder on disk, one process, killed for real and started again. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Safety } from './alterations.ts';
import { compareStates, type State, type Verdict } from './compare.ts';
import { configText, PHASES, type Phase, putFeed } from './feed.ts';
import { startLife } from './lives.ts';
import { type Course, type Death, describePoint, type Point, pglitePoint } from './plan.ts';
import type { Places } from './tapped-store.ts';

export type Soak = { readonly records: number; readonly seed: number };

export type PointResult = {
  readonly words: string;
  readonly verdict: Verdict;
  /** Runs that ended as failed and were followed by another: nothing is lost, but somebody is told. */
  readonly failed: readonly string[];
  /** Faults that struck before the work was done. */
  readonly struck: number;
  /** How often each of the alterations was made, as far as workers lived to tell. */
  readonly altered: readonly number[];
};
export type Engine = {
  /** Tries a point of the seed; with a safety taken away, to see that it is missed. */
  try(no: number, without: Safety | null): Promise<PointResult>;
  close(): Promise<void>;
};

/** On PGlite a point can be made up as well. */
export type PgliteEngine = Engine & {
  readonly courses: Readonly<Record<Phase, Course>>;
  tryPoint(point: Point, without: Safety | null): Promise<PointResult>;
};

/** Some twenty pages each. */
export const pageSizeOf = (records: number): number => Math.max(50, Math.round(records / 20));

const PHASE_LIMIT_MS = 180_000;

/** Syncs undisturbed first: that is what every point is held against. */
export async function pgliteEngine(soak: Soak): Promise<PgliteEngine> {
  const root = await mkdtemp(join(tmpdir(), 'tributary-soak-'));
  try {
    const courses = {} as Record<Phase, Course>;
    const dir = join(root, 'undisturbed');
    await mkdir(dir);
    await writeFile(join(dir, 'tributary.yaml'), configText('feeds', pageSizeOf(soak.records)));
    for (const phase of PHASES) {
      await putFeed(join(dir, 'feeds'), soak.records, phase);
      // Where the points of this phase begin.
      await cp(dir, join(root, `before-${phase}`), { recursive: true, preserveTimestamps: true });
      courses[phase] = await undisturbed(dir, phase, join(root, `state-${phase}.json`));
    }
    const expected = await readState(join(root, 'state-2.json'));
    const tryAt: PgliteEngine['tryPoint'] = (point, without) => tryPoint(root, soak.records, without, point, expected);
    return {
      courses,
      tryPoint: tryAt,
      try: (no, without) => tryAt(pglitePoint(soak.seed, no, courses), without),
      close: () => rm(root, { recursive: true, force: true }),
    };
  } catch (thrown) {
    await rm(root, { recursive: true, force: true });
    throw thrown;
  }
}

const readState = async (file: string): Promise<State> => JSON.parse(await readFile(file, 'utf8'));

async function undisturbed(dir: string, phase: Phase, stateFile: string): Promise<Course> {
  const life = startLife('child-process.ts', { dir, phase, strike: null, without: null, stateFile });
  await life.ready;
  const started = performance.now();
  const { said } = await limited(life.ended, () => life.child.kill('SIGKILL'));
  const done = said.find((one) => 'done' in one);
  if (String(done?.['failures'] ?? 'it was stopped') !== '')
    throw new Error(`the undisturbed sync failed: ${String(done?.['failures'])}`);
  return {
    passed: done?.['passed'] as Places,
    pages: done?.['pages'] as number[],
    ms: Number(done?.['synced']) || performance.now() - started,
  };
}

async function tryPoint(
  root: string,
  records: number,
  without: Safety | null,
  point: Point,
  expected: State,
): Promise<PointResult> {
  const dir = join(root, `point-${point.no}`);
  const stateFile = join(dir, 'state.json');
  try {
    await cp(join(root, `before-${point.phase}`), dir, { recursive: true, preserveTimestamps: true });
    const total = { altered: [] as readonly number[], struck: 0 };
    for (const phase of PHASES.filter((one) => one >= point.phase)) {
      if (phase !== point.phase) await putFeed(join(dir, 'feeds'), records, phase);
      const deaths = phase === point.phase ? point.deaths : [];
      for (const death of [...deaths, null]) {
        const { altered, struck } = await live(dir, phase, death, without, stateFile);
        total.altered = addUp(total.altered, altered);
        total.struck += struck ? 1 : 0;
      }
    }
    const state = await readState(stateFile);
    return { words: describePoint(point), verdict: compareStates(expected, state), failed: state.failed, ...total };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Two lists of sums, added place by place. */
export const addUp = (one: readonly number[], two: readonly number[]): readonly number[] =>
  Array.from({ length: Math.max(one.length, two.length) }, (_, at) => (one[at] ?? 0) + (two[at] ?? 0));

export const numbersIn = (said: unknown): readonly number[] => (Array.isArray(said) ? said.map(Number) : []);

/** One worker, to its death or its end. What a killed one altered it can no longer say. */
async function live(
  dir: string,
  phase: Phase,
  death: Death | null,
  without: Safety | null,
  stateFile: string,
): Promise<{ altered: readonly number[]; struck: boolean }> {
  const strike = death?.what === 'strike' ? death.strike : null;
  const life = startLife('child-process.ts', { dir, phase, strike, without, stateFile: death ? null : stateFile });
  await life.ready;
  if (death?.what === 'time') {
    await Promise.race([sleep(death.afterMs), life.ended]);
    life.child.kill('SIGKILL');
  }
  const { said, isKilled } = await limited(life.ended, () => life.child.kill('SIGKILL'));
  const done = said.find((one) => 'done' in one);
  return { altered: numbersIn(done?.['altered']), struck: isKilled || done?.['frozen'] === true };
}

async function limited<T>(ended: Promise<T>, stop: () => void): Promise<T> {
  const timer = setTimeout(stop, PHASE_LIMIT_MS);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}
