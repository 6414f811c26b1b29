import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { qualify, readSchemaNames } from '../../src/queue/qualify.ts';
import { openQueue, type WakeQueue } from '../../src/queue/queue.ts';
import { gate, memoryLog, newPrefix, QUICK, wakeOf } from './support.ts';
import { until } from './until.ts';

describe('a PGlite session shared with the store', () => {
  let pglite: PGlite;
  let queue: WakeQueue;
  let statements: string[] = [];
  beforeAll(async () => {
    pglite = await PGlite.create();
    // As a store may have them: names that BullMQ has as well.
    await pglite.exec('create table job (id integer); create table meta (id integer); insert into job values (7)');
    const query = pglite.query.bind(pglite);
    pglite.query = (text, ...rest) => {
      statements.push(text);
      return query(text, ...rest);
    };
  });
  beforeEach(async () => {
    queue = await openQueue({ kind: 'pglite', pglite }, { log: memoryLog(), prefix: newPrefix(), tuning: QUICK });
  });
  afterEach(() => queue.close());
  afterAll(() => pglite.close());

  it('refuses queue calls in a transaction of the store, and goes on after it', async () => {
    const refused = { code: 'ERR_INTERNAL', message: expect.stringContaining('inside a transaction') };
    await pglite.transaction(async (tx) => {
      await tx.query('insert into job values (8)');
      await expect(queue.wake(wakeOf('run_1'))).rejects.toMatchObject(refused);
      await expect(queue.counts()).rejects.toMatchObject(refused);
      await expect(queue.ping()).rejects.toMatchObject(refused);
      await expect(queue.work(async () => null, { concurrency: 1 })).rejects.toMatchObject(refused);
      await tx.query('insert into job values (9)');
    });
    expect((await pglite.query('select * from job order by id')).rows).toEqual([{ id: 7 }, { id: 8 }, { id: 9 }]);
    await pglite.query('delete from job where id > 7');
    await queue.wake(wakeOf('run_1'));
    expect(await queue.counts()).toMatchObject({ waiting: 1 });
  });

  it('lets calls that a transaction left behind pass once it has ended', async () => {
    const { passed, open } = gate();
    let left: Promise<void> = Promise.resolve();
    await expect(
      pglite.transaction(async (tx) => {
        left = passed.then(() => queue.wake(wakeOf('run_1')));
        await tx.query('select 1');
        throw new Error('rolled back');
      }),
    ).rejects.toThrow('rolled back');
    open();
    await left;
    expect(await queue.counts()).toMatchObject({ waiting: 1 });
  });

  it('works beside a store that is always in a transaction', async () => {
    const seen = new Set<string>();
    await pglite.exec('create table if not exists page (n integer)');
    const writePage = () =>
      pglite.transaction(async (tx) => {
        for (let n = 0; n < 5; n += 1) await tx.query('insert into page select generate_series(1, 200)');
        if (seen.size % 2) throw new Error('a page that rolls back');
      });
    await queue.work(
      async ({ run }) => {
        await writePage().catch(() => undefined);
        seen.add(run);
        return null;
      },
      { concurrency: 8 },
    );
    let isOver = false;
    const loader = (async () => {
      while (!isOver) await writePage().catch(() => undefined);
    })();
    await Promise.all(Array.from({ length: 60 }, (_, n) => queue.wake(wakeOf(`run_${n}`))));
    await until(() => seen.size === 60, '60 slices');
    isOver = true;
    await loader;
    await until(async () => (await queue.counts()).active === 0, 'an idle queue');
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
  });

  it('leaves the search path and names of the store alone', async () => {
    const before = [{ search_path: 'public' }];
    await queue.work(async () => null, { concurrency: 1 });
    await queue.wake(wakeOf('run_1'));
    await until(async () => (await queue.counts()).waiting === 0, 'an idle queue');
    expect((await pglite.query('show search_path')).rows).toEqual(before);
    expect((await pglite.query('select * from job')).rows).toEqual([{ id: 7 }]);
    expect(
      (
        await pglite.query(
          "select count(*)::int as tables from pg_tables where schemaname = 'public' and tablename not in ('job', 'meta', 'page')",
        )
      ).rows,
    ).toEqual([{ tables: 0 }]);
  });

  it('writes out the schema in every statement that BullMQ has', async () => {
    const names = await readSchemaNames(pglite);
    const wrong: string[] = [];
    for (const [name, sql] of Object.entries(bullCommands())) {
      if (/^\s*listen/im.test(sql)) continue;
      const failed = await pglite.exec(`prepare probe as ${qualify(sql, names)}`).then(
        () => null,
        (error: Error) => error.message,
      );
      if (failed === null) await pglite.exec('deallocate probe');
      else wrong.push(`${name}: ${failed}`);
    }
    expect(wrong).toEqual([]);
    expect(names.functions.size).toBeGreaterThan(40);
    // The rest of what it runs is in functions: those that touch tables must carry the path themselves (the relay, unused, does not).
    const { rows } = await pglite.query(
      `select proname from pg_proc where pronamespace = 'bullmq'::regnamespace
        and coalesce(proconfig::text, '') not like '%search_path=bullmq%' and provolatile <> 'i' and proname not like 'relay%'`,
    );
    expect(rows).toEqual([]);
  });

  it('costs next to nothing when idle', async () => {
    await queue.close();
    const stalledMs = 300;
    queue = await openQueue(
      { kind: 'pglite', pglite },
      { log: memoryLog(), prefix: newPrefix(), tuning: { stalledMs, drainMs: 1200 } },
    );
    await queue.work(async () => null, { concurrency: 8 });
    await queue.wake(wakeOf('far'), { delayMs: 600_000 });
    const looks = () => statements.filter((text) => text.includes('move_stalled_jobs_to_wait')).length;
    await until(() => looks() > 1, 'the worker to be idle');
    statements = [];
    await until(() => looks() === 16, '16 looks for stalled slices');
    const others = statements.length - looks();
    // At the defaults (10 s, 30 s): 0.1 + 0.2 statements a second at most.
    expect(others).toBeLessThanOrEqual(4 * 6);
  }, 30_000);
});

/** Not exported by BullMQ, hence by its file. */
function bullCommands(): Record<string, string> {
  const load = createRequire(import.meta.url);
  const found: { SQL_COMMANDS: Record<string, string> } = load(
    join(dirname(load.resolve('bullmq')), 'postgres', 'sql-scripts.js'),
  );
  return found.SQL_COMMANDS;
}
