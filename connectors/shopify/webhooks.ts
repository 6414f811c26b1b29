import {
  isFresh,
  isSigned,
  type Json,
  type WebhookRequest,
  type Webhooks,
  type WebhookVerdict,
} from '../../src/connector/index.ts';
import type { Shop } from './client.ts';
import { type ShopifyConfig, webhookSecrets } from './config.ts';
import { findId } from './ids.ts';
import { subscriptions } from './subscriptions.ts';

/** Shopify repeats a delivery for about four hours; one that is much older was not sent by it just now. */
const REPLAY_WINDOW_MS = 24 * 3_600_000;

type Now = () => Date;

/**
 * Deliveries of a shop: base64 HMAC-SHA256 of the raw body. The time is a header that is not signed, so it only weeds
 * out what is plainly stale; a repeated delivery is told by its id, or costs one more read.
 */
export function webhooks(config: ShopifyConfig, shop: Shop, now: Now): Webhooks {
  return {
    verify: async (request) => verify(config, request, now()),
    handshake: () => null,
    ...subscriptions(shop),
  };
}

const STREAM_OF: Readonly<Record<string, string>> = {
  products: 'products',
  inventory_items: 'inventory',
  inventory_levels: 'inventory',
  locations: 'locations',
  orders: 'orders',
  customers: 'customers',
};

const HEADERS = ['hmac-sha256', 'topic', 'shop-domain', 'webhook-id'] as const;

function verify(config: ShopifyConfig, request: WebhookRequest, now: Date): WebhookVerdict {
  // The newer kind of delivery, called events, has the same headers without the x.
  const header = (name: string) => request.headers[`x-shopify-${name}`] ?? request.headers[`shopify-${name}`] ?? '';
  const missing = HEADERS.filter((name) => header(name) === '');
  if (missing.length > 0) return { ok: false, reason: `headers are missing: ${missing.join(', ')}` };
  const secrets = webhookSecrets(config);
  if (secrets.length === 0) return { ok: false, reason: 'no webhook secret is configured' };
  if (!isSigned(secrets, [request.body], header('hmac-sha256')))
    return { ok: false, reason: 'the signature does not match' };
  if (header('shop-domain').toLowerCase() !== config.shop)
    return { ok: false, reason: 'the delivery is for another shop' };
  const sentAt = time(header('triggered-at'));
  if (sentAt && !isFresh(sentAt, now, REPLAY_WINDOW_MS))
    return { ok: false, reason: 'the delivery is out of its time' };
  const changed = changedBy(header('topic').toLowerCase(), parse(request.body));
  return { ok: true, deliveryId: header('webhook-id'), sentAt, changed };
}

function time(text: string): Date | null {
  const at = new Date(text);
  return text === '' || Number.isNaN(at.getTime()) ? null : at;
}

function parse(bytes: Uint8Array): { readonly [name: string]: Json } {
  try {
    const body: Json = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  } catch {
    // Signed but not JSON: a real delivery that names no record. The poll finds what changed.
    return {};
  }
}

function changedBy(topic: string, body: { readonly [name: string]: Json }) {
  const [resource = '', event = ''] = topic.split('/');
  if (topic === 'customers/redact') return redacted(body);
  const stream = STREAM_OF[resource];
  const id = resource === 'inventory_levels' ? itemOf(body) : findId(body.admin_graphql_api_id ?? body.id ?? null);
  if (!stream || id === null) return [];
  // A level that went away is a change of its item, not the item's end.
  return [{ stream, id, deleted: event === 'delete' && resource !== 'inventory_levels' }];
}

// A level is read again with its item. The text names it exactly; the number may be too large for JSON.
function itemOf(body: { readonly [name: string]: Json }): string | null {
  const named =
    typeof body.admin_graphql_api_id === 'string'
      ? /[?&]inventory_item_id=(\d+)/.exec(body.admin_graphql_api_id)?.[1]
      : undefined;
  return named ?? findId(body.inventory_item_id ?? null);
}

// The shop's owner passes a customer's wish to be forgotten on; with it go the orders it names.
function redacted(body: { readonly [name: string]: Json }) {
  const { customer, orders_to_redact: orders } = body;
  const subjects = [
    { stream: 'customers', id: findId(customer ?? null) },
    ...(Array.isArray(orders) ? orders : []).map((order) => ({ stream: 'orders', id: findId(order) })),
  ];
  return subjects.flatMap(({ stream, id }) =>
    id === null ? [] : [{ stream, id, deleted: false, erase: true } as const],
  );
}
