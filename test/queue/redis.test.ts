import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openQueue } from '../../src/queue/queue.ts';
import { type RedisServer, startRedis } from '../support/services.ts';
import { gate, isHere, memoryLog, newPrefix, only, QUICK, wakeOf } from './support.ts';
import { until } from './until.ts';

describe.runIf(await isHere('redis'))('a Redis that comes and goes', () => {
  let server: RedisServer;
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(() => server.stop());

  const open = (log = memoryLog()) =>
    openQueue({ kind: 'redis', url: server.url }, { log, prefix: newPrefix(), tuning: { ...QUICK, answerMs: 1000 } });

  it('may be away at the start: calls say so, the worker begins when it is there', async () => {
    await server.kill();
    const log = memoryLog();
    const queue = await open(log);
    const { passed, open: done } = gate();
    await queue.work(
      only(() => done()),
      { concurrency: 1 },
    );
    await expect(queue.ping()).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE', retry: 'transient' });
    await expect(queue.wake(wakeOf('run_1'))).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE' });
    await server.restart();
    await until(() => isThere(queue), 'Redis to be found');
    await queue.wake(wakeOf('run_1'));
    await passed;
    await queue.close();
  }, 30_000);

  it('may die and come back empty: the worker goes on, what a slice asked for is kept, the log has one line a cause', async () => {
    const log = memoryLog();
    const queue = await open(log);
    const [started, end] = [gate(), gate()];
    const seen: string[] = [];
    await queue.work(
      async ({ run }) => {
        seen.push(run);
        if (run !== 'across' || seen.includes('late')) return null;
        started.open();
        await end.passed;
        return { againInMs: 300 };
      },
      { concurrency: 2 },
    );
    await queue.wake(wakeOf('forgotten'), { delayMs: 600_000 });
    await queue.wake(wakeOf('across'));
    await started.passed;
    await server.kill();
    await until(async () => !(await isThere(queue)), 'Redis to be missed');
    await server.restartEmpty();
    await until(() => isThere(queue), 'Redis to be found');
    await queue.wake(wakeOf('late'));
    end.open();
    await until(() => seen.filter((run) => run === 'across').length === 2, 'the slice that saw it die to be followed');
    await until(async () => (await queue.counts()).active === 0, 'an idle queue');
    expect(seen.toSorted()).toEqual(['across', 'across', 'late']);
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
    const causes = log.lines.filter((line) => line.level === 'warn').map((line) => String(line.fields['cause']));
    expect(new Set(causes).size).toBe(causes.length);
    expect(causes.length).toBeLessThan(6);
    await queue.close();
  }, 60_000);

  it('may be away at the end: close is bounded', async () => {
    const queue = await open();
    await queue.work(async () => null, { concurrency: 1 });
    await server.kill();
    const from = performance.now();
    await queue.close();
    expect(performance.now() - from).toBeLessThan(8000);
  }, 30_000);

  it('may never have been there: a process that closed its queue ends', async () => {
    await server.kill();
    const script = join(import.meta.dirname, 'slice-process.ts');
    const child = spawn(process.execPath, [script, 'redis', server.url, newPrefix(), 'leave'], { stdio: 'ignore' });
    let code: number | null = null;
    child.once('exit', (exitCode) => {
      code = exitCode;
    });
    try {
      await until(() => code !== null, 'the process to end');
    } finally {
      child.kill('SIGKILL');
    }
    expect(code).toBe(0);
  }, 30_000);
});

async function isThere(queue: { ping(): Promise<void> }): Promise<boolean> {
  return queue.ping().then(
    () => true,
    () => false,
  );
}
