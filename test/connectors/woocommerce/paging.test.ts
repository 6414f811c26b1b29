import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/connector/index.ts';
import type { Faults } from '../../../src/sandbox/faults.ts';
import type { VendorSystem } from '../../../src/sandbox/system.ts';
import { fakeVendor } from '../support.ts';
import { idsOf, openShop, openSource, readAll } from './support.ts';

/** Does something once, behind the n-th list that is read. */
function behindList(nth: number, work: () => Promise<unknown>): Partial<Faults> {
  let lists = 0;
  return {
    betweenPages: () => {
      lists += 1;
      if (lists === nth) void work();
    },
  };
}

describe('records that are deleted between two pages', () => {
  it('take others along where pages are numbered', async () => {
    await using shop = await openShop();
    const page = async (no: number) => (await shop.call(`products?per_page=5&page=${no}&orderby=id&order=asc`)).body;
    const ids = (body: Json) => (Array.isArray(body) ? body.map((one) => String(Object(one).id)) : []);
    const first = ids(await page(1));
    await shop.system.change({ kind: 'delete', stream: 'products', id: first[0] ?? '' });
    const second = ids(await page(2));
    const missed = idsOf(shop.system, 'products').filter((id) => ![...first, ...second].includes(id));
    expect(missed[0]).toBe(idsOf(shop.system, 'products')[4]);
  });

  it.each([1, 2, 3, 4])('take none along, behind list %i', async (nth) => {
    let system: VendorSystem | null = null;
    const faults = behindList(nth, async () => {
      for (const id of system ? idsOf(system, 'products').slice(0, 3) : [])
        await system?.change({ kind: 'delete', stream: 'products', id });
    });
    for (const mode of ['incremental', 'full'] as const) {
      await using shop = await openShop({ faults: { betweenPages: (stream) => faults.betweenPages?.(stream) } });
      system = shop.system;
      const { ids, pages } = await readAll(shop.source, 'products', { mode });
      expect(ids).toEqual(expect.arrayContaining(idsOf(shop.system, 'products')));
      expect(new Set(ids).size).toBe(ids.length);
      if (mode === 'full') expect(pages.at(-1)?.complete).toBe(true);
    }
  });

  it('take none along when more go than a page holds, and the last read among them', async () => {
    let system: VendorSystem | null = null;
    const faults = behindList(5, async () => {
      for (const id of system ? idsOf(system, 'products').slice(0, 17) : [])
        await system?.change({ kind: 'delete', stream: 'products', id });
    });
    await using shop = await openShop({ faults });
    system = shop.system;
    const { ids } = await readAll(shop.source, 'products', { mode: 'full', pageSize: 3 });
    expect(ids).toEqual(expect.arrayContaining(idsOf(shop.system, 'products')));
  });

  it('take none along between two processes', async () => {
    await using shop = await openShop();
    const begun = await readAll(shop.source, 'orders', { mode: 'full', most: 3 });
    for (const id of begun.ids.slice(2, 9)) await shop.system.change({ kind: 'delete', stream: 'orders', id });
    const rest = await readAll(shop.source, 'orders', { mode: 'full', cursor: begun.cursor });
    expect([...begun.ids, ...rest.ids]).toEqual(expect.arrayContaining(idsOf(shop.system, 'orders')));
    expect(new Set(rest.pages.map(({ window }) => window.id))).toEqual(new Set([begun.pages[0]?.window.id]));
  });

  it('are followed at random, whatever happens (seeded)', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      let state = seed;
      const random = (most: number) => {
        state = (state * 48_271) % 2_147_483_647;
        return state % most;
      };
      let system: VendorSystem | null = null;
      const untouched = new Set<string>();
      const betweenPages = () => {
        const ids = system ? idsOf(system, 'products') : [];
        const victim = ids[random(Math.max(1, ids.length))] ?? '';
        const what = random(3);
        if (what === 0) {
          untouched.delete(victim);
          void system?.change({ kind: 'delete', stream: 'products', id: victim });
        }
        if (what === 1) void system?.change({ kind: 'update', stream: 'products', id: victim, marker: 'edited' });
        if (what === 2) void system?.change({ kind: 'create', stream: 'products', marker: 'made' });
      };
      await using shop = await openShop({ faults: { betweenPages } });
      for (const id of idsOf(shop.system, 'products')) untouched.add(id);
      system = shop.system;
      const { ids } = await readAll(shop.source, 'products', { pageSize: 1 + random(6) });
      expect(ids, `seed ${seed}`).toEqual(expect.arrayContaining([...untouched]));
    }
  });
});

describe('a list that is not what it should be', () => {
  const settings = (url: string) => ({
    url,
    consumerKey: 'ck',
    consumerSecret: 'cs',
    currency: 'EUR',
    weightUnit: 'kg',
  });
  const clock = { now: () => new Date('2026-11-21T12:00:00Z'), sleep: () => Promise.resolve() };
  const page = (url: string) => {
    const query = new URL(url, 'http://x').searchParams;
    return { offset: Number(query.get('offset') ?? 0), size: Number(query.get('per_page') ?? 10) };
  };
  const all = Array.from({ length: 12 }, (_, at) => ({ id: at + 1, name: `No ${at + 1}` }));

  it('is a protocol error where the offset is ignored, instead of the first page over and over', async () => {
    await using vendor = await fakeVendor((request) => ({
      headers: { 'x-wp-total': '12' },
      body: all.slice(0, page(request.url).size),
    }));
    const source = await openSource(settings(vendor.url), clock);
    await expect(readAll(source, 'products')).rejects.toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL' });
  });

  it('is a protocol error where the order is another', async () => {
    await using vendor = await fakeVendor(() => ({
      headers: { 'x-wp-total': '3' },
      body: [{ id: 3 }, { id: 1 }, { id: 2 }],
    }));
    const source = await openSource(settings(vendor.url), clock);
    await expect(readAll(source, 'products')).rejects.toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL' });
  });

  it('is a protocol error without a total', async () => {
    await using vendor = await fakeVendor(() => ({ body: [] }));
    const source = await openSource(settings(vendor.url), clock);
    await expect(readAll(source, 'products')).rejects.toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL' });
  });

  it('never counts as complete where the shop hides what it counts', async () => {
    const hidden = [4, 5, 6, 7, 8, 9];
    await using vendor = await fakeVendor((request) => {
      const { offset, size } = page(request.url);
      const body = all.slice(offset, offset + size).filter(({ id }) => !hidden.includes(id));
      return { headers: { 'x-wp-total': '12' }, body };
    });
    const source = await openSource(settings(vendor.url), clock);
    const { ids, pages } = await readAll(source, 'products', { mode: 'full', pageSize: 2 });
    expect(ids).toEqual(['1', '2', '3', '10', '11', '12']);
    expect(pages.at(-1)).toMatchObject({ complete: false, expected: 12 });
    expect(pages.flatMap(({ problems }) => problems)).toEqual([
      { message: 'The shop counts records behind id 3 that it leaves out of its list.', position: 4, raw: null },
    ]);
  });

  it('tells of an element without an id by its place, and reads the others', async () => {
    await using vendor = await fakeVendor(() => ({
      headers: { 'x-wp-total': '3' },
      body: [{ id: 1 }, { name: 'who?' }, { id: 3 }],
    }));
    const source = await openSource(settings(vendor.url), clock);
    const { ids, pages } = await readAll(source, 'products', { mode: 'full' });
    expect(ids).toEqual(['1', '3']);
    expect(pages.at(-1)?.complete).toBe(false);
    const problems = pages.flatMap((one) => one.problems);
    expect(problems).toMatchObject([{ message: 'An element of the list has no id.', position: 2 }]);
    expect(Buffer.from(problems[0]?.raw ?? []).toString()).toBe('{"name":"who?"}');
  });

  it('keeps numbers as they were written', async () => {
    const text =
      '[ {"id":1,"price":138.14000000000001,"note":"a \\"]},{ b","big":12345678901234567890} , {"id":2,"list":[[1],{}]}]';
    const fetch = () => Promise.resolve(new Response(text, { headers: { 'x-wp-total': '2' } }));
    const { default: woocommerce } = await import('../../../connectors/woocommerce/index.ts');
    const { contextWith } = await import('./support.ts');
    const source = await woocommerce.open(
      woocommerce.config.parse(settings('https://shop.example')),
      contextWith(clock, { fetch }),
    );
    const { pages } = await readAll(source, 'products');
    expect(pages.flatMap(({ records }) => records.map(({ raw }) => Buffer.from(raw).toString()))).toEqual([
      '{"id":1,"price":138.14000000000001,"note":"a \\"]},{ b","big":12345678901234567890}',
      '{"id":2,"list":[[1],{}]}',
    ]);
  });
});
