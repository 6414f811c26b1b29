import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openQueue } from '../../src/queue/queue.ts';
import { type PostgresServer, startPostgres } from '../support/services.ts';
import { isHere, memoryLog, newPrefix, only, QUICK, wakeOf } from './support.ts';
import { until } from './until.ts';

describe.runIf(await isHere('postgres'))('a PostgreSQL that comes and goes', () => {
  let server: PostgresServer;
  beforeEach(async () => {
    server = await startPostgres();
  }, 60_000);
  afterEach(() => server.stop());

  const backend = () => ({ kind: 'postgres', url: server.url }) as const;
  const tuning = { ...QUICK, answerMs: 1500 };

  it('keeps wakes through a crash, and the worker goes on by itself', async () => {
    const log = memoryLog();
    const queue = await openQueue(backend(), { log, prefix: newPrefix(), tuning });
    const seen: string[] = [];
    await queue.work(
      only(({ run }) => seen.push(run)),
      { concurrency: 2 },
    );
    await queue.wake(wakeOf('before'));
    await queue.wake(wakeOf('kept'), { delayMs: 1500 });
    await until(() => seen.includes('before'), 'the first slice');
    // A slice whose end is not written yet runs again, as it must.
    await until(async () => (await queue.counts()).active === 0, 'the end of the first slice');
    await server.kill();
    await expect(queue.wake(wakeOf('during'))).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE' });
    await expect(queue.ping()).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE' });
    await server.restart();
    await queue.wake(wakeOf('after'));
    await until(() => seen.length === 3, 'the slices after the crash');
    expect(seen.toSorted()).toEqual(['after', 'before', 'kept']);
    const causes = log.lines.filter((line) => line.level === 'warn').map((line) => line.fields['cause']);
    expect(new Set(causes).size).toBe(causes.length);
    await queue.close();
  }, 60_000);

  it('says so when it is away at the start', async () => {
    await server.kill();
    const opening = openQueue(backend(), { log: memoryLog(), prefix: newPrefix(), tuning });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE', retry: 'transient' });
  }, 30_000);
});
