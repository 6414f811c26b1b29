/**
 * The sandbox's shop against what Shopify was recorded to do: always against shapes written down here, and with
 * `VENDOR_DATA=<folder>` against recorded calls (`shopify/recorded/admin-calls-sample.ndjson.gz` in it).
 */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Kind, type OperationDefinitionNode, parse, specifiedRules, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/connector/contract.ts';
import type { Faults, RequestFault } from '../../src/sandbox/faults.ts';
import { costOf } from '../../src/sandbox/shopify/cost.ts';
import { openShopify } from '../../src/sandbox/shopify/index.ts';
import { adminSchema } from '../../src/sandbox/shopify/schema.ts';
import { tellStaticError } from '../../src/sandbox/shopify/static-errors.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';
import { waitFor } from '../support/services/wait.ts';

type Opened = AsyncDisposable & {
  readonly system: VendorSystem;
  readonly clock: TestClock;
  readonly faults: RequestFault[];
  /** The answer of the API as it came. */
  ask(query: string, variables?: JsonObject): Promise<{ status: number; headers: Headers; body: JsonObject }>;
};

async function open(
  options: { speed?: number; saved?: JsonObject[string]; onWebhook?: Faults['onWebhook'] } = {},
): Promise<Opened> {
  const clock = makeTestClock('2026-11-21T12:00:00Z', { isAuto: true });
  const planned: RequestFault[] = [];
  const faults: Faults = {
    onRequest: ({ method }) => (method === 'BULK' ? null : (planned.shift() ?? null)),
    onWebhook: options.onWebhook ?? (() => 'deliver'),
    clockSkewMs: 0,
  };
  const { speed = 1, saved } = options;
  const system = await openShopify({
    world: makeWorld(),
    clock,
    faults,
    speed,
    ...(saved === undefined ? {} : { saved }),
  });
  return {
    ...{ system, clock, faults: planned },
    ask: async (query, variables = {}) => {
      const answer = await fetch(`${system.url}/admin/api/2026-10/graphql.json`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-shopify-access-token': 'shpat_sandbox_permanent' },
        body: JSON.stringify({ query, variables }),
      });
      return { status: answer.status, headers: answer.headers, body: (await answer.json()) as JsonObject };
    },
    [Symbol.asyncDispose]: () => system.close(),
  };
}

const operationOf = (query: string): OperationDefinitionNode => {
  const found = parse(query).definitions.find((one) => one.kind === Kind.OPERATION_DEFINITION);
  if (!found) throw new Error('no operation');
  return found;
};
const costs = (query: string, variables: JsonObject = {}, data?: unknown) =>
  costOf(adminSchema(), parse(query), operationOf(query), variables, data);

describe('cost', () => {
  it.each([
    ['{ products(first: 250) { nodes { id } } }', 13],
    ['{ shop { id } }', 1],
    ['{ productsCount { count } }', 10],
    ['{ products(first: 2) { nodes { id } edges { node { id } } } }', 4],
    ['{ orders(first: 1) { nodes { id totalPriceSet { shopMoney { amount } } customer { id } } } }', 4],
    ['mutation { tagsAdd(id: "gid://shopify/Product/1", tags: []) { node { id } userErrors { field } } }', 10],
    ['mutation { orderCreate(order: {}) { order { id customer { id } } userErrors { field } } }', 11],
    ['mutation { bulkOperationRunQuery(query: "") { bulkOperation { id } userErrors { field } } }', 10],
  ])('of %s is %d', (query, cost) => {
    expect(costs(query)).toBe(cost);
  });

  it('that was really spent counts what was there', () => {
    expect(costs('{ products(first: 250) { nodes { id } } }', {}, { products: { nodes: [] } })).toBe(2);
  });
});

describe('the envelope', () => {
  it('has data, cost and the state of the bucket', async () => {
    await using shop = await open();
    const { status, headers, body } = await shop.ask('{ shop { myshopifyDomain } }');
    expect(status).toBe(200);
    expect(headers.get('x-shopify-api-version')).toBe('2026-10');
    expect(body).toEqual({
      data: { shop: { myshopifyDomain: 'tributary-sandbox.myshopify.com' } },
      extensions: {
        cost: {
          requestedQueryCost: 1,
          actualQueryCost: 1,
          throttleStatus: { maximumAvailable: 2000, currentlyAvailable: 1999, restoreRate: 100 },
        },
      },
    });
  });

  it('refuses a token it did not issue, and one that has ended', async () => {
    await using shop = await open({ speed: 10_000 });
    const call = (token: string) =>
      fetch(`${shop.system.url}/admin/api/2026-10/graphql.json`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-shopify-access-token': token },
        body: JSON.stringify({ query: '{ shop { id } }' }),
      });
    expect((await call('made up')).status).toBe(401);
    const issued = await fetch(`${shop.system.url}/admin/oauth/access_token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: 'tributary-sandbox',
        client_secret: 'shpss_sandbox_secret',
        grant_type: 'client_credentials',
      }),
    });
    const { access_token: token, expires_in: seconds } = (await issued.json()) as {
      access_token: string;
      expires_in: number;
    };
    expect((await call(token)).status).toBe(200);
    await shop.clock.advance((seconds + 1) * 1000);
    expect((await call(token)).status).toBe(401);
  });

  it('answers a version that is no longer served with the oldest one that is', async () => {
    await using shop = await open();
    const answer = await fetch(`${shop.system.url}/admin/api/2024-01/graphql.json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-shopify-access-token': 'shpat_sandbox_permanent' },
      body: JSON.stringify({ query: '{ shop { id } }' }),
    });
    expect(answer.headers.get('x-shopify-api-version')).toBe('2025-10');
  });
});

describe('limits', () => {
  it('are a bucket that runs empty with status 200, and fills again', async () => {
    await using shop = await open();
    const dear =
      '{ products(first: 250) { nodes { id variants(first: 250) { nodes { id inventoryItem { id } selectedOptions { name } } } } } }';
    let last: JsonObject = {};
    for (let no = 0; no < 60 && last['errors'] === undefined; no += 1) last = (await shop.ask(dear)).body;
    expect(last).toMatchObject({
      errors: [{ message: 'Throttled', extensions: { code: 'THROTTLED' } }],
      extensions: { cost: { actualQueryCost: null } },
    });
    await shop.clock.advance(10_000);
    expect((await shop.ask(dear)).body['errors']).toBeUndefined();
  });

  it('are told with 429 as well as with 200', async () => {
    await using shop = await open();
    shop.faults.push({ kind: 'limited', retryAfterMs: 2000 }, { kind: 'limited', retryAfterMs: 2000 });
    const [first, second] = [await shop.ask('{ shop { id } }'), await shop.ask('{ shop { id } }')];
    expect([first.status, first.headers.get('retry-after')]).toEqual([429, '2.0']);
    expect(second).toMatchObject({ status: 200, body: { errors: [{ extensions: { code: 'THROTTLED' } }] } });
  });
});

describe('errors', () => {
  it.each([
    [
      'query A { nope { id } }',
      {
        message: "Field 'nope' doesn't exist on type 'QueryRoot'",
        path: ['query A', 'nope'],
        extensions: { code: 'undefinedField', typeName: 'QueryRoot', fieldName: 'nope' },
      },
    ],
    [
      'query A { products(first: 1, colour: 1) { nodes { id } } }',
      {
        message: "Field 'products' doesn't accept argument 'colour'",
        path: ['query A', 'products', 'colour'],
        extensions: { code: 'argumentNotAccepted', name: 'products', typeName: 'Field', argumentName: 'colour' },
      },
    ],
    [
      'query A($x: Int) { shop { id } }',
      {
        message: 'Variable $x is declared by A but not used',
        extensions: { code: 'variableNotUsed', variableName: 'x' },
      },
    ],
    [
      'query A { product { id } }',
      {
        message: "Field 'product' is missing required arguments: id",
        extensions: { code: 'missingRequiredArguments' },
      },
    ],
    ['query A { shop {', { extensions: { code: 'PARSE_ERROR' } }],
  ])('of %s are told with status 200, without data and cost', async (query, error) => {
    await using shop = await open();
    const { status, body } = await shop.ask(query);
    expect(status).toBe(200);
    expect(body).toMatchObject({ errors: [error] });
    expect(Object.keys(body)).toEqual(['errors']);
  });

  it.each([
    ['{ products { nodes { id } } }', 'you must provide one of first or last'],
    ['{ products(first: 1, last: 1) { nodes { id } } }', 'providing both first and last is not supported'],
    ['{ products(first: 1, after: "xx") { nodes { id } } }', 'Malformed cursor'],
  ])('of running %s: %s', async (query, message) => {
    await using shop = await open();
    expect((await shop.ask(query)).body).toMatchObject({
      errors: [{ message, extensions: { code: 'BAD_REQUEST' }, path: ['products'] }],
      data: null,
    });
  });

  it('name a scope that is lacking, and an id that is none', async () => {
    await using shop = await open();
    const denied = await shop.ask(
      'mutation { productDelete(input: {id: "gid://shopify/Product/1"}) { deletedProductId } }',
    );
    expect(denied.body).toMatchObject({
      data: { productDelete: null },
      errors: [{ extensions: { code: 'ACCESS_DENIED' } }],
    });
    const invalid = await shop.ask('{ product(id: "7") { id } }');
    expect(invalid.body).toMatchObject({
      data: { product: null },
      errors: [{ message: 'invalid id', extensions: { code: 'RESOURCE_NOT_FOUND' } }],
    });
  });
});

describe('search', () => {
  it('ignores a field it does not know, and says so beside everything', async () => {
    await using shop = await open();
    const { body } = await shop.ask('{ products(first: 250, query: "colour:red") { nodes { id } } }');
    expect(body).toMatchObject({ data: { products: { nodes: { length: 44 } } } });
    expect(body).toMatchObject({
      extensions: {
        search: [
          {
            path: ['products'],
            query: 'colour:red',
            parsed: { field: 'colour', match_all: 'red' },
            warnings: [{ field: 'colour', message: 'Invalid search field for this query.', code: 'invalid_field' }],
          },
        ],
      },
    });
  });

  it.each([
    ["updated_at:>='2026-11-20T07:00:30Z' AND updated_at:<'2026-11-20T07:00:32Z'", 2],
    ['sku:TEN-001', 1],
    ['sku:TEN-001 OR sku:"TEN-002"', 2],
    ['sku:TEN-* -sku:TEN-001', 7],
    ['status:draft,archived', 0],
    ['(sku:TEN-001 OR sku:TEN-002) AND NOT sku:TEN-002', 1],
  ])('understands %s', async (query, count) => {
    await using shop = await open();
    const { body } = await shop.ask(
      'query Q($query: String) { products(first: 250, query: $query) { nodes { id } } }',
      { query },
    );
    expect(body).toMatchObject({ data: { products: { nodes: { length: count } } } });
    expect(body['extensions']).not.toHaveProperty('search');
  });
});

const RUN =
  'mutation Run($query: String!) { bulkOperationRunQuery(query: $query) { bulkOperation { id status objectCount } userErrors { field message code } } }';
const STATE = 'query State($id: ID!) { bulkOperation(id: $id) { status errorCode objectCount rootObjectCount url } }';

describe('bulk queries', () => {
  it.each([
    ['{ shop { id } }', 'Bulk queries must contain at least one connection.'],
    ['', 'Invalid bulk query: syntax error, unexpected end of file'],
    [`#${'a'.repeat(65_535)}`, 'Query is too large (65536 bytes; maximum is 65535 bytes)'],
  ])('refuse %.30s', async (query, message) => {
    await using shop = await open();
    expect((await shop.ask(RUN, { query })).body).toMatchObject({
      data: {
        bulkOperationRunQuery: { bulkOperation: null, userErrors: [{ field: ['query'], message, code: 'INVALID' }] },
      },
    });
  });

  it.each([
    '{ products { nodes { id } } }',
    '{ products { edges { node { title variants { edges { node { id } } } } } } }',
    'mutation { productDelete(input: {id: "gid://shopify/Product/1"}) { deletedProductId } }',
    '{ node(id: "gid://shopify/Product/1") { id } }',
    '{ products { edges { node { id } } } orders { edges { node { id } } } }',
  ])('refuse %s', async (query) => {
    await using shop = await open();
    const { body } = await shop.ask(RUN, { query });
    expect(body).toMatchObject({
      data: { bulkOperationRunQuery: { bulkOperation: null, userErrors: [{ code: 'INVALID' }] } },
    });
  });

  it('pass through their states; lines come in any order, children with their parent named', async () => {
    await using shop = await open();
    const query = '{ products { edges { node { id title variants { edges { node { id sku } } } } } } }';
    const { body } = await shop.ask(RUN, { query });
    const started = (
      body as {
        data: { bulkOperationRunQuery: { bulkOperation: { id: string; status: string; objectCount: string } } };
      }
    ).data.bulkOperationRunQuery.bulkOperation;
    expect(started).toMatchObject({ status: 'CREATED', objectCount: '0' });
    const states: unknown[] = [];
    let url = '';
    for (let no = 0; no < 10 && url === ''; no += 1) {
      const state = (await shop.ask(STATE, { id: started.id })).body as {
        data: { bulkOperation: { status: string; url: string | null } };
      };
      states.push(state.data.bulkOperation.status);
      url = state.data.bulkOperation.url ?? '';
      await shop.clock.advance(500);
    }
    expect([...new Set(states)]).toEqual(['CREATED', 'RUNNING', 'COMPLETED']);
    const answer = await fetch(url);
    expect(answer.headers.get('content-type')).toBe('application/jsonl');
    const lines = (await answer.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonObject);
    expect(lines).toHaveLength(96);
    const seen = new Set<unknown>();
    const early = lines.filter((line) => {
      seen.add(line['id']);
      return line['__parentId'] !== undefined && !seen.has(line['__parentId']);
    });
    expect(early.length).toBeGreaterThan(10);
  });

  it('are five at once', async () => {
    await using shop = await open();
    const query = '{ products { edges { node { id } } } }';
    for (let no = 0; no < 5; no += 1) await shop.ask(RUN, { query });
    expect((await shop.ask(RUN, { query })).body).toMatchObject({
      data: {
        bulkOperationRunQuery: { bulkOperation: null, userErrors: [{ field: null, code: 'OPERATION_IN_PROGRESS' }] },
      },
    });
  });
});

describe('stock', () => {
  const SET = (directive: string) =>
    `mutation Set($input: InventorySetQuantitiesInput!) { inventorySetQuantities(input: $input) ${directive} { inventoryAdjustmentGroup { reason } userErrors { code field message } } }`;

  it('wants a key and a quantity to compare with, null allowed', async () => {
    await using shop = await open();
    const { body } = await shop.ask(
      '{ inventoryItems(first: 1) { nodes { id inventoryLevels(first: 1) { nodes { location { id } } } } } }',
    );
    const [item] = (
      body as {
        data: {
          inventoryItems: { nodes: { id: string; inventoryLevels: { nodes: { location: { id: string } }[] } }[] };
        };
      }
    ).data.inventoryItems.nodes;
    const place = { inventoryItemId: item?.id ?? '', locationId: item?.inventoryLevels.nodes[0]?.location.id ?? '' };
    const input = (more: JsonObject) => ({
      input: { name: 'available', reason: 'correction', quantities: [{ ...place, quantity: 4, ...more }] },
    });
    const refused = (message: string) => ({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });
    expect((await shop.ask(SET(''), input({ changeFromQuantity: null }))).body).toMatchObject(
      refused('The @idempotent directive is required for this mutation but was not provided.'),
    );
    expect((await shop.ask(SET('@idempotent(key: "a")'), input({}))).body).toMatchObject(
      refused('InventoryQuantityInput must include the following argument: changeFromQuantity.'),
    );
    const ok = {
      data: { inventorySetQuantities: { inventoryAdjustmentGroup: { reason: 'correction' }, userErrors: [] } },
    };
    expect((await shop.ask(SET('@idempotent(key: "b")'), input({ changeFromQuantity: null }))).body).toMatchObject(ok);
    const stale = await shop.ask(SET('@idempotent(key: "c")'), input({ changeFromQuantity: 999 }));
    expect(stale.body).toMatchObject({
      data: { inventorySetQuantities: { userErrors: [{ code: 'CHANGE_FROM_QUANTITY_STALE' }] } },
    });
    const other = await shop.ask(SET('@idempotent(key: "b")'), input({ changeFromQuantity: 4, quantity: 5 }));
    expect(other.body).toMatchObject({
      data: { inventorySetQuantities: { userErrors: [{ code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH' }] } },
    });
  });
});

describe('webhooks', () => {
  type Delivery = {
    readonly topic: string;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
  };

  async function listen(status: () => number) {
    const received: Delivery[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        received.push({ topic: String(request.headers['x-shopify-topic']), headers: request.headers, body });
        response.writeHead(status()).end();
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
    return { received, url, [Symbol.asyncDispose]: async () => void server.close() };
  }

  const HOOK =
    'mutation Hook($topic: WebhookSubscriptionTopic!, $uri: String!) { webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) { webhookSubscription { id } userErrors { message } } }';

  it('of a purchase are those of the order, the level and the product, signed over their bytes', async () => {
    await using shop = await open();
    await using listener = await listen(() => 200);
    for (const topic of ['ORDERS_CREATE', 'INVENTORY_LEVELS_UPDATE', 'PRODUCTS_UPDATE'])
      await shop.ask(HOOK, { topic, uri: listener.url });
    await shop.system.act({ kind: 'buy', sku: 'TEN-001' });
    await waitFor('three deliveries', () => listener.received.length >= 3 || undefined);
    expect(listener.received.map(({ topic }) => topic).sort()).toEqual([
      'inventory_levels/update',
      'orders/create',
      'products/update',
    ]);
    for (const { headers, body } of listener.received) {
      const wanted = createHmac('sha256', 'shpss_sandbox_secret').update(body).digest('base64');
      expect(headers['x-shopify-hmac-sha256']).toBe(wanted);
      expect(headers['x-shopify-shop-domain']).toBe('tributary-sandbox.myshopify.com');
      expect(headers['x-shopify-webhook-id']).toEqual(expect.any(String));
    }
  });

  it('are tried nine times, and then their subscription is gone', async () => {
    await using shop = await open();
    await using listener = await listen(() => 503);
    await shop.ask(HOOK, { topic: 'PRODUCTS_UPDATE', uri: listener.url });
    await shop.system.act({ kind: 'edit', sku: 'TEN-001' });
    await waitFor('nine tries', () => listener.received.length >= 9 || undefined);
    const left = async () => (await shop.ask('{ webhookSubscriptions(first: 9) { nodes { id } } }')).body;
    await waitFor(
      'the subscription to go',
      async () => JSON.stringify(await left()).includes('"nodes":[]') || undefined,
    );
    expect(listener.received).toHaveLength(9);
  });

  it('get lost, come twice and out of order, as they are told to', async () => {
    const fates = (['lose', 'late', 'double'] as const)[Symbol.iterator]();
    await using shop = await open({ onWebhook: () => fates.next().value ?? 'deliver' });
    await using listener = await listen(() => 200);
    await shop.ask(HOOK, { topic: 'PRODUCTS_UPDATE', uri: listener.url });
    for (const sku of ['TEN-001', 'TEN-002', 'TEN-003']) await shop.system.act({ kind: 'edit', sku });
    await waitFor('three deliveries', () => listener.received.length >= 3 || undefined);
    const handles = listener.received.map(({ body }) => String((JSON.parse(body) as JsonObject)['handle']));
    expect(handles.filter((handle) => handle.endsWith('tent-1'))).toEqual([]);
    expect(handles.filter((handle) => handle.endsWith('tent-2'))).toHaveLength(1);
    expect(handles.filter((handle) => handle.endsWith('tent-3'))).toHaveLength(2);
  });
});

describe('the shop', () => {
  it('goes on where it was after a restart', async () => {
    await using first = await open();
    await first.system.act({ kind: 'buy', sku: 'TEN-001' });
    await first.system.act({ kind: 'delete', sku: 'TEN-002' });
    await using second = await open({ saved: JSON.parse(JSON.stringify(first.system.save())) });
    for (const stream of first.system.streams) expect(second.system.truth(stream)).toEqual(first.system.truth(stream));
    const events = await second.ask(
      '{ events(first: 5, query: "action:destroy") { nodes { action ... on BasicEvent { subjectType } } } }',
    );
    expect(events.body).toMatchObject({ data: { events: { nodes: [{ action: 'destroy', subjectType: 'PRODUCT' }] } } });
  });

  it('names what it has when an article is asked for that it does not have', async () => {
    await using shop = await open();
    await expect(shop.system.act({ kind: 'buy', sku: 'NOPE' })).rejects.toThrow(/no SKU NOPE; it has TEN-001/);
  });
});

type Recorded = {
  readonly apiVersion: string;
  readonly query: string;
  readonly variables: JsonObject;
  readonly response: {
    errors?: { extensions?: { code?: string }; message: string }[];
    extensions?: { cost?: { requestedQueryCost: number } };
  };
};
const FILE = join(process.env['VENDOR_DATA'] ?? '', 'shopify', 'recorded', 'admin-calls-sample.ndjson.gz');
const recorded: readonly Recorded[] =
  process.env['VENDOR_DATA'] && existsSync(FILE)
    ? gunzipSync(readFileSync(FILE))
        .toString('utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];

describe.runIf(recorded.length > 0)('recorded calls', () => {
  it('cost what the shop counts', () => {
    let same = 0;
    let all = 0;
    for (const { query, variables, response } of recorded) {
      const told = response.extensions?.cost?.requestedQueryCost;
      if (told === undefined || validate(adminSchema(), parse(query)).length > 0) continue;
      all += 1;
      if (costs(query, variables) === told) same += 1;
    }
    expect(all).toBeGreaterThan(2000);
    expect(same / all).toBeGreaterThan(0.88);
  });

  it('are refused in the same words where a field is unknown', () => {
    const rules = specifiedRules.filter(({ name }) => name !== 'OverlappingFieldsCanBeMergedRule');
    let same = 0;
    let all = 0;
    for (const { apiVersion, query, response } of recorded) {
      if (!apiVersion.startsWith('2026')) continue;
      const [error, other] = response.errors ?? [];
      if (error?.extensions?.code !== 'undefinedField' || other) continue;
      all += 1;
      const [first] = validate(adminSchema(), parse(query), rules);
      if (first && tellStaticError(first, parse(query)).message === error.message) same += 1;
    }
    expect(all).toBeGreaterThan(5);
    expect(same / all).toBeGreaterThan(0.7);
  });
});
