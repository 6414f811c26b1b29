import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openQueue } from '../../src/queue/queue.ts';
import { startPostgres, startRedis } from '../support/services.ts';
import { gate, isHere, memoryLog, newPrefix, only, QUICK, wakeOf } from './support.ts';
import { until } from './until.ts';

type Worker = { readonly runs: string[]; readonly isReady: () => boolean; kill(): Promise<void> };
const workers: Worker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
});

const here = { postgres: await isHere('postgres'), redis: await isHere('redis') };

describe.each((['postgres', 'redis'] as const).filter((kind) => here[kind]))('two processes on %s', (kind) => {
  let server: { readonly url: string; stop(): Promise<void> };
  beforeAll(async () => {
    server = await (kind === 'redis' ? startRedis() : startPostgres({ fsync: false }));
  }, 60_000);
  afterAll(() => server?.stop());

  it('share the wakes, each run once', async () => {
    const prefix = newPrefix();
    const queue = await openQueue({ kind, url: server.url }, { log: memoryLog(), prefix, tuning: QUICK });
    const [one, two] = [start(kind, server.url, prefix, 'work'), start(kind, server.url, prefix, 'work')];
    await until(() => one.isReady() && two.isReady(), 'two workers');
    const runs = Array.from({ length: 150 }, (_, n) => `run_${n}`);
    await Promise.all(runs.map((run) => queue.wake(wakeOf(run))));
    await until(() => one.runs.length + two.runs.length >= runs.length, 'all runs');
    await until(async () => (await queue.counts()).active === 0, 'an idle queue');
    expect([...one.runs, ...two.runs].sort()).toEqual([...runs].sort());
    expect(Math.min(one.runs.length, two.runs.length)).toBeGreaterThan(10);
    await queue.close();
  }, 60_000);

  it('run again what a killed process had taken', async () => {
    const prefix = newPrefix();
    const queue = await openQueue({ kind, url: server.url }, { log: memoryLog(), prefix, tuning: QUICK });
    for (const run of ['run_1', 'run_2', 'run_3']) await queue.wake(wakeOf(run));
    const doomed = start(kind, server.url, prefix, 'hang');
    await until(() => doomed.runs.length === 2, 'two slices at work');
    await doomed.kill();
    const seen: string[] = [];
    await queue.work(
      only(({ run }) => seen.push(run)),
      { concurrency: 2 },
    );
    await until(() => seen.length === 3, 'three slices');
    expect(seen.toSorted()).toEqual(['run_1', 'run_2', 'run_3']);
    await queue.close();
  }, 60_000);
});

describe('PGlite in a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-queue-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs again at once what a killed process had taken', async () => {
    const prefix = newPrefix();
    const doomed = start('pglite', join(folder, 'store'), prefix, 'hang');
    await until(() => doomed.runs.length === 1, 'a slice at work', 40_000);
    await doomed.kill();
    const pglite = await PGlite.create(join(folder, 'store'));
    // Default times: the lock of the dead process would last 20 s.
    const queue = await openQueue({ kind: 'pglite', pglite }, { log: memoryLog(), prefix });
    const again = gate();
    const openedAt = performance.now();
    await queue.work(
      only(() => again.open()),
      { concurrency: 1 },
    );
    await again.passed;
    const rerunMs = performance.now() - openedAt;
    expect(rerunMs).toBeLessThan(3000);
    await queue.close();
    await pglite.close();
  }, 90_000);
});

function start(kind: string, address: string, prefix: string, mode: 'hang' | 'work'): Worker {
  const script = join(import.meta.dirname, 'slice-process.ts');
  const child: ChildProcess = spawn(process.execPath, [script, kind, address, prefix, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const runs: string[] = [];
  let isReady = false;
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said: { run?: string; state?: string } = JSON.parse(line);
      if (said.run !== undefined) runs.push(said.run);
      if (said.state === 'ready') isReady = true;
    });
  }
  const worker: Worker = {
    runs,
    isReady: () => isReady,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
  workers.push(worker);
  return worker;
}
