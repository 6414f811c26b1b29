import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import type { Wake, WakeOptions } from '../../src/queue/types.ts';
import { claimRun, createRun, moveRun } from '../../src/run/runs.ts';
import { sweep, tick } from '../../src/run/schedule.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const LEASE_MS = 60_000;

type Scheduled = Parameters<typeof tick>[1][number];

let count = 0;

/** A stream of its own, with a schedule. */
async function streamOf(store: Store, every: string, timezone = 'UTC'): Promise<Scheduled> {
  count += 1;
  const name = `shop-${count}`;
  const [tenant] = await store.rows<{ id: number }>(sql`insert into tenant (name) values (${name}) returning id`);
  const [connection] = await store.rows<{ id: number }>(
    sql`insert into connection (tenant, name, connector, settings) values (${tenant?.id}, ${name}, 'feed', '{}') returning id`,
  );
  const [stream] = await store.rows<{ id: number }>(
    sql`insert into stream (tenant, connection_id, name, every, timezone) values (${tenant?.id}, ${connection?.id}, 'products', ${every}, ${timezone}) returning id`,
  );
  const config = { name: 'products', mappings: [], every, timezone, settings: {} };
  return { id: stream?.id ?? 0, tenant: tenant?.id ?? 0, config, writes: null };
}

type Run = { id: number; state: string; due: string; trigger: string; mode: string };

const runsOf = (store: Store, stream: Scheduled): Promise<Run[]> =>
  store.rows(
    sql`select id, state, trigger, mode, to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') as due from run where stream_id = ${stream.id} order by due_at, id`,
  );

async function logOf(store: Store, run: number): Promise<string[]> {
  const rows = await store.rows<{ message: string }>(
    sql`select message from run_log where run_id = ${run} order by at, message`,
  );
  return rows.map((row) => row.message);
}

async function nextDue(store: Store, stream: Scheduled): Promise<string | undefined> {
  const [row] = await store.rows<{ next_due_at: Date | null }>(
    sql`select next_due_at from stream where id = ${stream.id}`,
  );
  return row?.next_due_at?.toISOString();
}

describe('ticks', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());
  /** Ends what runs, as if its slices had come to their end. */
  const finish = async (id: number, clock: TestClock) => {
    await claimRun(store, id, clock.now(), LEASE_MS);
    await moveRun(store, id, 'succeeded', clock.now());
  };

  it('make a run at once for a stream that never had one, and say when it is due next', async () => {
    const clock = makeTestClock('2026-11-21T12:07:20Z');
    const stream = await streamOf(store, 'hourly');
    const made = await tick({ store, clock }, [stream]);
    expect(await runsOf(store, stream)).toEqual([
      { id: made[0], state: 'queued', due: '2026-11-21T12:07:20', trigger: 'schedule', mode: 'incremental' },
    ]);
    expect(await nextDue(store, stream)).toBe('2026-11-21T13:00:00.000Z');
  });

  it('make nothing before the time has come, and one run when it has', async () => {
    const clock = makeTestClock('2026-11-21T12:07:20Z');
    const stream = await streamOf(store, 'hourly');
    const [first] = await tick({ store, clock }, [stream]);
    await finish(first ?? 0, clock);
    await clock.advance(52 * MINUTE);
    expect(await tick({ store, clock }, [stream])).toEqual([]);
    await clock.advance(40_000);
    const [second] = await tick({ store, clock }, [stream]);
    expect((await runsOf(store, stream)).map((run) => run.due)).toEqual(['2026-11-21T12:07:20', '2026-11-21T13:00:00']);
    expect(await tick({ store, clock }, [stream])).toEqual([]);
    expect(await logOf(store, second ?? 0)).toEqual([]);
  });

  it('go on when the clock is set back, which was far ahead', async () => {
    const clock = makeTestClock('2029-11-21T12:07:20Z');
    const stream = await streamOf(store, 'hourly');
    const [first] = await tick({ store, clock }, [stream]);
    await finish(first ?? 0, clock);
    const right = makeTestClock('2026-11-21T12:10:00Z');
    await tick({ store, clock: right }, [stream]);
    expect(await nextDue(store, stream)).toBe('2026-11-21T13:00:00.000Z');
    await right.advance(HOUR);
    expect(await tick({ store, clock: right }, [stream])).toHaveLength(1);
  });

  it('go on with the others where something is wrong with one stream', async () => {
    const clock = makeTestClock();
    const [wrong, right] = [await streamOf(store, '5/10 * * * *'), await streamOf(store, 'hourly')];
    await expect(tick({ store, clock }, [wrong, right])).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    expect(await runsOf(store, right)).toHaveLength(1);
  });

  it('keep each stream to its own zone', async () => {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const [berlin, tokyo] = [
      await streamOf(store, 'daily', 'Europe/Berlin'),
      await streamOf(store, 'daily', 'Asia/Tokyo'),
    ];
    await tick({ store, clock }, [berlin, tokyo]);
    expect([await nextDue(store, berlin), await nextDue(store, tokyo)]).toEqual([
      '2026-11-21T23:00:00.000Z',
      '2026-11-21T15:00:00.000Z',
    ]);
  });

  it('leave a manual stream alone', async () => {
    const stream = await streamOf(store, 'manual');
    expect(await tick({ store, clock: makeTestClock() }, [stream])).toEqual([]);
    expect(await nextDue(store, stream)).toBeUndefined();
  });

  it('make up for missed times with one run, which says so', async () => {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const stream = await streamOf(store, 'hourly');
    const [first] = await tick({ store, clock }, [stream]);
    await finish(first ?? 0, clock);
    await clock.advance(5 * HOUR + 10 * MINUTE);
    const made = await tick({ store, clock }, [stream]);
    expect(made).toHaveLength(1);
    expect((await runsOf(store, stream)).at(-1)).toMatchObject({ id: made[0], due: '2026-11-21T17:00:00' });
    expect(await logOf(store, made[0] ?? 0)).toEqual([
      '5 due times passed while nobody was there; this run makes up for all of them',
    ]);
    expect(await nextDue(store, stream)).toBe('2026-11-21T18:00:00.000Z');
  });

  it('after months do not count every one', async () => {
    const clock = makeTestClock('2026-01-01T12:00:00Z');
    const stream = await streamOf(store, '15m');
    const [first] = await tick({ store, clock }, [stream]);
    await finish(first ?? 0, clock);
    await clock.advance(300 * 24 * HOUR + MINUTE);
    const [made] = await tick({ store, clock }, [stream]);
    expect((await runsOf(store, stream)).at(-1)).toMatchObject({ id: made, due: '2026-10-28T12:00:00' });
    expect((await logOf(store, made ?? 0))[0]).toContain('100 or more due times passed');
  });

  it.each(['queued', 'running'])('that find a run %s write into its log and make no second one', async (state) => {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const stream = await streamOf(store, '15m');
    const [live] = await tick({ store, clock }, [stream]);
    if (state === 'running') await claimRun(store, live ?? 0, clock.now(), LEASE_MS);
    await clock.advance(16 * MINUTE);
    expect(await tick({ store, clock }, [stream])).toEqual([]);
    await clock.advance(15 * MINUTE);
    expect(await tick({ store, clock }, [stream])).toEqual([]);
    expect((await runsOf(store, stream)).map((run) => [run.id, run.state])).toEqual([[live, state]]);
    expect(await logOf(store, live ?? 0)).toEqual([
      'the schedule was due at 2026-11-21T12:15:00.000Z while this run was going; no second run was made',
      'the schedule was due at 2026-11-21T12:30:00.000Z while this run was going; no second run was made',
    ]);
    expect(await nextDue(store, stream)).toBe('2026-11-21T12:45:00.000Z');
  });

  it('a daily time that the clocks leave out makes its run right after', async () => {
    const clock = makeTestClock('2026-03-28T12:00:00Z');
    const stream = await streamOf(store, '30 2 * * *', 'Europe/Berlin');
    const [first] = await tick({ store, clock }, [stream]);
    await finish(first ?? 0, clock);
    await clock.advance(12 * HOUR + 59 * MINUTE);
    expect(await tick({ store, clock }, [stream])).toEqual([]);
    await clock.advance(MINUTE);
    expect(await tick({ store, clock }, [stream])).toHaveLength(1);
    expect((await runsOf(store, stream)).at(-1)?.due).toBe('2026-03-29T01:00:00');
  });

  it('stay due when the run could not be made', async () => {
    const clock = makeTestClock('2026-11-21T12:00:00Z');
    const stream = await streamOf(store, 'hourly');
    const cut: Store = {
      ...store,
      transaction: (work) =>
        store.transaction(async (tx) => {
          await work(tx);
          throw new Error('cut off before the commit');
        }),
    };
    await expect(tick({ store: cut, clock }, [stream])).rejects.toThrow('cut off');
    expect(await runsOf(store, stream)).toEqual([]);
    expect(await tick({ store, clock }, [stream])).toHaveLength(1);
  });
});

describe('the sweep', () => {
  let store: Store;
  const woken: (Wake & WakeOptions)[] = [];
  const queue = {
    wake: async (wake: Wake, options: WakeOptions = {}) => {
      woken.push({ ...wake, ...options });
    },
  };
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterEach(async () => {
    woken.length = 0;
    await store.rows(sql`delete from run`);
  });
  afterAll(() => store.close());
  const runOf = async (stream: Scheduled, clock: TestClock, run: Partial<Parameters<typeof createRun>[1]> = {}) => {
    const all = {
      tenant: stream.tenant,
      streamId: stream.id,
      mode: 'incremental',
      trigger: 'schedule',
      dueAt: clock.now(),
      ...run,
    } as const;
    return (await createRun(store, all)) ?? 0;
  };

  it('wakes due runs with their class', async () => {
    const clock = makeTestClock();
    const stream = await streamOf(store, 'hourly');
    const poll = await runOf(stream, clock);
    const hook = await runOf(stream, clock, { trigger: 'webhook', dueAt: new Date('2026-11-21T11:00:00Z') });
    const full = await runOf(stream, clock, {
      mode: 'full',
      trigger: 'command',
      dueAt: new Date('2026-11-21T13:00:00Z'),
    });
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(3);
    const tenant = String(stream.tenant);
    expect(woken).toEqual([
      { run: publicId('run', hook), tenant, class: 'webhook' },
      { run: publicId('run', poll), tenant, class: 'poll' },
      { run: publicId('run', full), tenant, class: 'backfill' },
    ]);
  });

  it('leaves a run alone while its worker shows signs of life, and wakes it when those end', async () => {
    const clock = makeTestClock();
    const stream = await streamOf(store, 'hourly');
    const id = await runOf(stream, clock);
    await claimRun(store, id, clock.now(), LEASE_MS);
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(0);
    await clock.advance(LEASE_MS + 1);
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(1);
  });

  it('leaves runs alone that nobody here could work on: those of another tenant, and of a stream that is gone', async () => {
    const clock = makeTestClock();
    const stream = await streamOf(store, 'hourly');
    await runOf(stream, clock);
    await runOf(await streamOf(store, 'hourly'), clock);
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(1);
    await store.rows(sql`update stream set removed_at = now() where id = ${stream.id}`);
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(0);
  });

  it('leaves a run alone before its next attempt, and when it is at its end', async () => {
    const clock = makeTestClock();
    const stream = await streamOf(store, 'hourly');
    const later = await runOf(stream, clock);
    await store.rows(
      sql`update run set next_attempt_at = ${new Date(clock.now().getTime() + MINUTE).toISOString()}::timestamptz where id = ${later}`,
    );
    const done = await runOf(stream, clock, { dueAt: new Date('2026-11-21T11:00:00Z') });
    await claimRun(store, done, clock.now(), LEASE_MS);
    await moveRun(store, done, 'succeeded', clock.now());
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(0);
    await clock.advance(MINUTE);
    expect(await sweep({ store, clock }, queue, stream.tenant)).toBe(1);
  });
});

describe.runIf(await requireService('postgres', 'schedulers on one PostgreSQL'))('any number of schedulers', () => {
  it('make one run for each due time, the very first included', async () => {
    await using database = await postgres();
    const stores = await Promise.all([0, 1, 2].map(() => openPostgres(database.url, { connections: 4 })));
    const [store] = stores;
    if (!store) throw new Error('no store');
    try {
      await migrate(store);
      const clock = makeTestClock('2026-11-21T12:00:00Z');
      // Their clocks are never quite the same.
      const clocks = [0, 7, 33].map((ahead) => ({ ...clock, now: () => new Date(clock.now().getTime() + ahead) }));
      const streams: Scheduled[] = [];
      for (let at = 0; at < 10; at += 1) streams.push(await streamOf(store, 'hourly'));
      for (let hour = 0; hour < 5; hour += 1) {
        const made = await Promise.all(
          stores.map((one, at) => tick({ store: one, clock: clocks[at] ?? clock }, streams)),
        );
        expect(made.flat()).toHaveLength(streams.length);
        for (const stream of streams) {
          const runs = await runsOf(store, stream);
          expect(runs).toHaveLength(hour + 1);
          const last = runs.at(-1)?.id ?? 0;
          await claimRun(store, last, clock.now(), LEASE_MS);
          // Whoever comes too late does not take the run of the others for one that is in its way.
          expect(await logOf(store, last)).toEqual([]);
          await moveRun(store, last, 'succeeded', clock.now());
        }
        await clock.advance(HOUR);
      }
    } finally {
      await Promise.all(stores.map((one) => one.close()));
    }
  });
});
