import { createHmac } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import hubspot from '../../connectors/hubspot/index.ts';
import shopify from '../../connectors/shopify/index.ts';
import woocommerce from '../../connectors/woocommerce/index.ts';
import type { Connector, Json, JsonObject, WebhookRequest, Webhooks } from '../../src/connector/index.ts';
import { NOW, watchedContext } from './support.ts';

async function webhooksOf<Config>(connector: Connector<Config>, settings: JsonObject): Promise<Webhooks> {
  const { webhooks } = await connector.open(connector.config.parse(settings), watchedContext().context);
  if (!webhooks) throw new Error(`${connector.name} has no webhooks`);
  return webhooks;
}

const sign = (secret: string, ...parts: readonly (string | Uint8Array)[]) =>
  parts.reduce((hmac, part) => hmac.update(part), createHmac('sha256', secret)).digest('base64');
const post = (
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
  url = 'https://platform.example/hooks/1',
): WebhookRequest => ({ method: 'POST', url, headers, body: Buffer.from(body) });

describe('WooCommerce', async () => {
  const { secret, deliveries } = recorded();
  const settings = { url: 'https://shop.example', consumerKey: 'ck', consumerSecret: 'cs' };
  const hooks = await webhooksOf(woocommerce, { ...settings, webhookSecret: secret });
  const signed = (topic: string, body: string) => {
    const [resource = '', event = ''] = topic.split('.');
    const headers = {
      'x-wc-webhook-resource': resource,
      'x-wc-webhook-event': event,
      'x-wc-webhook-delivery-id': 'd1',
      'x-wc-webhook-signature': sign(secret, body),
    };
    return post(headers, body);
  };

  test('accepts what a real shop signed, and names what to read again', async () => {
    const verdicts = await Promise.all(
      deliveries.filter(isSignedDelivery).map((delivery) => hooks.verify(delivery.request)),
    );
    expect(verdicts).toEqual([
      {
        ok: true,
        deliveryId: expect.stringMatching(/^a390ac2a2f1e7844bafbcd283d8e95ea-/),
        sentAt: null,
        changed: [{ stream: 'orders', id: '594', deleted: false }],
      },
      {
        ok: true,
        deliveryId: expect.any(String),
        sentAt: null,
        changed: [{ stream: 'orders', id: '594', deleted: true }],
      },
    ]);
  });

  test('refuses the same record written another way: only the raw bytes count', async () => {
    const request = deliveries.find((delivery) => delivery.name === '012-order.created')?.request;
    if (!request) throw new Error('the fixture has no such delivery');
    const rewritten = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(request.body).toString())));
    expect(await hooks.verify({ ...request, body: rewritten })).toEqual({
      ok: false,
      reason: 'the signature does not match',
    });
  });

  test('answers the unsigned ping of a new hook, and nothing else, with a handshake', () => {
    const answers = deliveries.map((delivery) => [delivery.name, hooks.handshake(delivery.request)]);
    expect(answers).toEqual([
      ['001-ping', { status: 200, body: '' }],
      ['012-order.created', null],
      ['016-order.deleted', null],
    ]);
  });

  test('reads an edited variation as itself and its product', async () => {
    const body = JSON.stringify({ id: 225, type: 'variation', parent_id: 223 });
    expect(await hooks.verify(signed('product.updated', body))).toMatchObject({
      changed: [
        { stream: 'variations', id: '225', deleted: false },
        { stream: 'products', id: '223', deleted: false },
      ],
    });
  });

  test('tells two records of one hook apart that come within one second, under one delivery id', async () => {
    const [first, again, other] = await Promise.all(
      ['{"id":1}', '{"id":1}', '{"id":2}'].map((body) => hooks.verify(signed('order.updated', body))),
    );
    expect(again).toEqual(first);
    expect(other?.ok && first?.ok && other.deliveryId !== first.deliveryId).toBe(true);
  });

  test('accepts a secret that is being rotated out', async () => {
    const rotating = await webhooksOf(woocommerce, {
      ...settings,
      webhookSecret: 'new',
      previousWebhookSecret: secret,
    });
    expect(await rotating.verify(signed('product.updated', '{"id":1}'))).toMatchObject({ ok: true });
  });

  test('refuses every delivery while no secret is configured', async () => {
    const bare = await webhooksOf(woocommerce, settings);
    expect(await bare.verify(signed('product.updated', '{"id":1}'))).toEqual({
      ok: false,
      reason: 'no webhook secret is configured',
    });
  });

  // All recordings of a shop, where a folder of them is at hand.
  const folder = join(process.env.TRIBUTARY_RECORDINGS ?? '', 'woocommerce/webhooks');
  test.skipIf(!process.env.TRIBUTARY_RECORDINGS || !existsSync(folder))(
    'accepts every recorded delivery whose secret is known',
    async () => {
      const known = readdirSync(folder).filter((file) => /^0(1[2-9]|2[0-4])-.*\.json$/.test(file));
      for (const file of known) {
        const { headers, method, url }: { headers: Record<string, string>; method: string; url: string } = JSON.parse(
          readFileSync(join(folder, file), 'utf8'),
        );
        const body = readFileSync(join(folder, file.replace(/json$/, 'raw')));
        expect(await hooks.verify({ method, url, headers, body }), file).toMatchObject({
          ok: true,
          changed: expect.arrayContaining([expect.anything()]),
        });
      }
      expect(known).toHaveLength(13);
    },
  );
});

describe('Shopify', async () => {
  const hooks = await webhooksOf(shopify, {
    shop: 'example.myshopify.com',
    auth: { kind: 'access_token', accessToken: 't', webhookSecret: 'hush' },
  });
  const delivery = (topic: string, body: Json, more: Readonly<Record<string, string>> = {}, prefix = 'x-shopify') => {
    const text = JSON.stringify(body);
    const headers = {
      topic,
      'shop-domain': 'example.myshopify.com',
      'webhook-id': 'w1',
      'api-version': '2026-10',
      'hmac-sha256': sign('hush', text),
    };
    return post(
      { ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [`${prefix}-${name}`, value])), ...more },
      text,
    );
  };

  test.each([
    [
      'products/update',
      { id: 1, admin_graphql_api_id: 'gid://shopify/Product/788032119674292922' },
      { stream: 'products', id: '788032119674292922', deleted: false },
    ],
    ['products/delete', { id: 788032119 }, { stream: 'products', id: '788032119', deleted: true }],
    [
      'inventory_levels/update',
      {
        inventory_item_id: 271878346596884000,
        location_id: 1,
        admin_graphql_api_id: 'gid://shopify/InventoryLevel/1?inventory_item_id=271878346596884015',
      },
      { stream: 'inventory', id: '271878346596884015', deleted: false },
    ],
    [
      'inventory_levels/disconnect',
      { inventory_item_id: 27187, location_id: 1 },
      { stream: 'inventory', id: '27187', deleted: false },
    ],
    [
      'orders/paid',
      { id: 8203, admin_graphql_api_id: 'gid://shopify/Order/8203' },
      { stream: 'orders', id: '8203', deleted: false },
    ],
    ['app/uninstalled', { id: 5 }, null],
    ['products/update', { no: 'id' }, null],
  ] as const)('names what %s wants read again (%#)', async (topic, body, changed) => {
    expect(await hooks.verify(delivery(topic, body))).toEqual({
      ok: true,
      deliveryId: 'w1',
      sentAt: null,
      changed: changed ? [changed] : [],
    });
  });

  test('passes a wish to be forgotten on', async () => {
    const verdict = await hooks.verify(
      delivery('customers/redact', { customer: { id: 7, email: 'x@example.com' }, orders_to_redact: [8, 9] }),
    );
    expect(verdict).toMatchObject({
      changed: ['customers', 'orders', 'orders'].map((stream, at) => ({ stream, id: String(7 + at), erase: true })),
    });
  });

  test('accepts the newer headers without an x', async () => {
    expect(await hooks.verify(delivery('products/update', { id: 1 }, {}, 'shopify'))).toMatchObject({ ok: true });
  });

  test('refuses a wrong signature, another shop, missing headers and a time long past', async () => {
    const good = delivery('products/update', { id: 1 });
    const { 'x-shopify-webhook-id': _, ...headers } = good.headers;
    const reasons = await Promise.all([
      hooks.verify({ ...good, body: Buffer.from('{"id":2}') }),
      hooks.verify({ ...good, headers: { ...good.headers, 'x-shopify-hmac-sha256': 'AAAA' } }),
      hooks.verify(delivery('products/update', { id: 1 }, { 'x-shopify-shop-domain': 'other.myshopify.com' })),
      hooks.verify({ ...good, headers }),
      hooks.verify(delivery('products/update', { id: 1 }, { 'x-shopify-triggered-at': '2026-11-19T10:00:00Z' })),
    ]);
    expect(reasons.map((verdict) => (verdict.ok ? 'accepted' : verdict.reason))).toEqual([
      'the signature does not match',
      'the signature does not match',
      'the delivery is for another shop',
      'headers are missing: webhook-id',
      'the delivery is out of its time',
    ]);
  });
});

describe('HubSpot', async () => {
  const settings = { auth: { kind: 'access_token', accessToken: 't' }, portalId: 62515, webhookSecret: 'hush' };
  const hooks = await webhooksOf(hubspot, settings);
  const url = 'https://platform.example/hooks/hubspot?connection=a%2Fb';
  const event = (more: JsonObject): JsonObject => ({
    eventId: 1,
    subscriptionId: 2,
    portalId: 62515,
    occurredAt: 3,
    attemptNumber: 0,
    objectId: 123,
    ...more,
  });
  const delivery = (events: readonly JsonObject[], at: number = NOW.getTime()) => {
    const body = JSON.stringify(events);
    return post(
      {
        'x-hubspot-signature-v3': sign('hush', 'POST', url, body, String(at)),
        'x-hubspot-request-timestamp': String(at),
      },
      body,
      url,
    );
  };

  test('reads creations, changes, deletions and merges of its own account', async () => {
    const verdict = await hooks.verify(
      delivery([
        event({ subscriptionType: 'contact.propertyChange' }),
        event({ subscriptionType: 'company.deletion', objectId: 5 }),
        event({ subscriptionType: 'object.creation', objectTypeId: '0-3', objectId: 9 }),
        event({
          subscriptionType: 'contact.merge',
          objectId: 20,
          primaryObjectId: 10,
          mergedObjectIds: [11],
          newObjectId: 20,
        }),
        event({ subscriptionType: 'contact.privacyDeletion', objectId: 12 }),
        event({ subscriptionType: 'contact.creation', objectId: 99, portalId: 1 }),
      ]),
    );
    expect(verdict).toEqual({
      ok: true,
      deliveryId: expect.stringMatching(/^[0-9a-f]{64}$/),
      sentAt: NOW,
      changed: [
        { stream: 'contacts', id: '123', deleted: false },
        { stream: 'companies', id: '5', deleted: true },
        { stream: 'deals', id: '9', deleted: false },
        ...['20', '10', '11'].map((id) => ({ stream: 'contacts', id, deleted: false })),
        { stream: 'contacts', id: '12', deleted: true, erase: true },
      ],
    });
  });

  test('knows a repeated delivery by what its events are', async () => {
    const ids = await Promise.all(
      [
        delivery([event({ attemptNumber: 0 })]),
        delivery([event({ attemptNumber: 4 })], NOW.getTime() + 1000),
        delivery([event({ eventId: 2 })]),
      ].map(async (request) => {
        const verdict = await hooks.verify(request);
        return verdict.ok ? verdict.deliveryId : verdict.reason;
      }),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
  });

  test.each([
    ['five minutes ago', -300_000, true],
    ['longer ago', -300_001, false],
    ['five minutes ahead', 300_000, true],
    ['further ahead', 300_001, false],
  ])('a delivery signed %s', async (_, offset, ok) => {
    expect(await hooks.verify(delivery([], NOW.getTime() + offset))).toMatchObject({ ok });
  });

  test('refuses a wrong signature, another address, a body that is no list, and a time that is none', async () => {
    const good = delivery([event({})]);
    const verdicts = await Promise.all([
      hooks.verify({ ...good, body: Buffer.from('[]') }),
      hooks.verify({ ...good, url: 'https://platform.example/hooks/hubspot?connection=a/b' }),
      hooks.verify({ ...good, headers: { ...good.headers, 'x-hubspot-request-timestamp': 'soon' } }),
      hooks.verify(post({}, '[]')),
    ]);
    expect(verdicts.map((verdict) => verdict.ok)).toEqual([false, false, false, false]);
    const body = '{"id":1}';
    const time = String(NOW.getTime());
    expect(
      await hooks.verify(
        post(
          { 'x-hubspot-signature-v3': sign('hush', 'POST', url, body, time), 'x-hubspot-request-timestamp': time },
          body,
          url,
        ),
      ),
    ).toEqual({ ok: false, reason: 'the body is no list of events' });
  });

  test('refuses every delivery until secret and account are configured', async () => {
    const bare = await webhooksOf(hubspot, { auth: settings.auth });
    expect(await bare.verify(delivery([]))).toMatchObject({ ok: false });
  });
});

type Delivery = { readonly name: string; readonly request: WebhookRequest };

function recorded(): { readonly secret: string; readonly deliveries: readonly Delivery[] } {
  const file: { secret: string; deliveries: { name: string; headers: Record<string, string>; body: string }[] } =
    JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/woocommerce-webhooks.json'), 'utf8'));
  return {
    secret: file.secret,
    deliveries: file.deliveries.map(({ name, headers, body }) => ({
      name,
      request: post(headers, Buffer.from(body, 'base64')),
    })),
  };
}

function isSignedDelivery(delivery: Delivery): boolean {
  return 'x-wc-webhook-signature' in delivery.request.headers;
}
