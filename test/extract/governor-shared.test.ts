import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { TrafficClass } from '../../src/connector/contract.ts';
import { memoryBudgets, rememberedBudgets } from '../../src/extract/budget-store.ts';
import { makeGovernor } from '../../src/extract/governor.ts';
import { silentLog } from '../../src/observe/log.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { makeTestClock } from '../support/clock.ts';
import { postgres, redis, requireService } from '../support/services.ts';

/** Long beside what a busy machine holds a call up by. */
const WINDOW_MS = 3000;

/** A vendor that counts calls in a rolling window, and refuses those above its limit. */
async function openVendor(limit: number) {
  const calls: number[] = [];
  const refusals: { readonly at: number; readonly sentAt: number }[] = [];
  const server = createServer((request, response) => {
    const now = Date.now();
    const oldest = calls.at(-limit);
    if (oldest !== undefined && now - oldest < WINDOW_MS) {
      refusals.push({ at: now, sentAt: Number(request.headers['x-sent-at']) });
      response.writeHead(429, { 'x-retry-after-ms': String(Math.ceil(WINDOW_MS - (now - oldest))) }).end();
      return;
    }
    calls.push(now);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    refusals,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const places = [
  { backend: 'postgres', isThere: await requireService('postgres', 'shared budgets on PostgreSQL') },
  { backend: 'redis', isThere: await requireService('redis', 'shared budgets on Redis') },
] as const;

describe.each(places.filter((one) => one.isThere))(
  'two processes with one budget on $backend',
  {
    concurrent: true,
  },
  ({ backend }) => {
    let place: { url: string; drop(): Promise<void> };
    beforeAll(async () => {
      if (backend === 'redis') {
        const { url, stop } = await redis();
        place = { url, drop: stop };
        return;
      }
      place = await postgres();
      const store = await openPostgres(place.url, { connections: 1 });
      await migrate(store);
      await store.close();
    });
    afterAll(() => place?.drop());

    const start = (vendor: string, limit: number, calls: number): Promise<{ refused: number }> =>
      new Promise((resolve, reject) => {
        const script = join(import.meta.dirname, 'governor-process.ts');
        const args = [script, backend, place.url, vendor, String(limit), String(calls)];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        child.once('exit', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`exit ${code}`))));
      });

    it('are never refused when they are alone, and use the budget up', async () => {
      const vendor = await openVendor(60);
      const both = await Promise.all([start(vendor.url, 60, 45), start(vendor.url, 60, 45)]);
      vendor.close();
      expect(both).toEqual([{ refused: 0 }, { refused: 0 }]);
      const took = (vendor.calls.at(-1) ?? 0) - (vendor.calls[0] ?? 0);
      process.stdout.write(`90 calls at 60 in 3 s took ${(took / 1000).toFixed(1)} s on ${backend}\n`);
      expect(took).toBeLessThan(20_000);
    }, 120_000);

    it('are refused once in a window at most where others use half of the account', async () => {
      const vendor = await openVendor(15);
      const both = await Promise.all([start(vendor.url, 30, 18), start(vendor.url, 30, 18)]);
      vendor.close();
      const { refusals, calls } = vendor;
      expect(both.reduce((sum, one) => sum + one.refused, 0)).toBe(refusals.length);
      expect(refusals.length).toBeGreaterThan(0);
      const apart = refusals.slice(1).map(({ at }, before) => at - (refusals[before]?.at ?? 0));
      process.stdout.write(
        `${refusals.length} of ${calls.length + refusals.length} calls refused, ${apart.join(', ')} ms apart, on ${backend}\n`,
      );
      // A vendor that stands still has several before it refuses the first; nobody sends another after that.
      const late = refusals.filter(({ at, sentAt }) =>
        refusals.some((first) => first.at < sentAt && at - first.at < WINDOW_MS),
      );
      expect(late).toEqual([]);
    }, 120_000);
  },
);

describe('connections of one account', () => {
  const declared = (limit: number, more = {}) => [{ name: 'general', limit, windowMs: 1000, about: 'test', ...more }];
  function bench(limit: number, more = {}) {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const end = new AbortController();
    const store = memoryBudgets();
    const granted: string[] = [];
    const governorOf = (owner: string) =>
      makeGovernor(declared(limit, more), clock, end.signal, { store, account: 'shop', owner });
    const ask = (governor: ReturnType<typeof governorOf>, name: string, trafficClass: TrafficClass = 'poll') =>
      void governor.permit(1, trafficClass).then(() => granted.push(name));
    return { clock, granted, governorOf, ask };
  }

  test('share its budget in turn, however much one of them wants', async () => {
    const { clock, granted, governorOf, ask } = bench(2);
    const [much, little] = [governorOf('much'), governorOf('little')];
    for (let number = 0; number < 100; number++) ask(much, 'much');
    await clock.advance(3000);
    for (let number = 0; number < 4; number++) ask(little, 'little');
    const before = granted.length;
    await clock.advance(6000);
    expect(granted.slice(before).filter((name) => name === 'little')).toHaveLength(4);
    expect(granted.length).toBeLessThanOrEqual(2 * 9 + 2);
  });

  test('let the more urgent go first, across connections', async () => {
    const { clock, granted, governorOf, ask } = bench(1);
    const [one, two] = [governorOf('one'), governorOf('two')];
    ask(one, 'first', 'backfill');
    await clock.advance(0);
    ask(one, 'backfill', 'backfill');
    await clock.advance(10);
    ask(two, 'webhook', 'webhook');
    await clock.advance(5000);
    expect(granted).toEqual(['first', 'webhook', 'backfill']);
  });

  test('leave nobody waiting for ever', async () => {
    const { clock, granted, governorOf, ask } = bench(1);
    const one = governorOf('one');
    ask(one, 'backfill', 'backfill');
    for (let second = 0; second < 100; second++) {
      ask(one, 'webhook', 'webhook');
      ask(one, 'webhook', 'webhook');
      await clock.advance(1000);
    }
    expect(granted).toContain('backfill');
  });

  test('all wait when one of them was told to', async () => {
    const { clock, granted, governorOf, ask } = bench(10);
    const [one, two] = [governorOf('one'), governorOf('two')];
    one.observeLimits({ window: '1s', notBefore: new Date(clock.now().getTime() + 4000) });
    await clock.advance(0);
    ask(two, 'two');
    await clock.advance(3900);
    expect(granted).toEqual([]);
    await clock.advance(200);
    expect(granted).toEqual(['two']);
  });

  test('keep below what the vendor bore when it refused, for a while', async () => {
    const { clock, granted, governorOf, ask } = bench(10);
    const one = governorOf('one');
    for (let number = 0; number < 400; number++) ask(one, 'call');
    await clock.advance(200);
    const borne = granted.length;
    one.observeLimits({ window: '1s', notBefore: new Date(clock.now().getTime() + 1000) });
    await clock.advance(1000);
    const before = granted.length;
    await clock.advance(3000);
    const slow = granted.length - before;
    expect(slow).toBeLessThanOrEqual(3 * borne);
    await clock.advance(30_000);
    const late = granted.length;
    await clock.advance(3000);
    expect(granted.length - late).toBeGreaterThan(slow);
  });

  test('have no more going at once than the vendor bears', async () => {
    const { clock, granted, governorOf, ask } = bench(10, { concurrency: 2 });
    const one = governorOf('one');
    for (let number = 0; number < 20; number++) ask(one, 'call');
    await clock.advance(0);
    expect(granted).toHaveLength(2);
    await clock.advance(100);
    expect(granted).toHaveLength(3);
  });

  test('know after a restart what was spent before it', async () => {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const kept = memoryBudgets();
    const granted: string[] = [];
    const live = async (name: string) => {
      const store = rememberedBudgets(kept, { clock, log: silentLog });
      const end = new AbortController();
      const hourly = [{ name: 'general', limit: 3, windowMs: 3_600_000, about: 'test' }];
      const governor = makeGovernor(hourly, clock, end.signal, { store, account: 'shop', owner: name });
      const asked = Promise.allSettled([1, 2].map(() => governor.permit(1, 'poll').then(() => granted.push(name))));
      await clock.advance(100);
      end.abort(new Error('stopped'));
      await asked;
      await store.close();
    };
    await live('before');
    await live('after');
    expect(granted).toEqual(['before', 'before', 'after']);
  });

  test('are read again when the store was away at the first look', async () => {
    const kept = memoryBudgets();
    let isAway = true;
    const all = () => (isAway ? Promise.reject(new Error('the disk is full')) : kept.all());
    const store = rememberedBudgets({ ...kept, all }, { clock: makeTestClock(), log: silentLog });
    const [name, state] = ['shop/general', { calls: 1 }];
    const spend = () => store.update(name, () => ({ state, result: 'spent' }));
    await expect(spend()).rejects.toThrow('the disk is full');
    isAway = false;
    expect([await spend(), (await store.all()).get(name)]).toEqual(['spent', state]);
    await store.close();
  });

  test('have no more in flight than the vendor bears, until they are answered or nobody can tell any more', async () => {
    const { clock, granted, governorOf } = bench(100, { concurrency: 2 });
    const [one, two] = [governorOf('one'), governorOf('two')];
    const calls = Array.from({ length: 4 }, () => new AbortController());
    calls.forEach((call, at) => {
      void (at % 2 ? two : one).permit(1, 'poll', undefined, call.signal).then(() => granted.push(`call ${at}`));
    });
    await clock.advance(5000);
    expect(granted).toHaveLength(2);
    calls[Number(granted[0]?.at(-1))]?.abort();
    await clock.advance(100);
    expect(granted).toHaveLength(3);
    await clock.advance(50_000);
    expect(granted).toHaveLength(3);
    await clock.advance(10_000); // Their processes died: they were let go a minute ago.
    expect(granted).toHaveLength(4);
  });

  test('are refused once in a window at most, whatever half of the account somebody else takes', async () => {
    const cases = fc.record({
      limit: fc.integer({ min: 4, max: 40 }),
      latencies: fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 10 }),
      others: fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 10 }),
      tells: fc.boolean(),
    });
    let refusedInAll = 0;
    await fc.assert(
      fc.asyncProperty(cases, async ({ limit, latencies, others, tells }) => {
        const { clock, governorOf } = bench(limit);
        const now = () => clock.now().getTime();
        const taken: { at: number; isOther: boolean }[] = [];
        const recent = () => taken.filter(({ at }) => at > now() - 1000);
        const refusals: number[] = [];
        let done = 0;
        const work = async (governor: ReturnType<typeof governorOf>) => {
          for (let turn = 0; turn < 25; turn++) {
            const over = new AbortController();
            await governor.permit(1, 'poll', undefined, over.signal);
            const latency = latencies[(turn + done) % latencies.length] ?? 1;
            await clock.sleep(latency / 2);
            const isRefused = recent().length >= limit;
            if (isRefused) refusals.push(now());
            else taken.push({ at: now(), isOther: false });
            const remaining = limit - recent().length;
            await clock.sleep(latency / 2);
            if (isRefused) governor.observeLimits({ window: 'pause', notBefore: new Date(now() + 100) });
            else if (tells) governor.observeLimits({ window: '1s', limit, remaining });
            over.abort();
          }
          done += 1;
        };
        const workers = ['one', 'two', 'three'].flatMap((owner) => {
          const governor = governorOf(owner);
          return [work(governor), work(governor)];
        });
        for (let step = 0; step < 12_000 && done < workers.length; step++) {
          const isDue = step % (1 + (others[step % others.length] ?? 0)) === 0;
          const ofOthers = recent().filter(({ isOther }) => isOther).length;
          if (isDue && ofOthers < limit / 2 && recent().length < limit) taken.push({ at: now(), isOther: true });
          await clock.advance(10);
        }
        expect(done).toBe(workers.length);
        refusedInAll += refusals.length;
        refusals.slice(1).forEach((at, before) => {
          expect(at - (refusals[before] ?? 0)).toBeGreaterThanOrEqual(1000);
        });
      }),
      { numRuns: 8 },
    );
    expect(refusedInAll).toBeGreaterThan(0);
  }, 20_000);

  test('spend nothing for one who gave up', async () => {
    const { clock, granted, governorOf, ask } = bench(1);
    const one = governorOf('one');
    ask(one, 'first');
    await clock.advance(0);
    const gone = new AbortController();
    const waiting = one.permit(1, 'poll', 'general', undefined, gone.signal);
    gone.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
    ask(one, 'second');
    await clock.advance(1300);
    expect(granted).toEqual(['first', 'second']);
  });
});
