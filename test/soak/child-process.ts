/**
 * One life of a worker on PGlite: opens the store, syncs the phase's streams to their end, says what was passed and writes
 * what the store holds. Strikes itself where it is told to. One JSON argument; one JSON line on stdout for each thing that happens.
 */
import { writeFile } from 'node:fs/promises';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import type { RunDeps } from '../../src/run/deps.ts';
import { runSlice } from '../../src/run/slice.ts';
import { sql } from '../../src/store/store.ts';
import { type Safety, without } from './alterations.ts';
import type { Phase } from './feed.ts';
import { stateOf, unbalancedRuns } from './state.ts';
import { type Strike, struck } from './strike.ts';
import { failedRuns, openRuns, syncRun } from './sync.ts';
import { tapStore } from './tapped-store.ts';

export type Life = {
  readonly dir: string;
  readonly phase: Phase;
  readonly strike: Strike | null;
  readonly without: Safety | null;
  /** Where the lines of the store go at the end; `null`: nowhere. */
  readonly stateFile: string | null;
};

const life: Life = JSON.parse(process.argv[2] ?? '{}');
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

const app = await openApp(loadConfig({ dir: life.dir, env: {} }), { log: silentLog });
const alteration = life.without && without(life.without);
if (alteration?.first) await app.store.rows(sql.raw(alteration.first));
const frozen = life.strike?.what === 'freeze' ? freezer(app, life) : null;
const tap = tapStore(app.store, alteration);
if (life.strike && !frozen) tap.onPlace = struck(life.strike, () => process.kill(process.pid, 'SIGKILL'));
say({ ready: true });
const started = performance.now();
// A run that failed is followed by another, which is made at the next look.
for (let open = await openRuns(app.store, app.streams.all, life.phase); open.length > 0; ) {
  for (const run of open) {
    if (frozen) await besideFrozen(app, frozen, run);
    else await syncRun(app.runs, app.store, run);
  }
  open = await openRuns(app.store, app.streams.all, life.phase);
}
const synced = Math.round(performance.now() - started);
if (life.stateFile) {
  const state = {
    lines: await stateOf(app.store),
    unbalanced: await unbalancedRuns(app.store),
    failed: await failedRuns(app.store),
  };
  await writeFile(life.stateFile, JSON.stringify(state));
}
const failures = await failedRuns(app.store);
say({
  done: true,
  failures,
  frozen: frozen?.isFrozen() ?? false,
  passed: tap.passed,
  pages: tap.pages,
  altered: alteration?.made ?? [],
  synced,
});
await app.close();

type Frozen = { readonly deps: RunDeps; readonly reached: Promise<void>; isFrozen(): boolean; thaw(): void };

/** A worker in this process that stops dead at a place, its heartbeat with it, until it is thawed. */
function freezer(app: App, { strike, without: safety }: Life): Frozen {
  const store = { ...app.store };
  const reached = Promise.withResolvers<void>();
  const thawed = Promise.withResolvers<void>();
  let isFrozen = false;
  const freeze =
    strike &&
    struck(strike, () => {
      isFrozen = true;
      reached.resolve();
    });
  const tap = tapStore(store, safety && without(safety));
  tap.onPlace = async (place, nth) => {
    if (!isFrozen) await freeze?.(place, nth);
    if (isFrozen) await thawed.promise;
  };
  return {
    deps: { ...app.runs, store, load: { ...app.runs.load, store } },
    reached: reached.promise,
    isFrozen: () => isFrozen,
    thaw: thawed.resolve,
  };
}

/** Another worker takes the run over and ends it; then the frozen one goes on as if nothing had been. */
async function besideFrozen(app: App, { deps, reached, thaw }: Frozen, run: number): Promise<void> {
  const zombie = runSlice(deps, run, new AbortController().signal).then(
    () => 'ended',
    () => 'failed',
  );
  await Promise.race([zombie, reached]);
  await syncRun(app.runs, app.store, run);
  thaw();
  await zombie;
}
