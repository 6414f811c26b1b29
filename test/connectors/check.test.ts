import { createHmac, createPublicKey, verify as verifySignature } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import hubspot from '../../connectors/hubspot/index.ts';
import salesforce from '../../connectors/salesforce/index.ts';
import shopify from '../../connectors/shopify/index.ts';
import woocommerce from '../../connectors/woocommerce/index.ts';
import type { Connector, JsonObject } from '../../src/connector/index.ts';
import { SAMPLES } from './samples.ts';
import { deadAddress, fakeVendor, NOW, type Received, type Reply, type Watched, watchedContext } from './support.ts';

async function check<Config>(connector: Connector<Config>, settings: JsonObject, watched: Watched = watchedContext()) {
  const source = await connector.open(connector.config.parse(settings), watched.context);
  try {
    return await source.check();
  } finally {
    await source.close();
  }
}

const failed = (subject: string) =>
  expect.arrayContaining([expect.objectContaining({ subject, ok: false, remedy: expect.any(String) })]);

const PERMANENT = { kind: 'access_token', accessToken: 'shpat_sample' };
const ISSUED = { kind: 'client_credentials', clientId: 'id', clientSecret: 'shopify-client-secret' };
const shop = (baseUrl: string, auth: JsonObject = PERMANENT) => ({ shop: 'example.myshopify.com', auth, baseUrl });
const ALL_SCOPES = [
  'read_products',
  'write_inventory',
  'read_locations',
  'read_orders',
  'read_customers',
  'read_marketing_events',
];
const cost = {
  requestedQueryCost: 3,
  actualQueryCost: 3,
  throttleStatus: { maximumAvailable: 2000, currentlyAvailable: 1997, restoreRate: 100 },
};
const shopAnswer = (scopes: readonly string[] = ALL_SCOPES, name = 'Example'): Reply => ({
  headers: { 'x-shopify-api-version': '2026-10', date: NOW.toUTCString() },
  body: {
    data: {
      shop: { id: 'gid://shopify/Shop/1', name },
      currentAppInstallation: { accessScopes: scopes.map((handle) => ({ handle })) },
    },
    extensions: { cost },
  },
});

describe('checking a Shopify connection', () => {
  test('makes one permitted call with the token, and tells the budget what came back', async () => {
    await using vendor = await fakeVendor(() => shopAnswer());
    const watched = watchedContext();
    const findings = await check(shopify, shop(vendor.url), watched);
    expect(findings).toEqual([
      { subject: 'reach', ok: true, message: 'The shop Example answers.' },
      { subject: 'credentials', ok: true, message: expect.any(String) },
      { subject: 'stream:orders', ok: true, message: expect.stringContaining('read_all_orders') },
      { subject: 'scope', ok: true, message: 'The app may write: inventory.' },
    ]);
    expect(vendor.received).toHaveLength(1);
    expect(vendor.received[0]).toMatchObject({
      method: 'POST',
      url: '/admin/api/2026-10/graphql.json',
      headers: { 'x-shopify-access-token': 'shpat_sample' },
    });
    expect(vendor.received[0]?.headers).not.toHaveProperty('x-tributary-route');
    expect(watched.permits).toEqual([{ cost: 10, trafficClass: 'poll', budget: undefined }]);
    expect(watched.limits).toEqual([{ window: 'points', limit: 2000, remaining: 1997, restorePerSecond: 100 }]);
    expect(watched.tokens).toEqual([]);
  });

  test('keeps connections of one shop apart that go different ways', async () => {
    await using one = await fakeVendor(() => shopAnswer(ALL_SCOPES, 'One'));
    await using two = await fakeVendor(() => shopAnswer(ALL_SCOPES, 'Two'));
    const [first, second] = await Promise.all([check(shopify, shop(one.url)), check(shopify, shop(two.url))]);
    expect([first[0]?.message, second[0]?.message]).toEqual(['The shop One answers.', 'The shop Two answers.']);
  });

  test('names the streams whose scope is missing', async () => {
    await using vendor = await fakeVendor(() => shopAnswer(['read_products']));
    const findings = await check(shopify, shop(vendor.url));
    expect(findings.filter((finding) => !finding.ok).map((finding) => finding.subject)).toEqual([
      'stream:inventory',
      'stream:locations',
      'stream:orders',
      'stream:customers',
      'stream:marketing_events',
    ]);
  });

  test('says when the clocks are far apart', async () => {
    const date = new Date(NOW.getTime() + 600_000).toUTCString();
    await using vendor = await fakeVendor(() => ({ ...shopAnswer(), headers: { date } }));
    expect(await check(shopify, shop(vendor.url))).toEqual(failed('clock'));
  });

  test('says when another version answered than was asked for', async () => {
    await using vendor = await fakeVendor(() => ({ ...shopAnswer(), headers: { 'x-shopify-api-version': '2027-01' } }));
    expect(await check(shopify, shop(vendor.url))).toEqual(failed('version'));
  });

  test('asks for another token once when the vendor refuses the first', async () => {
    await using vendor = await fakeVendor((request) =>
      request.headers['x-shopify-access-token'] === 'fresh'
        ? shopAnswer()
        : { status: 401, body: { errors: 'Invalid' } },
    );
    const watched = watchedContext({ tokens: ['stale', 'fresh'] });
    const findings = await check(shopify, shop(vendor.url, ISSUED), watched);
    expect(findings.every((finding) => finding.ok)).toBe(true);
    expect(watched.tokens).toEqual([undefined, 'stale']);
    expect(watched.permits).toHaveLength(2);
  });

  test.each([
    ['a refused token', { status: 401, body: { errors: 'x' } }, 'credentials'],
    [
      'a throttled query',
      { body: { errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }], extensions: { cost } } },
      'limits',
    ],
    [
      'a missing scope',
      { body: { errors: [{ message: 'no', extensions: { code: 'ACCESS_DENIED' } }] } },
      'credentials',
    ],
    ['HTTP 429', { status: 429, headers: { 'retry-after': '2' }, body: {} }, 'limits'],
    ['HTTP 503', { status: 503, body: {} }, 'reach'],
    ['HTTP 500', { status: 500, body: {} }, 'reach'],
    ['a page of HTML', { body: '<html>' }, 'reach'],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere.example/' }, body: {} }, 'reach'],
    ['a broken connection', 'hang up', 'reach'],
  ] as const)('tells %s as a finding, after one call', async (_, reply, subject) => {
    await using vendor = await fakeVendor(() => reply);
    expect(await check(shopify, shop(vendor.url))).toEqual(failed(subject));
    expect(vendor.received).toHaveLength(1);
  });
});

const HTTP_SHOP = { consumerKey: 'ck_sample', consumerSecret: 'cs_sample' };
const told: Readonly<Record<string, JsonObject>> = {
  '/data/currencies/current': { code: 'USD' },
  '/settings/products/woocommerce_weight_unit': { value: 'lbs' },
  '/system_status': { environment: { version: '11.0.1' } },
};
const products = ({ url }: Received): Reply => ({
  headers: { 'x-wp-total': '228', date: NOW.toUTCString() },
  body: told[url.replace(/^.*\/wc\/v3|\?.*$/g, '')] ?? [{ id: 1 }],
});

describe('checking a WooCommerce connection', () => {
  test('signs a plain-http call and keeps the key out of the address', async () => {
    await using vendor = await fakeVendor(products);
    const watched = watchedContext();
    expect(await check(woocommerce, { url: `${vendor.url}/`, ...HTTP_SHOP }, watched)).toEqual([
      { subject: 'reach', ok: true, message: 'The shop answers and counts 228 products.' },
      { subject: 'credentials', ok: true, message: expect.any(String) },
      { subject: 'scope', ok: true, message: 'The API key may read every stream.' },
      { subject: 'version', ok: true, message: 'It is WooCommerce 11.0.1.' },
      { subject: 'units', ok: true, message: 'Prices are in USD, weights in lb.' },
    ]);
    const [request] = vendor.received;
    expect(request?.url).toBe('/wp-json/wc/v3/products?per_page=1&_fields=id');
    expect(request?.headers.accept).toBe('application/json');
    expect(isWooSignature(request, vendor.url, 'cs_sample')).toBe(true);
    expect(watched.permits).toHaveLength(vendor.received.length);
    expect(watched.permits[0]).toEqual({ cost: 1, trafficClass: 'poll', budget: undefined });
  });

  test('signs for the address the shop believes to have, and anew each time', async () => {
    await using vendor = await fakeVendor(products);
    const settings = { url: vendor.url, homeUrl: 'http://shop.example/wp/', ...HTTP_SHOP };
    await check(woocommerce, settings);
    await check(woocommerce, settings);
    const isSigned = vendor.received.map((request) => isWooSignature(request, 'http://shop.example/wp', 'cs_sample'));
    expect(isSigned).not.toContain(false);
    const signatures = new Set(vendor.received.map((request) => request.headers.authorization));
    expect(signatures.size).toBe(vendor.received.length);
  });

  test('reaches a shop in a folder and without addresses in words', async () => {
    await using vendor = await fakeVendor((request) => {
      const url = new URL(request.url, 'http://x');
      return products({ ...request, url: `/wp-json${url.searchParams.get('rest_route')}` });
    });
    const url = `${vendor.url}/shop/`;
    const findings = await check(woocommerce, { url, apiPath: '/index.php?rest_route=/wc/v3/', ...HTTP_SHOP });
    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(vendor.received[0]?.url).toBe('/shop/index.php?rest_route=%2Fwc%2Fv3%2Fproducts&per_page=1&_fields=id');
    expect(vendor.received.every((one) => isWooSignature(one, vendor.url, 'cs_sample'))).toBe(true);
    expect(woocommerce.config.safeParse({ url, apiPath: '/?page=/wc/v3', ...HTTP_SHOP }).success).toBe(false);
  });

  test.each([
    ['https://shop.example/wp-json/wc/v3/products', 'https://shop.example'],
    ['http://www.shop.example/', 'http://www.shop.example'],
    ['/login', 'another page'],
  ])('says where it is sent on to: %s', async (location, words) => {
    await using vendor = await fakeVendor(() => ({ status: 301, headers: { location }, body: '' }));
    const [finding] = await check(woocommerce, { url: vendor.url, ...HTTP_SHOP });
    expect(finding).toMatchObject({ subject: 'reach', ok: false, message: expect.stringContaining(`on to ${words}`) });
  });

  test('does not blame the key for a stream whose server fails, and bears a byte order mark', async () => {
    await using vendor = await fakeVendor((request) =>
      request.url.includes('/orders?')
        ? { status: 502, body: '<html>' }
        : { ...products(request), body: `\uFEFF${JSON.stringify(products(request).body)}` },
    );
    const findings = await check(woocommerce, { url: vendor.url, ...HTTP_SHOP });
    expect(findings.filter(({ ok }) => !ok)).toMatchObject([
      { subject: 'stream:orders', remedy: expect.not.stringContaining('role') },
    ]);
  });

  test('gives the key itself over https only', async () => {
    const sent: string[] = [];
    const fetch = async (_url: string, init?: RequestInit) => {
      sent.push(new Headers(init?.headers).get('authorization') ?? '');
      return Response.json([], { headers: { 'x-wp-total': '0' } });
    };
    await check(woocommerce, { url: 'https://shop.example', ...HTTP_SHOP }, watchedContext({ fetch }));
    expect([...new Set(sent)]).toEqual([`Basic ${btoa('ck_sample:cs_sample')}`]);
  });

  test.each([
    [
      'a refused key',
      { status: 401, body: { code: 'woocommerce_rest_cannot_view', message: 'no', data: { status: 401 } } },
      'credentials',
    ],
    ['maintenance', { status: 503, headers: { 'retry-after': '600' }, body: '<html>' }, 'limits'],
    ['a failing plugin', { status: 500, body: '<html>' }, 'reach'],
    ['another site', { body: '<html>' }, 'reach'],
    ['JSON of something else', { body: { hello: 1 } }, 'reach'],
    ['a redirect', { status: 301, headers: { location: 'https://elsewhere.example/' }, body: '' }, 'reach'],
    ['a broken connection', 'hang up', 'reach'],
  ] as const)('tells %s as a finding, after one call', async (_, reply, subject) => {
    await using vendor = await fakeVendor(() => reply);
    expect(await check(woocommerce, { url: vendor.url, ...HTTP_SHOP })).toEqual(failed(subject));
    expect(vendor.received).toHaveLength(1);
  });

  test('tells which stream is closed, what is not told, and a clock that is off', async () => {
    const date = new Date(NOW.getTime() - 3_600_000).toUTCString();
    await using vendor = await fakeVendor((request) => {
      if (/\/(orders|data|settings|system_status)/.test(request.url))
        return { status: 401, headers: { date }, body: { code: 'woocommerce_rest_cannot_view', message: 'no' } };
      return { headers: { 'x-wp-total': '228', date }, body: [{ id: 1 }] };
    });
    const findings = await check(woocommerce, { url: vendor.url, ...HTTP_SHOP });
    expect(findings.filter(({ ok }) => !ok).map(({ subject }) => subject)).toEqual(['clock', 'stream:orders', 'units']);
  });
});

const org = (instanceUrl: string) => ({
  instanceUrl,
  auth: { kind: 'client_credentials', clientId: 'id', clientSecret: 'sf-client-secret' },
});
const orgLimits: Reply = {
  headers: { 'sforce-limit-info': 'api-usage=18/15000' },
  body: { DailyApiRequests: { Max: 15_000, Remaining: 14_982 } },
};

/** An org in which every declared field is there. */
function orgAnswers({ url }: Received): Reply {
  if (url.endsWith('/limits')) return { ...orgLimits, headers: { ...orgLimits.headers, date: NOW.toUTCString() } };
  const names = (salesforce.streams ?? []).flatMap(({ fields }) => (fields ?? []).map(({ path }) => path));
  return { body: { fields: [...new Set(names)].map((name) => ({ name, type: 'string' })) } };
}

describe('checking a Salesforce connection', () => {
  test('looks at limits, clock and the fields of each stream, with a permit for each call', async () => {
    await using vendor = await fakeVendor(orgAnswers);
    const watched = watchedContext();
    expect(await check(salesforce, org(vendor.url), watched)).toEqual([
      { subject: 'reach', ok: true, message: expect.any(String) },
      { subject: 'credentials', ok: true, message: expect.any(String) },
      { subject: 'limits', ok: true, message: '14982 calls are left of the last 24 hours.' },
    ]);
    expect(vendor.received.slice(0, 2)).toEqual([
      expect.objectContaining({
        method: 'GET',
        url: '/services/data/v65.0/limits',
        headers: expect.objectContaining({ authorization: 'Bearer token-1' }),
      }),
      expect.objectContaining({ method: 'GET', url: '/services/data/v65.0/sobjects/Lead/describe' }),
    ]);
    expect(watched.permits).toHaveLength(8);
    expect(watched.limits[0]).toEqual({ window: 'daily', limit: 15_000, remaining: 14_982 });
  });

  test('names a version that is not served, and the newest one', async () => {
    await using vendor = await fakeVendor(({ url }) =>
      url === '/services/data/'
        ? { body: [{ version: '61.0' }, { version: '62.0' }] }
        : { status: 404, body: [{ message: 'no', errorCode: 'NOT_FOUND' }] },
    );
    const findings = await check(salesforce, org(vendor.url));
    expect(findings).toEqual(failed('version'));
    expect(findings.at(-1)?.message).toBe('The org does not serve version 65.0 of the API; its newest is 62.0.');
  });

  test('names clocks that differ, objects and fields that are hidden, and an external id that is none', async () => {
    await using vendor = await fakeVendor((request) => {
      if (request.url.includes('/Product2/')) return { status: 404, body: [{ message: 'no', errorCode: 'NOT_FOUND' }] };
      const answer = orgAnswers(request);
      return request.url.endsWith('/limits')
        ? { ...answer, headers: { date: 'Sat, 21 Nov 2026 10:05:00 GMT' } }
        : answer;
    });
    const settings = {
      ...org(vendor.url),
      objects: { Contact: { fields: ['Shoe_Size__c'] } },
      externalIdField: 'Our_Id__c',
    };
    const findings = await check(salesforce, settings);
    expect(findings.filter(({ ok }) => !ok).map(({ subject, message }) => [subject, message])).toEqual([
      ['clock', 'The clocks of the org and of this machine are 300 seconds apart.'],
      ['stream:leads', 'The field Our_Id__c of Lead does not exist, or is hidden from the user.'],
      ['stream:contacts', 'The user does not see Shoe_Size__c of Contact.'],
      ['stream:contacts', 'The field Our_Id__c of Contact does not exist, or is hidden from the user.'],
      ['stream:campaigns', 'The field Our_Id__c of Campaign does not exist, or is hidden from the user.'],
      ['stream:products', 'The user does not see the object Product2.'],
    ]);
  });

  test('asks for another token once, and gives up when that is refused too', async () => {
    await using vendor = await fakeVendor(() => ({
      status: 401,
      body: [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }],
    }));
    const watched = watchedContext({ tokens: ['stale', 'stale as well'] });
    expect(await check(salesforce, org(vendor.url), watched)).toEqual(failed('credentials'));
    expect(vendor.received).toHaveLength(2);
  });

  test.each([
    [
      'an org without API',
      { status: 403, body: [{ message: 'no', errorCode: 'API_DISABLED_FOR_ORG' }] },
      'credentials',
    ],
    ['spent calls', { status: 403, body: [{ message: 'no', errorCode: 'REQUEST_LIMIT_EXCEEDED' }] }, 'limits'],
    ['HTTP 503', { status: 503, body: '<html>' }, 'reach'],
    ['a broken connection', 'hang up', 'reach'],
  ] as const)('tells %s as a finding, after one call', async (_, reply, subject) => {
    await using vendor = await fakeVendor(() => reply);
    expect(await check(salesforce, org(vendor.url))).toEqual(failed(subject));
    expect(vendor.received).toHaveLength(1);
  });
});

const portal = (baseUrl: string, auth: JsonObject = { kind: 'access_token', accessToken: 'pat-sample' }) => ({
  baseUrl,
  auth,
});
const contactsPage: Reply = {
  headers: {
    date: NOW.toUTCString(),
    'x-hubspot-ratelimit-interval-milliseconds': '10000',
    'x-hubspot-ratelimit-max': '100',
    'x-hubspot-ratelimit-remaining': '99',
    'x-hubspot-ratelimit-daily': '250000',
    'x-hubspot-ratelimit-daily-remaining': '249000',
  },
  body: { results: [] },
};

describe('checking a HubSpot connection', () => {
  test('makes only permitted calls with the token, and tells the budget what came back', async () => {
    await using vendor = await fakeVendor(() => contactsPage);
    const watched = watchedContext();
    const findings = await check(hubspot, { ...portal(vendor.url), objectsPath: '/crm/objects/2026-09' }, watched);
    expect(findings.map((finding) => [finding.subject, finding.ok])).toEqual([
      ['reach', true],
      ['credentials', true],
    ]);
    expect(vendor.received[0]).toMatchObject({
      url: '/crm/objects/2026-09/contacts?limit=1',
      headers: { authorization: 'Bearer pat-sample' },
    });
    expect(watched.permits).toEqual(vendor.received.map(() => ({ cost: 1, trafficClass: 'poll', budget: undefined })));
    expect(watched.limits.slice(0, 2)).toEqual([
      { window: '10000ms', limit: 100, remaining: 99 },
      { window: 'daily', limit: 250_000, remaining: 249_000 },
    ]);
  });

  test('names the streams whose scope is missing', async () => {
    await using vendor = await fakeVendor((request) =>
      request.url.includes('/contacts') ? contactsPage : { status: 403, body: { category: 'MISSING_SCOPES' } },
    );
    const findings = await check(hubspot, portal(vendor.url));
    expect(findings.filter(({ ok }) => !ok).map(({ subject }) => subject)).toEqual([
      ...['stream:companies', 'stream:deals', 'stream:products', 'stream:line_items'],
      ...['stream:form_submissions', 'stream:campaigns'],
    ]);
    expect(findings).toEqual(failed('stream:campaigns'));
  });

  test('asks for another token once when the vendor refuses the first', async () => {
    await using vendor = await fakeVendor((request) =>
      request.headers.authorization === 'Bearer fresh'
        ? contactsPage
        : { status: 401, body: { category: 'EXPIRED_AUTHENTICATION' } },
    );
    const watched = watchedContext({ tokens: ['stale', 'fresh'] });
    const oauth = { kind: 'oauth', clientId: 'id', clientSecret: 'hubspot-client-secret', refreshToken: 'r' };
    expect((await check(hubspot, portal(vendor.url, oauth), watched)).every((finding) => finding.ok)).toBe(true);
    expect(watched.tokens.filter((rejected) => rejected !== undefined)).toEqual(['stale']);
  });

  test.each([
    ['a refused token', { status: 401, body: { status: 'error', category: 'INVALID_AUTHENTICATION' } }, 'credentials'],
    ['a spent window', { status: 429, body: { status: 'error', policyName: 'TEN_SECONDLY_ROLLING' } }, 'limits'],
    ['an account that is being moved', { status: 477, body: {} }, 'reach'],
    ['HTTP 502', { status: 502, body: '<html>' }, 'reach'],
    ['another site', { body: '<html>' }, 'reach'],
    ['a broken connection', 'hang up', 'reach'],
  ] as const)('tells %s as a finding, after one call', async (_, reply, subject) => {
    await using vendor = await fakeVendor(() => reply);
    expect(await check(hubspot, portal(vendor.url))).toEqual(failed(subject));
    expect(vendor.received).toHaveLength(1);
  });
});

/** Connectors that cannot read yet. */

const ways: readonly (readonly [string, Connector, (url: string) => JsonObject])[] = [
  ['shopify', shopify, (url) => shop(url)],
  ['woocommerce', woocommerce, (url) => ({ url, ...HTTP_SHOP })],
  ['salesforce', salesforce, org],
  ['hubspot', hubspot, (url) => portal(url)],
];

describe.each(ways)('%s', (_, connector, settingsFor) => {
  test('tells an address nobody listens at as a finding', async () => {
    expect(await check(connector, settingsFor(await deadAddress()))).toEqual(failed('reach'));
  });

  test('ends with the reason of the signal when the connection is ended', async () => {
    await using vendor = await fakeVendor(() => ({ body: {} }));
    const ended = new AbortController();
    ended.abort(new Error('shutting down'));
    await expect(check(connector, settingsFor(vendor.url), watchedContext({ signal: ended.signal }))).rejects.toThrow(
      'shutting down',
    );
  });

  test('never says a secret', async () => {
    await using vendor = await fakeVendor(() => ({ status: 401, body: { message: 'no' } }));
    const text = JSON.stringify(await check(connector, settingsFor(vendor.url)));
    for (const word of ['shpat_sample', 'cs_sample', 'ck_sample', 'sf-client-secret', 'pat-sample', 'token-1'])
      expect(text).not.toContain(word);
  });
});

describe('asking for tokens', () => {
  const grant = { refreshToken: null, clock: watchedContext().context.clock, signal: new AbortController().signal };

  test('Shopify: client credentials, with their end', async () => {
    await using vendor = await fakeVendor(() => ({ body: { access_token: 'new', expires_in: 86_399 } }));
    const token = await shopify.issueToken?.(shopify.config.parse(shop(vendor.url, ISSUED)), grant);
    expect(token).toEqual({ accessToken: 'new', refreshToken: null, expiresAt: new Date(NOW.getTime() + 86_399_000) });
    expect(vendor.received[0]?.url).toBe('/admin/oauth/access_token');
    expect(JSON.parse(vendor.received[0]?.body ?? '')).toEqual({
      client_id: 'id',
      client_secret: 'shopify-client-secret',
      grant_type: 'client_credentials',
    });
  });

  test('HubSpot: the rotated refresh token before the configured one', async () => {
    await using vendor = await fakeVendor(() => ({
      body: { access_token: 'new', refresh_token: 'next', expires_in: 1800 },
    }));
    const settings = hubspot.config.parse({
      baseUrl: vendor.url,
      auth: { kind: 'oauth', clientId: 'id', clientSecret: 's', refreshToken: 'first' },
    });
    const token = await hubspot.issueToken?.(settings, { ...grant, refreshToken: 'second' });
    expect(token).toMatchObject({ accessToken: 'new', refreshToken: 'next' });
    expect(new URLSearchParams(vendor.received[0]?.body).get('refresh_token')).toBe('second');
  });

  test('Salesforce: an assertion that the key signed', async () => {
    await using vendor = await fakeVendor(() => ({ body: { access_token: 'new', instance_url: 'https://x' } }));
    const sample = SAMPLES.salesforce?.[1] ?? {};
    const settings = salesforce.config.parse({ ...sample, loginUrl: vendor.url });
    expect(await salesforce.issueToken?.(settings, grant)).toEqual({
      accessToken: 'new',
      refreshToken: null,
      expiresAt: null,
    });
    const assertion = new URLSearchParams(vendor.received[0]?.body).get('assertion') ?? '';
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    const key = settings.auth.kind === 'jwt' ? createPublicKey(settings.auth.privateKey) : '';
    expect(
      verifySignature('RSA-SHA256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')),
    ).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      iss: 'id',
      sub: 'bot@example.com',
      aud: vendor.url,
      exp: NOW.getTime() / 1000 + 180,
    });
  });

  test('a refusal is told without the secret', async () => {
    await using vendor = await fakeVendor(() => ({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'expired' },
    }));
    const settings = salesforce.config.parse(org(vendor.url));
    await expect(salesforce.issueToken?.(settings, grant)).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      message: expect.not.stringContaining('sf-client-secret'),
    });
  });
});

/** Worked out from RFC 5849 by itself, so that a fault of the connector is not repeated here. */
function isWooSignature(request: Received | undefined, home: string, secret: string): boolean {
  if (!request) return false;
  const strict = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`.toUpperCase());
  const sent = [...(request.headers.authorization ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, decodeURIComponent(value)] as const,
  );
  const url = new URL(request.url, 'http://x');
  const signed = [...sent.filter(([name]) => name !== 'oauth_signature'), ...url.searchParams]
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort();
  const base = `${request.method}&${strict(home + url.pathname)}&${strict(signed.join('&'))}`;
  const wanted = createHmac('sha256', `${secret}&`).update(base).digest('base64');
  return sent.some(([name, value]) => name === 'oauth_signature' && value === wanted);
}
