/** A Shopify shop on this machine: its Admin GraphQL API on the published schema, tokens, bulk files and webhooks. */
import { parse } from 'graphql';
import { NO_FAULTS } from '../faults.ts';
import { type SystemAnswer, type SystemRequest, serve } from '../server.ts';
import { onOwnClock, type RequestRecord, type SystemOptions, type VendorSystem } from '../system.ts';
import { act, change, marker, STREAMS, truth } from './actions.ts';
import { openBucket } from './bucket.ts';
import { openBulk } from './bulk.ts';
import type { Execution } from './connection.ts';
import { openEndpoint, run } from './endpoint.ts';
import { openHooks } from './hooks.ts';
import { SHOP_DOMAIN } from './queries.ts';
import { adminSchema, SERVED_VERSIONS } from './schema.ts';
import { seed } from './seed.ts';
import { Shop } from './shop.ts';
import { CLIENT, openTokens } from './tokens.ts';

const MOST_RECORDS = 100_000;
const API = /^\/admin\/api\/([^/]+)\/graphql\.json$/;

/** Opens the shop of a world. Numbers of records, tokens and orders are the same each time. */
export async function openShopify(options: SystemOptions): Promise<VendorSystem> {
  const faults = options.faults ?? NO_FAULTS;
  const shop = new Shop({ clock: options.clock, faults, speed: options.speed ?? 1 });
  if (options.saved === undefined) seed(shop, options.world);
  else shop.load(options.saved);
  const random = seededRandom(20261120);
  const bucket = openBucket(shop);
  const tokens = openTokens(shop, SHOP_DOMAIN);
  const hooks = openHooks(shop, { domain: SHOP_DOMAIN, secret: CLIENT.secret, version: '2026-10' });
  shop.listener = hooks.send;
  const bulk = openBulk(adminSchema(), (execution, document) => {
    const operation =
      document.definitions.find((one) => one.kind === 'OperationDefinition') ?? parse('{ shop { id } }').definitions[0];
    if (operation?.kind !== 'OperationDefinition') throw new TypeError('a document without an operation');
    return run(execution, bulk, new Map(), { document, operation }, {});
  });
  const endpoint = openEndpoint(bucket, bulk);
  const requests: RequestRecord[] = [];
  let refusals = 0;
  const limited = (request: SystemRequest): SystemAnswer | null => {
    // Sources disagree whether a throttled call is answered with 200 or 429: both come, in turn.
    if (request.fault?.kind !== 'limited') return null;
    if (API.test(request.path)) refusals += 1;
    if (API.test(request.path) && refusals % 2 === 0) return null;
    const seconds = Math.max(0.1, request.fault.retryAfterMs / 1000);
    return {
      status: 429,
      headers: { 'retry-after': seconds.toFixed(1) },
      body: { errors: 'Exceeded 2 calls per second for api client.' },
    };
  };
  const answer = (request: SystemRequest): { answer: SystemAnswer; cost: number } => {
    const broken = failing(request) ?? limited(request);
    if (broken) return { answer: broken, cost: 0 };
    if (request.path === '/admin/oauth/access_token') return { answer: tokens.issue(request), cost: 0 };
    if (request.path === '/admin/oauth/authorize') return { answer: tokens.authorize(request), cost: 0 };
    if (request.path.startsWith('/bulk/')) return { answer: downloadOf(bulk.download(request.path.slice(6))), cost: 0 };
    const asked = API.exec(request.path)?.[1];
    if (asked === undefined || request.method !== 'POST')
      return { answer: { status: 404, body: { errors: 'Not Found' } }, cost: 0 };
    if (request.fault?.kind === 'expired' || !tokens.isValid(request.headers['x-shopify-access-token'] ?? ''))
      return { answer: { status: 401, body: { errors: BAD_TOKEN } }, cost: 0 };
    const version = SERVED_VERSIONS.find((one) => one === asked) ?? SERVED_VERSIONS[0];
    const execution: Execution = { shop, url: server.url, version, isBulk: false, searches: [], random };
    const given = endpoint.answer(request, execution);
    return {
      ...given,
      answer: { ...given.answer, headers: { 'x-shopify-api-version': version, ...given.answer.headers } },
    };
  };
  const server = await serve(
    (request) => {
      const given = answer(request);
      const { method, path } = request;
      if (requests.length < MOST_RECORDS)
        requests.push({ method, path, status: given.answer.status, cost: given.cost, at: new Date(shop.now()) });
      faults.betweenPages?.('');
      const date = new Date(shop.now()).toUTCString();
      return { ...given.answer, headers: { date, ...given.answer.headers } };
    },
    { clock: options.clock, faults, ...(options.port === undefined ? {} : { port: options.port }) },
  );
  return {
    name: 'shopify',
    url: server.url,
    settings: {
      ...{ connector: 'shopify', shop: SHOP_DOMAIN, baseUrl: server.url },
      auth: { kind: 'client_credentials', clientId: CLIENT.id, clientSecret: CLIENT.secret },
    },
    streams: STREAMS,
    act: (action) => act(shop, action),
    change: (wanted) => change(shop, onOwnClock(wanted, faults.clockSkewMs)),
    truth: (stream) => truth(shop, stream),
    marker,
    requests,
    delivered: hooks.delivered,
    save: () => shop.save(),
    close: async () => {
      await hooks.close();
      await server.close();
    },
  };
}

const BAD_TOKEN = '[API] Invalid API key or access token (unrecognized login or wrong password)';

function failing({ fault }: SystemRequest): SystemAnswer | null {
  if (fault?.kind === 'unavailable')
    return { status: fault.status, headers: { 'content-type': 'text/html' }, body: '<h1>Something went wrong</h1>' };
  return fault?.kind === 'html'
    ? {
        status: fault.status,
        headers: { 'content-type': 'text/html' },
        body: '<!doctype html><title>Maintenance</title>',
      }
    : null;
}

function downloadOf(lines: string | null): SystemAnswer {
  return lines === null
    ? { status: 404, headers: { 'content-type': 'application/xml' }, body: '<Error><Code>NoSuchKey</Code></Error>' }
    : { status: 200, headers: { 'content-type': 'application/jsonl' }, body: lines };
}

/** mulberry32: enough to shuffle lines and name tokens, and the same every time. */
function seededRandom(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
