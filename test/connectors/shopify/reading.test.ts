/** Traps of reading a shop: each test fails without the connector's answer to one. */
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import shopify from '../../../connectors/shopify/index.ts';
import type { JsonObject } from '../../../src/connector/contract.ts';
import { asTributaryError } from '../../../src/errors.ts';
import { makeHasher } from '../../../src/extract/hash.ts';
import { sampleStream } from '../../../src/run/sample-stream.ts';
import { makeWorld, type World } from '../../../src/sandbox/world.ts';
import { inTurn, openShop, readPass, requestOf } from './shop.ts';

/** The world with one product in so many sizes. */
function worldWithSizes(count: number): World {
  const world = makeWorld();
  const [first] = world.products;
  const [variant] = first?.variants ?? [];
  if (!first || !variant) throw new Error('an empty world');
  const variants = Array.from({ length: count }, (_, at) => ({
    ...variant,
    sku: `SIZE-${at}`,
    options: { Size: String(at) },
  }));
  return { ...world, products: [{ ...first, variants }, ...world.products.slice(1)] };
}

const listOf = (record: JsonObject | undefined, field: string): JsonObject[] => {
  const list = record?.[field];
  return Array.isArray(list) ? (list as JsonObject[]) : [];
};

const isDownload = ({ path }: { path: string }) => path.startsWith('/bulk/');
const isBulk = ({ method }: { method: string }) => method === 'BULK';

describe('nested lists', () => {
  it('are read to their end, by bulk, by changes and by id', async () => {
    await using shop = await openShop({ world: worldWithSizes(230) });
    const first = await readPass(shop, requestOf('products'));
    const [id = '', product] = [...first.records].find(([, one]) => listOf(one, 'variants').length > 1) ?? [];
    expect(listOf(product, 'variants').map(({ sku }) => sku)).toEqual(
      Array.from({ length: 230 }, (_, at) => `SIZE-${at}`),
    );
    await shop.system.change({ kind: 'update', stream: 'products', id, marker: 'new title' });
    await shop.clock.advance(60_000);
    const changed = await readPass(shop, requestOf('products', { cursor: first.cursor }));
    expect(changed.records.get(id)?.['title']).toBe('new title');
    expect(listOf(changed.records.get(id), 'variants')).toHaveLength(230);
    const single = await shop.source.readIds('products', [id]);
    expect(single.records.filter(({ parent }) => parent === id)).toHaveLength(230);
  });

  it('give a record the same bytes whichever way it came', async () => {
    await using shop = await openShop();
    const hashOf = (parts: readonly Uint8Array[]) => {
      const target = new Uint8Array(16);
      makeHasher({ context: {}, isJson: true, volatilePaths: [] }).write(parts, target, 0);
      return Buffer.from(target).toString('hex');
    };
    for (const stream of ['products', 'inventory', 'orders', 'customers']) {
      const whole = await readPass(shop, requestOf(stream, { mode: 'full' }));
      const ids = [...whole.records.keys()];
      const sorted = (
        pages: readonly { records: readonly { id: string | null; parent?: string; raw: Uint8Array }[] }[],
      ) => {
        const parts = pages.flatMap(({ records }) => [...records]);
        return ids.map((id) => {
          const root = parts.filter((part) => part.parent === undefined && part.id === id).map(({ raw }) => raw);
          const children = parts.filter(({ parent }) => parent === id).map(({ raw }) => raw);
          return hashOf([...root, ...children.sort(Buffer.compare)]);
        });
      };
      const byId = await shop.source.readIds(stream, ids);
      expect(sorted([byId])).toEqual(sorted(whole.pages));
    }
  });
});

describe('a bulk query', () => {
  it('whose result breaks off is read again, and nothing of the broken one counts', async () => {
    await using shop = await openShop({ onRequest: inTurn([{ kind: 'cut' }], isDownload) });
    const error = await readPass(shop, requestOf('orders', { mode: 'full' })).then(() => null, asTributaryError);
    expect(error?.code).toBe('ERR_CONNECTOR_UNREACHABLE');
    const whole = await readPass(shop, requestOf('orders', { mode: 'full' }));
    expect(whole.records.size).toBe(shop.system.truth('orders').size);
    expect(whole.pages.at(-1)?.complete).toBe(true);
  });

  it('for the first changes proves what is gone, as one of all does', async () => {
    await using shop = await openShop();
    const whole = await readPass(shop, requestOf('products', { mode: 'incremental' }));
    expect(whole.pages.at(-1)).toMatchObject({ complete: true, window: { kind: 'snapshot' } });
  });

  it('that brings more than it promised is not complete and says so', async () => {
    const long: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!String(url).includes('/bulk/')) return answer;
      const lines = (await answer.text()).trim().split('\n');
      return new Response(`${[...lines, lines.at(-1)].join('\n')}\n`, {
        headers: { 'content-type': 'application/jsonl' },
      });
    };
    await using shop = await openShop({ fetch: (url, init) => long(url, init) });
    const pass = await readPass(shop, requestOf('customers', { mode: 'full' }));
    expect(pass.pages.some(({ complete }) => complete)).toBe(false);
    expect(pass.pages.at(-1)?.problems[0]?.message).toBe(
      'the bulk query promised 24 records in 24 lines and brought 25 in 25',
    );
  });

  it('that failed is started again, and its partial result is never read', async () => {
    await using shop = await openShop({ onRequest: inTurn([{ kind: 'unavailable', status: 500 }], isBulk) });
    const whole = await readPass(shop, requestOf('customers', { mode: 'full' }));
    expect(whole.records.size).toBe(24);
    expect(shop.system.requests.filter(({ path }) => path.includes('partial'))).toEqual([]);
  });

  it('that fails each time ends in an error, and may be tried again later', async () => {
    const faults = Array.from({ length: 3 }, () => ({ kind: 'cut' as const }));
    await using shop = await openShop({ onRequest: inTurn(faults, isBulk) });
    const error = await readPass(shop, requestOf('customers', { mode: 'full' })).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL', retry: 'terminal' });
    expect((await readPass(shop, requestOf('customers', { mode: 'full' }))).records.size).toBe(24);
  });

  it('that the shop has no place for waits, and cancels nobody else', async () => {
    await using shop = await openShop();
    for (let no = 0; no < 5; no += 1)
      await shop.ask(
        'mutation { bulkOperationRunQuery(query: "{ products { edges { node { id } } } }") { bulkOperation { id } userErrors { message } } }',
      );
    const error = await readPass(shop, requestOf('products')).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_LIMITED', notBefore: expect.any(Date) });
    await shop.clock.advance(60_000);
    expect((await readPass(shop, requestOf('products'))).records.size).toBe(shop.system.truth('products').size);
  });

  it('that finds nothing is one empty page, complete', async () => {
    const world = { ...makeWorld(), orders: [] };
    await using shop = await openShop({ world });
    const { pages } = await readPass(shop, requestOf('orders', { mode: 'full' }));
    expect(pages.at(-1)).toMatchObject({ records: [], complete: true, expected: 0 });
  });

  it('of orders proves nothing where older ones are hidden', async () => {
    const hidden: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!String(init?.body).includes('TributaryScopes')) return answer;
      const text = (await answer.text()).replace('{"handle":"read_all_orders"},', '');
      return new Response(text, { headers: { 'content-type': 'application/json' } });
    };
    await using shop = await openShop({ fetch: (url, init) => hidden(url, init) });
    const { pages } = await readPass(shop, requestOf('orders', { mode: 'full' }));
    expect(pages.some(({ complete }) => complete)).toBe(false);
  });
});

describe('a sample', () => {
  it.each(['products', 'inventory', 'orders', 'customers', 'locations'])(
    'of %s shows records, and starts no bulk query',
    async (name) => {
      await using shop = await openShop();
      const stream = shop.source.streams().find((one) => one.name === name);
      if (!stream) throw new Error(`no stream ${name}`);
      const request = { source: shop.source, stream, connector: shopify, mappings: [], limit: 3, scratchDir: tmpdir() };
      const { records } = await sampleStream(request);
      expect(records.length).toBeGreaterThan(0);
      expect(records.every(({ problem, decoded }) => problem === null && decoded !== null)).toBe(true);
      expect(shop.system.requests.some(({ method }) => method === 'BULK')).toBe(false);
    },
  );
});

describe('changes', () => {
  it('of stock are found by the product that moved, though the item did not', async () => {
    await using shop = await openShop();
    const before = await readPass(shop, requestOf('inventory'));
    await shop.clock.advance(3_600_000);
    const quiet = await readPass(shop, requestOf('inventory', { cursor: before.cursor }));
    expect([...quiet.records.keys()]).toEqual([]);
    await shop.system.act({ kind: 'buy', sku: 'TEN-001', quantity: 2 });
    const after = await readPass(shop, requestOf('inventory', { cursor: quiet.cursor }));
    const [item] = [...after.records.values()].filter(({ sku }) => sku === 'TEN-001');
    const quantities = listOf(listOf(item, 'inventoryLevels')[0], 'quantities');
    expect(quantities.find(({ name }) => name === 'available')?.['quantity']).toBe(3);
    expect(quantities.find(({ name }) => name === 'committed')?.['quantity']).toBe(2);
  });

  it('are found although the clock of this machine is an hour ahead', async () => {
    await using shop = await openShop({ aheadMs: 3_600_000 });
    const before = await readPass(shop, requestOf('orders'));
    await shop.system.change({ kind: 'create', stream: 'orders', marker: 'late' });
    await shop.clock.advance(60_000);
    const after = await readPass(shop, requestOf('orders', { cursor: before.cursor }));
    expect([...after.records.values()].map(({ note }) => note)).toContain('late');
  });

  it('end where they began, in a shop that never rests', async () => {
    await using shop = await openShop();
    const before = await readPass(shop, requestOf('products'));
    const ids = [...shop.system.truth('products').keys()];
    for (const id of ids) await shop.system.change({ kind: 'update', stream: 'products', id, marker: `first ${id}` });
    const pages = shop.source.read(requestOf('products', { cursor: before.cursor, pageSize: 5 }));
    let asked = 0;
    for await (const page of pages) {
      asked += 1;
      // Somebody changes everything between each two pages.
      await shop.clock.advance(2000);
      for (const id of ids)
        await shop.system.change({ kind: 'update', stream: 'products', id, marker: `again ${asked}` });
      if (page.next?.['began'] === undefined) break;
      expect(asked).toBeLessThan(ids.length);
    }
  });

  it('start again at their bound when a page cursor is no longer taken', async () => {
    await using shop = await openShop();
    const before = await readPass(shop, requestOf('products'));
    await shop.system.act({ kind: 'edit', sku: 'TEN-001' });
    const cursor = {
      since: '2026-11-21T11:00:00Z',
      began: '2026-11-21T11:59:00Z',
      until: '2026-11-21T12:30:00Z',
      phase: 'changed',
      after: 'worn out',
    };
    const after = await readPass(shop, requestOf('products', { cursor }));
    expect(after.records.size).toBe(1);
    expect(before.records.size).toBe(44);
  });

  it('are never an unfiltered list: an ignored search term fails the call', async () => {
    const ignoring: typeof fetch = async (url, init) =>
      fetch(url, { ...init, body: String(init?.body).replaceAll('updated_at:', 'changed_at:') });
    await using shop = await openShop({ fetch: (url, init) => ignoring(url, init) });
    const cursor = { since: '2026-11-21T11:00:00Z' };
    const error = await readPass(shop, requestOf('products', { cursor })).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL', evidence: { fields: ['changed_at'] } });
    const plain = await shop.ask('query { products(first: 3, query: "changed_at:>=2026") { nodes { id } } }');
    expect(plain).toMatchObject({ data: { products: { nodes: [{}, {}, {}] } } });
  });

  it('name deletes, with the time of the event', async () => {
    await using shop = await openShop();
    const before = await readPass(shop, requestOf('products'));
    const [id = ''] = shop.system.truth('products').keys();
    await shop.system.change({ kind: 'delete', stream: 'products', id });
    const after = await readPass(shop, requestOf('products', { cursor: before.cursor }));
    expect(after.gone).toEqual([id]);
    const [tombstone] = after.pages.flatMap(({ tombstones }) => tombstones);
    expect(tombstone?.version).toBe(Math.floor(shop.clock.now().getTime() / 1000) * 1000);
  });
});

describe('costs', () => {
  it('are asked for as Shopify counts them', async () => {
    const counted: number[] = [];
    const counting: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!String(url).includes('graphql.json')) return answer;
      const text = await answer.text();
      counted.push(JSON.parse(text).extensions.cost.requestedQueryCost);
      return new Response(text, { status: answer.status, headers: answer.headers });
    };
    await using shop = await openShop({ fetch: (url, init) => counting(url, init) });
    for (const { name, cursor } of shop.source.streams()) {
      const whole = await readPass(shop, requestOf(name, { pageSize: 5000 }));
      if (cursor === 'keyset')
        await readPass(shop, requestOf(name, { pageSize: 5000, cursor: { since: '2026-11-20T07:00:00Z' } }));
      await readPass(shop, requestOf(name, { pageSize: 5000, mode: 'sweep' }));
      await shop.source.readIds(name, [...whole.records.keys()]);
    }
    // Permits come before the call, counts behind it: both in order.
    expect(shop.permits).toEqual(counted);
    expect(Math.max(...counted)).toBeLessThanOrEqual(1000);
  });
});
