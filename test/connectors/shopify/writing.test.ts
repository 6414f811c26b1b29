/** Writing into a shop, webhooks and the login. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import shopify from '../../../connectors/shopify/index.ts';
import type { CodeGrant, JsonObject, WriteIntent } from '../../../src/connector/contract.ts';
import { asTributaryError } from '../../../src/errors.ts';
import { inTurn, type OpenShop, openShop, readPass, requestOf } from './shop.ts';

const intentOf = (stream: string, more: Partial<WriteIntent>): WriteIntent => ({
  ...{ stream, action: 'update', idempotencyKey: 'key-1', id: null, values: {}, expected: null },
  ...more,
});

type Level = { readonly id: string; readonly quantity: number };

/** What may be written to, as reading tells it. */
async function levelsOf(shop: OpenShop): Promise<Level[]> {
  const { records } = await readPass(shop, requestOf('inventory', { mode: 'full' }));
  return [...records.values()]
    .flatMap((record) => shopify.writable?.('inventory', record) ?? [])
    .map(({ id, values }) => ({ id, quantity: Number(values['quantity']) }));
}

const stockIntent = (
  { id, quantity }: Level,
  to: number,
  key: string,
  expected: number | null = quantity,
): WriteIntent =>
  intentOf('inventory', {
    id,
    idempotencyKey: key,
    values: { quantity: to },
    expected: expected === null ? null : { quantity: expected },
  });

describe('stock', () => {
  it('is set for all that agree with what was seen, and refused for those that do not', async () => {
    await using shop = await openShop();
    const [a, b, c, d] = await levelsOf(shop);
    if (!a || !b || !c || !d) throw new Error('too few levels');
    const outcomes = await shop.source.write?.([
      stockIntent(a, 11, 'a'),
      stockIntent(b, 12, 'b', b.quantity + 1),
      stockIntent(c, -1, 'c'),
      stockIntent({ ...d, id: `${d.id.split('/')[0]}/999` }, 13, 'd'),
      stockIntent(d, 14, 'e', null),
    ]);
    expect(outcomes).toMatchObject([
      { state: 'ok', id: a.id, stored: { quantity: 11 } },
      { state: 'rejected', code: 'CHANGE_FROM_QUANTITY_STALE', retry: 'terminal', fields: ['changeFromQuantity'] },
      { state: 'rejected', code: 'INVALID_QUANTITY_NEGATIVE', fields: ['quantity'] },
      { state: 'rejected', code: 'INVALID_LOCATION' },
      { state: 'ok', id: d.id, stored: { quantity: 14 } },
    ]);
    const now = new Map((await levelsOf(shop)).map(({ id, quantity }) => [id, quantity]));
    expect([a, b, c, d].map(({ id }) => now.get(id))).toEqual([11, b.quantity, c.quantity, 14]);
  });

  it('is not set twice when the answer of the first try was lost', async () => {
    let isLost = true;
    const losing: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (!isLost || !String(init?.body).includes('inventorySetQuantities')) return answer;
      isLost = false;
      throw new TypeError('socket hang up');
    };
    await using shop = await openShop({ fetch: (url, init) => losing(url, init) });
    const [a] = await levelsOf(shop);
    if (!a) throw new Error('no level');
    const intent = stockIntent(a, 77, 'lost');
    expect(await shop.source.write?.([intent])).toMatchObject([{ state: 'unknown' }]);
    expect(await shop.source.find?.(intent)).toMatchObject({ state: 'ok', id: a.id });
    // The same key with the same words is answered again, not done again.
    expect(await shop.source.write?.([intent])).toMatchObject([{ state: 'ok' }]);
    expect(await shop.source.find?.(stockIntent(a, 78, 'never sent'))).toBeNull();
  });

  it('waits where the shop asks for it, when nothing was sent', async () => {
    const faults = [{ kind: 'limited', retryAfterMs: 5000 } as const];
    await using shop = await openShop({ onRequest: inTurn([], () => false) });
    const levels = await levelsOf(shop);
    await using busy = await openShop({ onRequest: inTurn(faults, ({ path }) => path.endsWith('graphql.json')) });
    const [a] = levels;
    if (!a) throw new Error('no level');
    const error = await busy.source.write?.([stockIntent(a, 5, 'w')]).then(() => null, asTributaryError);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_LIMITED', notBefore: expect.any(Date) });
  });

  it.each(['2025-10', '2026-01'])('is set in the words of API %s', async (apiVersion) => {
    const sent: JsonObject[] = [];
    const watching: typeof fetch = async (url, init) => {
      const body = String(init?.body);
      if (!body.includes('inventorySetQuantities')) return fetch(url, init);
      sent.push(JSON.parse(body));
      const data = {
        inventorySetQuantities: { inventoryAdjustmentGroup: { id: 'gid://shopify/X/1' }, userErrors: [] },
      };
      return new Response(JSON.stringify({ data }), { headers: { 'content-type': 'application/json' } });
    };
    await using shop = await openShop({ settings: { apiVersion }, fetch: (url, init) => watching(url, init) });
    await shop.source.write?.([stockIntent({ id: '1/2', quantity: 3 }, 4, 'k')]);
    const [{ query, variables } = {}] = sent;
    expect(String(query).includes('@idempotent')).toBe(apiVersion !== '2025-10');
    expect(variables).toMatchObject({
      // Never ignored where it is given.
      input: { ignoreCompareQuantity: false, quantities: [{ quantity: 4, compareQuantity: 3 }] },
    });
  });
});

describe('orders', () => {
  const values = {
    ...{ name: 'A-1', email: 'lea@example.com', currency: 'EUR', financialStatus: 'PAID', note: 'Bitte läuten' },
    inventoryBehaviour: 'DECREMENT_OBEYING_POLICY',
    lines: [
      { sku: 'TEN-001', title: 'Tent', quantity: 2, price: '19.90' },
      { sku: 'NOT-HERE', title: 'Gift wrap', quantity: 1, price: '2.00' },
    ],
  };

  it('are made once, take their stock, and are found by their key', async () => {
    await using shop = await openShop();
    const intent = intentOf('orders', { action: 'create', values, idempotencyKey: 'order-1' });
    expect(await shop.source.find?.(intent)).toBeNull();
    const [outcome] = (await shop.source.write?.([intent])) ?? [];
    expect(outcome).toMatchObject({ state: 'ok', stored: { name: 'A-1', email: 'lea@example.com', currency: 'EUR' } });
    expect(await shop.source.find?.(intent)).toEqual(outcome);
    const id = outcome?.state === 'ok' ? outcome.id : '';
    const { records } = await readPass(shop, requestOf('orders', { mode: 'full' }));
    expect(records.get(id)).toMatchObject({
      lineItems: [
        { sku: 'TEN-001', quantity: 2, variant: { id: expect.stringContaining('ProductVariant') } },
        { sku: 'NOT-HERE', title: 'Gift wrap', variant: null },
      ],
    });
    expect(shopify.writable?.('orders', records.get(id) ?? null)).toMatchObject([
      { id, values: { name: 'A-1', note: 'Bitte läuten' } },
    ]);
  });

  it('are refused where there is not enough', async () => {
    await using shop = await openShop();
    const lines = [{ sku: 'TEN-001', title: 'Tent', quantity: 5000, price: '19.90' }];
    const [outcome] =
      (await shop.source.write?.([intentOf('orders', { action: 'create', values: { ...values, lines } })])) ?? [];
    expect(outcome).toMatchObject({ state: 'rejected', code: 'INVENTORY_CLAIM_FAILED', retry: 'terminal' });
  });
});

describe('campaigns', () => {
  const values = {
    ...{ title: 'Winter', remoteId: 'camp_1', tactic: 'NEWSLETTER', channel: 'EMAIL', status: 'ACTIVE' },
    ...{
      remoteUrl: 'https://shop.example.com/winter',
      utmCampaign: 'camp_1',
      utmMedium: 'email',
      utmSource: 'tributary',
    },
  };

  it('are made once whatever number of tries, changed, found and taken away', async () => {
    await using shop = await openShop();
    const intent = intentOf('marketing_events', { action: 'create', values });
    const [first, second] = (await shop.source.write?.([intent, { ...intent, idempotencyKey: 'key-2' }])) ?? [];
    expect(first).toMatchObject({ state: 'ok', stored: { title: 'Winter', remoteId: 'camp_1' } });
    const id = first?.state === 'ok' ? first.id : '';
    expect(second).toMatchObject({ state: 'ok', id });
    const update = intentOf('marketing_events', { id, values: { title: 'Winter sale' } });
    expect(await shop.source.find?.(update)).toBeNull();
    expect(await shop.source.write?.([update])).toMatchObject([{ state: 'ok', id, stored: { title: 'Winter sale' } }]);
    expect(await shop.source.find?.(update)).toMatchObject({ state: 'ok', id });
    expect(await shop.source.write?.([intentOf('marketing_events', { action: 'delete', id })])).toMatchObject([
      { state: 'ok', id },
    ]);
    expect(await shop.source.write?.([update])).toMatchObject([{ state: 'rejected', code: 'NOT_EXTERNAL' }]);
  });
});

describe('webhooks', () => {
  it('are there once for each topic, however often they are set up, and of one address', async () => {
    await using shop = await openShop();
    await shop.ask(
      'mutation { webhookSubscriptionCreate(topic: PRODUCTS_UPDATE, webhookSubscription: {uri: "https://old.example.com/in"}) { webhookSubscription { id } } }',
    );
    const url = 'https://tributary.example.com/webhooks/in/shop';
    const hooks = shop.source.webhooks;
    const once = (await hooks?.subscribe(url)) ?? [];
    const again = (await hooks?.subscribe(url)) ?? [];
    expect(again).toEqual(once);
    expect(once.every(({ state }) => state === 'active')).toBe(true);
    const inspected = (await hooks?.inspect()) ?? [];
    expect(inspected.map(({ topic }) => topic).sort()).toEqual(once.map(({ topic }) => topic).sort());
    expect(new Set(inspected.map((hook) => hook.url))).toEqual(new Set([url]));
    await hooks?.unsubscribe();
    expect(await hooks?.inspect()).toEqual([]);
  });
});

describe('the login', () => {
  const verifier = 'a verifier that is long enough to be one, forty-three or more';
  const auth = { kind: 'oauth', clientId: 'tributary-sandbox', clientSecret: 'shpss_sandbox_secret' };

  /** Goes where the person is sent, and comes back with what is asked along. */
  async function walk(shop: OpenShop): Promise<{ config: ReturnType<typeof shopify.config.parse>; grant: CodeGrant }> {
    const { connector: _, ...settings } = shop.system.settings;
    const config = shopify.config.parse({ ...settings, auth });
    const redirectUri = 'https://tributary.example.com/oauth/callback';
    const codeChallenge = createHash('sha256').update(verifier).digest('base64url');
    const url = shopify.oauth?.authorizeUrl(config, { redirectUri, state: 'state-1', codeChallenge }) ?? '';
    const answer = await fetch(url, { redirect: 'manual' });
    const back = new URL(answer.headers.get('location') ?? '');
    const query = Object.fromEntries(back.searchParams);
    expect(`${back.origin}${back.pathname}`).toBe(redirectUri);
    expect(query['state']).toBe('state-1');
    const grant = { code: query['code'] ?? '', redirectUri, codeVerifier: verifier, query, clock: shop.clock };
    return { config, grant: { ...grant, signal: new AbortController().signal } };
  }

  it('gives a token that is renewed, each refresh token once', async () => {
    await using shop = await openShop();
    const { config, grant } = await walk(shop);
    const issued = await shopify.oauth?.exchange(config, grant);
    expect(issued).toMatchObject({ accessToken: expect.stringMatching(/^shpat_/), refreshToken: expect.any(String) });
    const refreshToken = issued?.refreshToken ?? null;
    const renewed = await shopify.issueToken?.(config, { ...grant, refreshToken });
    expect(renewed?.accessToken).not.toBe(issued?.accessToken);
    const used = await shopify.issueToken?.(config, { ...grant, refreshToken }).then(() => null, asTributaryError);
    expect(used?.code).toBe('ERR_CONNECTOR_CREDENTIALS');
    const none = (async () => shopify.issueToken?.(config, { ...grant, refreshToken: null }))();
    await expect(none).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      remedy: expect.stringContaining('authorize'),
    });
  });

  it('is refused when the way back was not signed by the shop, or the verifier is another', async () => {
    await using shop = await openShop();
    const { config, grant } = await walk(shop);
    const forged = { ...grant, query: { ...grant.query, code: 'another' } };
    await expect(shopify.oauth?.exchange(config, forged)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_CREDENTIALS' });
    const other = { ...grant, codeVerifier: 'another verifier' };
    await expect(shopify.oauth?.exchange(config, other)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_CREDENTIALS' });
  });
});
