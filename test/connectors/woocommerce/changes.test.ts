import { describe, expect, it } from 'vitest';
import { decode } from '../../../connectors/woocommerce/decode.ts';
import woocommerce from '../../../connectors/woocommerce/index.ts';
import { filterTime } from '../../../connectors/woocommerce/read.ts';
import { makeHasher } from '../../../src/extract/hash.ts';
import { makeTestClock } from '../../support/clock.ts';
import { fakeVendor } from '../support.ts';
import { idsOf, openShop, openSource, readAll } from './support.ts';

const settings = (url: string) => ({ connector: 'woocommerce', url, consumerKey: 'ck', consumerSecret: 'cs' });

const MINUTE_MS = 60_000;
const STREAMS = ['products', 'variations', 'orders', 'refunds', 'coupons'];

describe.each(['America/New_York', 'Asia/Tokyo', 'Europe/Berlin', 'Pacific/Kiritimati'])('a shop in %s', (timeZone) => {
  it.each(STREAMS)('gives the changes of its %s, all of them and no others', async (stream) => {
    await using shop = await openShop({ timeZone });
    const first = await readAll(shop.source, stream);
    // Far enough behind the overlap for an exact count; within every zone's offset, where a shifted filter fails.
    await shop.clock.advance(30 * MINUTE_MS);
    const again = await readAll(shop.source, stream, { cursor: first.cursor });
    await shop.clock.advance(2 * MINUTE_MS);
    const [one = '', , three = ''] = idsOf(shop.system, stream);
    await shop.system.change({ kind: 'update', stream, id: one, marker: 'later' });
    await shop.clock.advance(1000);
    await shop.system.change({ kind: 'update', stream, id: three, marker: 'later still' });
    await shop.clock.advance(10_000);
    const after = await readAll(shop.source, stream, { cursor: again.cursor });
    expect(again.ids).toEqual([]);
    expect(after.ids).toEqual([one, three]);
  });
});

describe('the time of a filter', () => {
  it('has no zone and no parts of a second, and names the second before', () => {
    expect(filterTime('2026-10-22T05:20:00.000Z')).toBe('2026-10-22T05:19:59');
    expect(filterTime('2026-11-01T06:00:00.999Z')).toBe('2026-11-01T05:59:59');
  });

  it('finds what changed in the very second a pass ended at', async () => {
    await using shop = await openShop();
    const [one = '', two = ''] = idsOf(shop.system, 'orders');
    await shop.system.change({ kind: 'update', stream: 'orders', id: one, marker: 'before' });
    const first = await readAll(shop.source, 'orders');
    await shop.clock.advance(900);
    await shop.system.change({ kind: 'update', stream: 'orders', id: two, marker: 'in the same second' });
    await shop.clock.advance(MINUTE_MS);
    expect((await readAll(shop.source, 'orders', { cursor: first.cursor })).ids).toContain(two);
  });
});

describe('a shop whose clock is off', () => {
  it.each([-14, -5, 5, 14])('by %i minutes loses no change', async (minutes) => {
    await using shop = await openShop({ faults: { clockSkewMs: minutes * MINUTE_MS } });
    const first = await readAll(shop.source, 'products');
    await shop.clock.advance(1000);
    const [one = ''] = idsOf(shop.system, 'products');
    await shop.system.change({ kind: 'update', stream: 'products', id: one, marker: 'later' });
    await shop.clock.advance(10_000);
    expect((await readAll(shop.source, 'products', { cursor: first.cursor })).ids).toContain(one);
  });
});

describe('deletes', () => {
  it('into the trash come as tombstones with their time', async () => {
    await using shop = await openShop();
    const first = await readAll(shop.source, 'products');
    await shop.clock.advance(10 * MINUTE_MS);
    const [one = ''] = idsOf(shop.system, 'products');
    await shop.call(`products/${one}`, { method: 'DELETE' });
    const deletedAt = shop.clock.now();
    await shop.clock.advance(10_000);
    const after = await readAll(shop.source, 'products', { cursor: first.cursor });
    expect(after.pages.flatMap(({ tombstones }) => tombstones)).toEqual([{ id: one, version: deletedAt.getTime() }]);
    const [listed] = shop.system.requests.slice(-1);
    expect(listed?.path).toBe('/wp-json/wc/v3/products');
  });

  it('of what only a webhook told of come with the first pass', async () => {
    await using shop = await openShop();
    const [one = ''] = idsOf(shop.system, 'products');
    await shop.call(`products/${one}`, { method: 'DELETE' });
    expect((await readAll(shop.source, 'products')).gone).toEqual([one]);
  });

  it('are not what a list of the trash shows and is in no trash', async () => {
    await using vendor = await fakeVendor(({ url }) => {
      const isTrash = url.includes('status=trash');
      const rows = [7, 8].map((id) => ({ id, status: isTrash && id === 8 ? 'trash' : 'publish' }));
      return { headers: { 'x-wp-total': '2' }, body: rows };
    });
    const source = await openSource(settings(vendor.url), makeTestClock('2026-11-21T12:00:00Z'));
    expect((await readAll(source, 'products')).gone).toEqual(['8']);
  });

  it.each([
    ['a proxy that answers 404 in JSON', { status: 404, body: { message: 'no Route matched with those values' } }],
    ['a plugin with a word of its own', { status: 404, body: { code: 'not_found', message: 'Nothing here.' } }],
    ['a page that is gone for good', { status: 410, body: '<h1>Gone</h1>' }],
  ])('are not believed of %s', async (_, answer) => {
    await using vendor = await fakeVendor(({ url }) =>
      url.includes('include=') ? { headers: { 'x-wp-total': '0' }, body: [] } : answer,
    );
    const source = await openSource(settings(vendor.url), makeTestClock('2026-11-21T12:00:00Z'));
    for (const stream of ['products', 'variations', 'customers'])
      await expect(source.readIds(stream, ['7'])).rejects.toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL' });
  });

  it('of what the shop itself does not know are believed in every stream', async () => {
    await using shop = await openShop();
    for (const stream of ['products', 'variations', 'orders', 'customers', 'categories', 'coupons'])
      expect((await shop.source.readIds(stream, ['999999'])).tombstones).toEqual([{ id: '999999', version: null }]);
  });

  it('of a product take its variations along', async () => {
    await using shop = await openShop();
    const first = await readAll(shop.source, 'variations');
    await shop.clock.advance(10 * MINUTE_MS);
    const { body } = await shop.call('products?sku=JAC-001');
    const parent = Array.isArray(body) ? Object(body[0]) : {};
    await shop.call(`products/${parent.id}`, { method: 'DELETE' });
    await shop.clock.advance(10_000);
    const after = await readAll(shop.source, 'variations', { cursor: first.cursor });
    expect(after.gone).toEqual(parent.variations.map(String));
  });

  it('for good are only missing from a full read', async () => {
    await using shop = await openShop();
    const first = await readAll(shop.source, 'orders');
    await shop.clock.advance(10 * MINUTE_MS);
    const [one = ''] = idsOf(shop.system, 'orders');
    await shop.call(`orders/${one}?force=true`, { method: 'DELETE' });
    await shop.clock.advance(10_000);
    const after = await readAll(shop.source, 'orders', { cursor: first.cursor });
    expect([...after.ids, ...after.gone]).toEqual([]);
    const full = await readAll(shop.source, 'orders', { mode: 'full' });
    expect(full.ids).not.toContain(one);
    expect(full.pages.at(-1)).toMatchObject({ complete: true, expected: 29 });
    expect((await shop.source.readIds('orders', [one])).tombstones).toEqual([{ id: one, version: null }]);
  });

  it('that are taken back come as the record again', async () => {
    await using shop = await openShop();
    const [one = ''] = idsOf(shop.system, 'products');
    await shop.call(`products/${one}`, { method: 'DELETE' });
    const first = await readAll(shop.source, 'products');
    expect(first.ids).not.toContain(one);
    await shop.clock.advance(10 * MINUTE_MS);
    await shop.call(`products/${one}`, { method: 'PUT', body: { status: 'publish' } });
    await shop.clock.advance(10_000);
    expect((await readAll(shop.source, 'products', { cursor: first.cursor })).ids).toContain(one);
  });
});

describe('records', () => {
  it('of the checkout are no orders yet, whichever way they are asked for', async () => {
    await using shop = await openShop();
    const { body } = await shop.call('orders', {
      method: 'POST',
      body: { status: 'checkout-draft', line_items: [{ sku: 'TEN-001', quantity: 1 }] },
    });
    const id = String(Object(body).id);
    expect((await readAll(shop.source, 'orders', { mode: 'full' })).ids).not.toContain(id);
    expect((await shop.source.readIds('orders', [id])).tombstones.map((one) => one.id)).toEqual([id]);
    await shop.call(`orders/${id}`, { method: 'PUT', body: { status: 'processing' } });
    expect((await shop.source.readIds('orders', [id])).records.map((one) => one.id)).toEqual([id]);
  });

  it('of every role are customers, and one nobody ever changed has no version', async () => {
    await using shop = await openShop();
    const { pages, ids } = await readAll(shop.source, 'customers', { pageSize: 100 });
    expect(ids).toHaveLength(25);
    const versions = pages.flatMap(({ records }) => records.map(({ version }) => version));
    expect(versions.filter((version) => version === null)).toHaveLength(1);
  });

  it('are the same by hash although their related products are drawn anew on every read', async () => {
    await using shop = await openShop();
    const [one = ''] = idsOf(shop.system, 'products');
    const { volatilePaths = [] } = shop.source.streams().find(({ name }) => name === 'products') ?? {};
    const hasher = makeHasher({ context: {}, isJson: true, volatilePaths });
    const reads = [await shop.source.readIds('products', [one]), await shop.source.readIds('products', [one])];
    const raws = reads.map(({ records }) => records[0]?.raw ?? new Uint8Array());
    const hashes = raws.map((raw) => {
      const hash = new Uint8Array(16);
      hasher.write([raw], hash, 0);
      return Buffer.from(hash).toString('hex');
    });
    expect(Buffer.from(raws[0] ?? []).equals(raws[1] ?? new Uint8Array())).toBe(false);
    expect(hashes[0]).toBe(hashes[1]);
  });

  it('whose category was renamed are only seen by a sweep', async () => {
    await using shop = await openShop();
    const first = await readAll(shop.source, 'products');
    await shop.clock.advance(10 * MINUTE_MS);
    const { body } = await shop.call('products/categories?per_page=1&orderby=id');
    const category = Array.isArray(body) ? Object(body[0]).id : 0;
    await shop.call(`products/categories/${category}`, { method: 'PUT', body: { name: 'Renamed' } });
    await shop.clock.advance(10_000);
    expect((await readAll(shop.source, 'products', { cursor: first.cursor })).ids).toEqual([]);
    const swept = await readAll(shop.source, 'products', { mode: 'sweep' });
    expect(swept.ids).toEqual(idsOf(shop.system, 'products'));
    expect(swept.pages.every(({ window, complete }) => window.kind === 'delta' && !complete)).toBe(true);
  });

  it('are swept a part at a time, each going on behind the last, and from the beginning again', async () => {
    await using shop = await openShop();
    const all = idsOf(shop.system, 'products');
    const one = await readAll(shop.source, 'products', { mode: 'sweep', pageSize: 3 });
    const two = await readAll(shop.source, 'products', { mode: 'sweep', pageSize: 3, cursor: one.cursor });
    const three = await readAll(shop.source, 'products', { mode: 'sweep', pageSize: 3, cursor: two.cursor });
    expect(one.ids).toEqual(all.slice(0, 30));
    expect(two.ids).toEqual(all.slice(30));
    expect(three.ids).toEqual(one.ids);
  });

  it('say what their prices and weights are in, as far as the shop tells', async () => {
    await using shop = await openShop();
    const page = await shop.source.readIds('products', idsOf(shop.system, 'products').slice(0, 1));
    expect(page.context).toEqual({ currency: 'EUR', weight_unit: 'kg' });
    expect((await shop.source.readIds('orders', idsOf(shop.system, 'orders').slice(0, 1))).context).toEqual({});
  });

  it('that have no SKU are not given their product’s, whichever way they are read', async () => {
    await using shop = await openShop();
    const { body } = await shop.call('products?sku=JAC-001');
    const parent = Array.isArray(body) ? Object(body[0]) : {};
    const [small, medium] = parent.variations;
    await shop.call(`products/${parent.id}/variations/${small}`, { method: 'PUT', body: { sku: '' } });
    const { body: shown } = await shop.call(`products/${parent.id}/variations/${small}`);
    expect(Object(shown).sku).toBe('JAC-001');
    const read = await readAll(shop.source, 'variations', { pageSize: 100 });
    for (const page of [...read.pages, await shop.source.readIds('variations', [String(small), String(medium)])]) {
      const skus = page.records.map(({ id, raw }) => [id, Object(woocommerce.decode?.([raw], page.context)).sku]);
      if (skus.length > 0)
        expect(Object.fromEntries(skus)).toMatchObject({ [small]: '', [medium]: expect.stringContaining('JAC-001-') });
    }
  });

  it('are not read without their units because a proxy would not ask for them', async () => {
    let isClosed = true;
    await using vendor = await fakeVendor(({ url }) => {
      if (url.includes('/products?')) return { headers: { 'x-wp-total': '1' }, body: [{ id: 7 }] };
      if (isClosed) return { status: 403, body: '<h1>Forbidden</h1>' };
      return { status: 403, body: { code: 'woocommerce_rest_cannot_view', message: 'Sorry.' } };
    });
    const source = await openSource(settings(vendor.url), makeTestClock('2026-11-21T12:00:00Z'));
    await expect(readAll(source, 'products')).rejects.toMatchObject({
      remedy: expect.stringContaining('set currency and weightUnit'),
    });
    isClosed = false;
    expect((await readAll(source, 'products')).pages[0]?.context).toEqual({});
  });

  it('that came in another shape than a list are read one by one, variations below their product', async () => {
    await using shop = await openShop();
    const [one = ''] = idsOf(shop.system, 'variations');
    await shop.system.change({ kind: 'delete', stream: 'variations', id: one });
    const page = await shop.source.readIds('variations', [one, '999999']);
    expect(page.tombstones).toEqual([
      { id: one, version: shop.clock.now().getTime() },
      { id: '999999', version: null },
    ]);
  });

  it('show the repeated hour of autumn as two', () => {
    const times = ['2026-11-01T05:30:00', '2026-11-01T06:30:00'].map((date_modified_gmt) =>
      decode([Buffer.from(JSON.stringify({ date_modified: '2026-11-01T01:30:00', date_modified_gmt }))]),
    );
    expect(times).toMatchObject([
      { date_modified_gmt: '2026-11-01T05:30:00Z' },
      { date_modified_gmt: '2026-11-01T06:30:00Z' },
    ]);
  });
});
