/** Answers of Shopify that are less than they look: cut, half denied, doubled, or older in the list than in the record. */
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject, WriteIntent } from '../../../src/connector/contract.ts';
import { asTributaryError } from '../../../src/errors.ts';
import { openShop, readPass, requestOf } from './shop.ts';

type Change = (text: string) => string;

/** Every answer to a call whose words are in its body or address, changed. */
function answering(words: string, change: Change, through: typeof fetch = fetch): typeof fetch {
  return async (url, init) => {
    const answer = await through(url, init);
    if (!`${url} ${String(init?.body)}`.includes(words)) return answer;
    const headers = { 'content-type': answer.headers.get('content-type') ?? '' };
    return new Response(change(await answer.text()), { status: answer.status, headers });
  };
}

const inJson = (change: (body: JsonObject) => Json) => (text: string) => JSON.stringify(change(JSON.parse(text)));

const denial = (path: readonly string[]) => ({
  message: 'Access denied for email field. Required access: `read_customers` access scope.',
  locations: [{ line: 1, column: 1 }],
  path: [...path],
  extensions: { code: 'ACCESS_DENIED', requiredAccess: '`read_customers` access scope.' },
});

const SINCE = { since: '2026-11-20T07:00:00Z' };

describe('an answer', () => {
  it('whose body is cut is asked for again', async () => {
    const cut = answering('TributaryOrderChanges', (text) => text.slice(0, text.length / 2));
    await using shop = await openShop({ fetch: (url, init) => cut(url, init) });
    const error = await readPass(shop, requestOf('orders', { cursor: SINCE })).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE', retry: 'transient' });
  });

  it('in which a field is denied is no answer, and says what the app lacks', async () => {
    const denied = answering(
      'TributaryOrderChanges',
      inJson((body) => ({ ...body, errors: [denial(['orders', 'nodes', '0', 'email'])] })),
    );
    await using shop = await openShop({ fetch: (url, init) => denied(url, init) });
    const error = await readPass(shop, requestOf('orders', { cursor: SINCE })).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_CREDENTIALS' });
    expect(error?.message).toContain('`read_customers` access scope');
  });

  it('to a write of which a field is denied does not say that nothing was written', async () => {
    const denied = answering(
      'orderCreate',
      inJson((body) => ({ ...body, errors: [denial(['orderCreate', 'order', 'email'])] })),
    );
    await using shop = await openShop({ fetch: (url, init) => denied(url, init) });
    const intent: WriteIntent = {
      ...{ stream: 'orders', action: 'create', idempotencyKey: 'key-1', id: null, expected: null },
      values: { currency: 'EUR', lines: [{ title: 'Gift wrap', quantity: 1, price: '2.00' }] },
    };
    expect(await shop.source.write?.([intent])).toMatchObject([{ state: 'unknown' }]);
    expect(await shop.source.find?.(intent)).toMatchObject({ state: 'ok' });
  });

  it('that an order is not to be seen does not say that it is gone, where older ones are hidden', async () => {
    const hidden = answering(
      'TributaryOrderByIds',
      inJson(() => ({ data: { nodes: [null] } })),
      answering('TributaryScopes', (text) => text.replace('{"handle":"read_all_orders"},', '')),
    );
    await using shop = await openShop({ fetch: (url, init) => hidden(url, init) });
    const ids = [...shop.system.truth('orders').keys()].map(BigInt).sort((a, b) => Number(a - b));
    const goneOf = async (id: bigint | undefined) =>
      (await shop.source.readIds('orders', [String(id)])).tombstones.map((one) => one.id);
    expect(await goneOf((ids[0] ?? 0n) - 1n)).toEqual([]);
    expect(await goneOf(ids.at(-1))).toEqual([String(ids.at(-1))]);
  });

  it('that ends with a record changed just now does not end the pass', async () => {
    const touched = answering(
      'TributaryProductChanges',
      inJson((body) => {
        const { products } = body['data'] as { products: { nodes: JsonObject[] } };
        const last = products.nodes.at(-1);
        // Found by the time the search knew, shown with the time it has by now.
        if (last) last['updatedAt'] = '2026-11-21T12:00:01Z';
        return body;
      }),
    );
    await using shop = await openShop({ fetch: (url, init) => touched(url, init) });
    const pass = await readPass(shop, requestOf('products', { cursor: SINCE, pageSize: 5 }));
    expect(pass.records.size).toBe(shop.system.truth('products').size);
  });
});

describe('a bulk result', () => {
  it.each([
    ['between lines', (text: string) => `${text.trim().split('\n').slice(0, -5).join('\n')}\n`],
    ['in its last line', (text: string) => text.slice(0, -20)],
  ])('that ends early %s, without a word, gives no half records', async (_, cut) => {
    const short = answering('/bulk/', cut);
    await using shop = await openShop({ fetch: (url, init) => short(url, init) });
    const error = await readPass(shop, requestOf('products', { mode: 'full' })).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE', retry: 'transient' });
  });

  it('with lines that come twice gives each record and each part of it once', async () => {
    const twice: Change = (text) => text.replaceAll(/.+\n/g, '$&$&');
    const promised: Change = (text) =>
      text.replace(/"(objectCount|rootObjectCount)":"(\d+)"/g, (_, name, count) => `"${name}":"${count * 2}"`);
    const doubled = answering('/bulk/', twice, answering('TributaryBulkState', promised));
    await using plain = await openShop();
    const expected = await readPass(plain, requestOf('products', { mode: 'full' }));
    await using shop = await openShop({ fetch: (url, init) => doubled(url, init) });
    const found = await readPass(shop, requestOf('products', { mode: 'full' }));
    expect([...found.records].sort()).toEqual([...expected.records].sort());
    expect(found.pages.at(-1)).toMatchObject({ complete: true, problems: [] });
  });
});
