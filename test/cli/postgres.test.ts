import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openApp, openAppQueue } from '../../src/app.ts';
import { publicId } from '../../src/canonical/ids.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { requestRun } from '../../src/run/request-run.ts';
import { sweep } from '../../src/run/schedule.ts';
import { postgres, waitFor } from '../support/services.ts';
import { CONFIG, makePlace, product, products } from './support.ts';

const MINUTE = 60_000;

it(
  'two stores of different kinds and histories export the same lines',
  async () => {
    await using database = await postgres();
    await using embedded = await makePlace();
    await using server = await makePlace(`database_url: ${database.url}\n${CONFIG}`);
    const last = products(
      ['Ä-2', 'a-10', 'A-1', 'b'].map((sku, at) =>
        product(sku, { price: at === 1 ? '9.5' : '9.50', name: `N ${sku} \\ 😀` }),
      ),
    );
    // One store gets there by way of an earlier file, the other at once.
    embedded.put('feeds/products-1.csv', products([product('A-1', { name: 'before' }), product('b')]));
    expect((await embedded.run('sync', 'feeds')).code).toBe(0);
    for (const place of [embedded, server]) {
      writeFileSync(join(place.dir, 'feeds/products-2.csv'), last);
      place.put('feeds/inventory-1.csv', 'sku,location,quantity,as_of\nb,outlet,7,2026-11-20T09:00:00Z\n');
      expect((await place.run('sync', 'feeds')).code).toBe(0);
    }
    for (const entity of ['product', 'variant', 'location', 'stock']) {
      const [one, other] = [await embedded.run('export', entity), await server.run('export', entity)];
      expect(one).toEqual(other);
      if (entity !== 'location') expect(one.out.split('\n').length).toBeGreaterThan(4);
    }
    expect((await server.run('doctor')).out).toMatch(/ok +store: PostgreSQL/);
  },
  2 * MINUTE,
);

it(
  'a command on PostgreSQL waits for the run that another worker has',
  async () => {
    await using database = await postgres();
    await using place = await makePlace(`database_url: ${database.url}\n${CONFIG}`);
    place.put('feeds/products-1.csv', products(Array.from({ length: 300 }, (_, at) => product(`W-${at}`))));
    expect((await place.run('migrate')).code).toBe(0);
    const both = await Promise.all([
      place.run('sync', 'feeds/products', '--json'),
      place.run('sync', 'feeds/products', '--json'),
    ]);
    const runs = both.map(({ out }) => JSON.parse(out)[0]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(runs.map((run) => run.created).sort()).toEqual([0, 300]);
  },
  2 * MINUTE,
);

it(
  'programs of two tenants on one database leave each other their runs',
  async () => {
    await using database = await postgres();
    const open = async (tenant: string) => {
      const place = await makePlace(`database_url: ${database.url}\n${CONFIG.replace('acme', tenant)}`);
      const app = await openApp(loadConfig({ dir: place.dir, env: {} }), { log: silentLog });
      const queue = await openAppQueue(app);
      const runs: string[] = [];
      const woken: string[] = [];
      for (const stream of app.streams.all)
        runs.push(publicId('run', await requestRun(app.runs, stream, { mode: 'incremental', trigger: 'command' })));
      await queue.work(
        async ({ run }) => {
          woken.push(run);
          return null;
        },
        { concurrency: 1 },
      );
      const close = async () => {
        await queue.close();
        await app.close();
        await place[Symbol.asyncDispose]();
      };
      return { runs, woken, close, sweep: () => sweep(app.runs, queue, app.streams.tenant) };
    };
    const programs = [await open('acme'), await open('globex')];
    try {
      for (const program of programs) expect(await program.sweep()).toBe(program.runs.length);
      await waitFor(
        'the wakes of both',
        () => programs.every(({ runs, woken }) => woken.length >= runs.length) || undefined,
      );
      for (const { runs, woken } of programs) expect(woken.toSorted()).toEqual(runs.toSorted());
    } finally {
      for (const program of programs) await program.close();
    }
  },
  2 * MINUTE,
);
