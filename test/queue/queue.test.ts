import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TributaryError } from '../../src/errors.ts';
import { BACKENDS, type Bench, bench, gate, isHere, memoryLog, only, QUICK, wakeOf } from './support.ts';
import { until } from './until.ts';

const here = { pglite: true, postgres: await isHere('postgres'), redis: await isHere('redis') };

describe.each(BACKENDS.filter((kind) => here[kind]))('queue on %s', (kind) => {
  let on: Bench;
  beforeAll(async () => {
    on = await bench(kind);
  }, 60_000);
  afterEach(() => on.reset());
  afterAll(() => on?.end());

  it('runs a slice for a wake, and again when the handler says, until it says no more', async () => {
    const queue = await on.open();
    const seen: unknown[] = [];
    await queue.work(
      async (wake) => {
        seen.push(wake);
        return seen.length < 4 ? { againInMs: seen.length === 2 ? 60 : 0 } : null;
      },
      { concurrency: 2 },
    );
    await queue.wake(wakeOf('run_1'));
    await until(() => seen.length === 4, 'four slices');
    await until(async () => (await total(queue)) === 0, 'an empty queue');
    expect(seen).toEqual(Array.from({ length: 4 }, () => ({ run: 'run_1', tenant: 'tenant_1' })));
  });

  it('keeps one wake per run and tenant while it waits', async () => {
    const queue = await on.open();
    await Promise.all(Array.from({ length: 20 }, () => queue.wake(wakeOf('run_1'))));
    await queue.wake(wakeOf('run_1', 'tenant_2'));
    expect(await queue.counts()).toEqual({ waiting: 2, active: 0, delayed: 0, failed: 0 });
  });

  it('keeps the earlier due time, whichever comes first', async () => {
    const queue = await on.open();
    await queue.wake(wakeOf('later-first'), { delayMs: 600_000 });
    await queue.wake(wakeOf('later-first'), { delayMs: 500_000 });
    await queue.wake(wakeOf('later-first'), { delayMs: 3000 });
    await queue.wake(wakeOf('later-first'), { delayMs: 600_000 });
    await queue.wake(wakeOf('now-first'));
    await queue.wake(wakeOf('now-first'), { delayMs: 600_000 });
    await queue.wake(wakeOf('now-last'), { delayMs: 600_000 });
    await queue.wake(wakeOf('now-last'));
    await queue.wake(wakeOf('far'), { delayMs: 600_000 });
    expect(await queue.counts()).toEqual({ waiting: 2, active: 0, delayed: 2, failed: 0 });
    const seen: string[] = [];
    await queue.work(
      only(({ run }) => seen.push(run)),
      { concurrency: 1 },
    );
    await until(() => seen.length === 3, 'three slices');
    expect(seen).toEqual(['now-first', 'now-last', 'later-first']);
    expect(await queue.counts()).toMatchObject({ waiting: 0, delayed: 1 });
  });

  it('runs a slice at its time, not before', async () => {
    const queue = await on.open();
    const { passed, open } = gate();
    await queue.work(
      only(() => open()),
      { concurrency: 1 },
    );
    const wokenAt = performance.now();
    await queue.wake(wakeOf('run_1'), { delayMs: 400 });
    await passed;
    const afterMs = performance.now() - wokenAt;
    expect(afterMs).toBeGreaterThanOrEqual(395);
    expect(afterMs).toBeLessThan(1500);
  });

  it('runs a run once more when it is woken during its slice, never twice at a time', async () => {
    const queue = await on.open();
    const [started, end] = [gate(), gate()];
    let [slices, atOnce, most] = [0, 0, 0];
    await queue.work(
      async () => {
        slices += 1;
        atOnce += 1;
        most = Math.max(most, atOnce);
        started.open();
        await end.passed;
        atOnce -= 1;
        return null;
      },
      { concurrency: 4 },
    );
    await queue.wake(wakeOf('run_1'));
    await started.passed;
    for (const delayMs of [0, 500_000, 0]) await queue.wake(wakeOf('run_1'), { delayMs });
    end.open();
    await until(async () => (await total(queue)) === 0, 'an empty queue');
    expect({ slices, most }).toEqual({ slices: 2, most: 1 });
  });

  it('takes webhooks before polls before backfills, and lets a better class stand', async () => {
    const queue = await on.open();
    const seen: string[] = [];
    for (const name of ['b1', 'b2', 'raised']) await queue.wake(wakeOf(name), { class: 'backfill' });
    for (const name of ['p1', 'p2']) await queue.wake(wakeOf(name), { class: 'poll' });
    for (const name of ['w1', 'w2']) await queue.wake(wakeOf(name), { class: 'webhook' });
    await queue.wake(wakeOf('raised'), { class: 'webhook' });
    await queue.wake(wakeOf('w1'), { class: 'backfill' });
    await queue.work(
      only(({ run }) => seen.push(run)),
      { concurrency: 1 },
    );
    await until(() => seen.length === 7, 'seven slices');
    expect(seen).toEqual(['w1', 'w2', 'raised', 'p1', 'p2', 'b1', 'b2']);
  });

  it('lets tenants take turns when one of them has woken many runs first', async () => {
    const queue = await on.open();
    for (let n = 0; n < 40; n += 1) await queue.wake(wakeOf(`big-${n}`, 'big'));
    for (let n = 0; n < 3; n += 1) await queue.wake(wakeOf(`small-${n}`, 'small'));
    const seen: string[] = [];
    await queue.work(
      only(({ tenant }) => seen.push(tenant)),
      { concurrency: 1 },
    );
    await until(() => seen.length === 43, '43 slices');
    // Adding takes time, and what was stamped a second earlier goes first.
    expect(seen.lastIndexOf('small')).toBeLessThan(12);
  });

  it('tries a transient failure again and gives a terminal one up', async () => {
    const queue = await on.open();
    const tries: Record<string, number> = {};
    await queue.work(
      async ({ run }) => {
        tries[run] = (tries[run] ?? 0) + 1;
        if (run === 'terminal') throw new TributaryError('ERR_MAPPING_INVALID', 'no such column');
        if (tries[run] < 3)
          throw run === 'transient' ? new TributaryError('ERR_STORE_UNAVAILABLE', 'away') : new TypeError('a defect');
        return null;
      },
      { concurrency: 3 },
    );
    for (const run of ['terminal', 'transient', 'unknown']) await queue.wake(wakeOf(run));
    await until(
      async () => tries['transient'] === 3 && tries['unknown'] === 3 && (await queue.counts()).failed === 1,
      'three tries',
    );
    expect(tries).toEqual({ terminal: 1, transient: 3, unknown: 3 });
    await queue.wake(wakeOf('terminal'));
    await until(() => tries['terminal'] === 2, 'a terminal failure does not bar the run from being woken');
  });

  it('bears characters that no database keeps', async () => {
    const queue = await on.open();
    await expect(queue.wake(wakeOf('run\0'))).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await expect(queue.wake(wakeOf('run_1', '\uD800'))).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    const seen: string[] = [];
    await queue.work(
      async ({ run }) => {
        seen.push(run);
        if (run === 'bad') throw new TributaryError('ERR_LOAD_VALUE', 'NUL \0 and half a pair \uDC00 in a name');
        return null;
      },
      { concurrency: 1 },
    );
    await queue.wake(wakeOf('bad'));
    await queue.wake(wakeOf('Überträger-🧵'));
    await until(() => seen.length === 2, 'two slices');
    await until(async () => (await queue.counts()).failed === 1, 'one failure kept');
    expect(seen).toEqual(['bad', 'Überträger-🧵']);
  });

  it('waits at close for slices it has asked to stop, and keeps what they still want', async () => {
    const queue = await on.open();
    let [started, stopped] = [0, 0];
    await queue.work(
      async (_wake, signal) => {
        started += 1;
        await new Promise((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 50)));
        stopped += 1;
        return { againInMs: 0 };
      },
      { concurrency: 2 },
    );
    for (const run of ['run_1', 'run_2', 'run_3']) await queue.wake(wakeOf(run));
    await until(() => started === 2, 'two slices at work');
    await queue.close();
    expect(stopped).toBe(2);
    await expect(queue.wake(wakeOf('run_4'))).rejects.toMatchObject({ code: 'ERR_QUEUE_UNAVAILABLE' });
    const next = await on.open();
    expect(await next.counts()).toEqual({ waiting: 3, active: 0, delayed: 0, failed: 0 });
  });

  it('closes in bounded time over a slice that does not stop; the run is run again', async () => {
    const log = memoryLog();
    const queue = await on.open({ log, tuning: { ...QUICK, closeMs: 200, answerMs: 1000 } });
    const [started, end] = [gate(), gate()];
    await queue.work(
      only(async () => {
        started.open();
        await end.passed;
      }),
      { concurrency: 1 },
    );
    await queue.wake(wakeOf('run_1'));
    await started.passed;
    const closedFrom = performance.now();
    await queue.close();
    expect(performance.now() - closedFrom).toBeLessThan(3000);
    expect(log.lines.filter((line) => line.message.includes('do not end'))).toHaveLength(1);
    const next = await on.open();
    const again = gate();
    await next.work(
      only(() => again.open()),
      { concurrency: 1 },
    );
    await again.passed;
    end.open();
    await until(async () => (await total(next)) === 0, 'an empty queue');
  });

  it('answers a ping, works once, and starts idle', async () => {
    const queue = await on.open();
    await queue.ping();
    await queue.work(async () => null, { concurrency: 1 });
    await expect(queue.work(async () => null, { concurrency: 1 })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
  });

  it('runs each of 400 wakes once with 20 slices at a time', async () => {
    const queue = await on.open();
    const seen = new Map<string, number>();
    await queue.work(
      only(({ run }) => seen.set(run, (seen.get(run) ?? 0) + 1)),
      { concurrency: 20 },
    );
    await Promise.all(Array.from({ length: 400 }, (_, n) => queue.wake(wakeOf(`run_${n}`, `tenant_${n % 7}`))));
    await until(() => seen.size === 400, '400 slices');
    expect([...seen.values()].every((times) => times === 1)).toBe(true);
  });
});

async function total(queue: {
  counts(): Promise<{ waiting: number; active: number; delayed: number }>;
}): Promise<number> {
  const { waiting, active, delayed } = await queue.counts();
  return waiting + active + delayed;
}
