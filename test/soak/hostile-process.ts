/** A worker of the hostile soak that goes on with one run and is killed where it is told to. One JSON argument. */
import { openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { driveRun } from '../../src/run/drive-run.ts';
import { soakClock } from './hostile-clock.ts';
import { alterationFor, connectorsWithout, type HostileSafety } from './hostile-safeties.ts';
import { type Strike, struck } from './strike.ts';
import { tapStore } from './tapped-store.ts';

export type HostileLife = {
  readonly dir: string;
  readonly database: string;
  readonly run: number;
  readonly now: string;
  readonly safety: HostileSafety | null;
  readonly strike: Strike;
};

if (import.meta.main) {
  const { dir, database, run, now, safety, strike }: HostileLife = JSON.parse(process.argv[2] ?? '{}');
  const config = loadConfig({ dir, env: { DATABASE_URL: database } });
  const clock = soakClock(new Date(now));
  const app = await openApp(config, { log: silentLog, clock, connectors: connectorsWithout(safety) });
  const tap = tapStore(app.store, alterationFor(safety));
  tap.onPlace = struck(strike, () => process.kill(process.pid, 'SIGKILL'));
  process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
  await driveRun(app.runs, run, new AbortController().signal);
  await app.close();
}
