import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CONFIG, inThisProcess, makePlace, product, products } from './support.ts';

const MINUTE = 60_000;

it(
  'what a connection said counts on, and is explained, after it left the configuration',
  async () => {
    await using place = await makePlace();
    place.put('feeds/products-1.csv', products([product('A', { name: 'First', at: '2026-11-20T08:00:00Z' })]));
    place.put('other/products-1.csv', products([product('A', { name: 'Other', at: '2026-11-20T07:00:00Z' })]));
    const before = inThisProcess(place.dir);
    expect((await before.run('sync')).code).toBe(0);
    await before.close();
    place.put('tributary.yaml', CONFIG.slice(0, CONFIG.indexOf('  other:')));
    place.put('feeds/products-2.csv', products([product('A', { name: 'Third', at: '2026-11-20T09:00:00Z' })]));
    const after = inThisProcess(place.dir);
    expect(await after.run('sync')).toMatchObject({ code: 0, err: '' });
    const explained = await after.run('explain', 'product', 'A', 'name');
    expect(explained).toMatchObject({
      code: 0,
      out: expect.stringMatching(/name = Third\n(?:.*\n)*.*lost: Other, because it changed earlier/),
    });
    expect((await after.run('sync', 'other')).code).toBe(2);
    await after.close();
  },
  MINUTE,
);

it(
  'a process leaves the spill files of others alone, and removes those of dead ones',
  async () => {
    await using place = await makePlace();
    const scratch = join(place.dir, '.tributary/scratch');
    const [alive, dead] = [String(process.ppid), '999999999'];
    for (const pid of [alive, dead]) mkdirSync(join(scratch, pid), { recursive: true });
    const here = inThisProcess(place.dir);
    expect((await here.run('connections', 'check', 'feeds')).code).toBe(0);
    expect(readdirSync(scratch).sort()).toEqual([alive, String(process.pid)].sort());
    await here.close();
    expect(existsSync(join(scratch, String(process.pid)))).toBe(false);
  },
  MINUTE,
);
