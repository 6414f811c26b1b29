import { createHash } from 'node:crypto';
import {
  isSigned,
  type Json,
  type WebhookRequest,
  type Webhooks,
  type WebhookVerdict,
} from '../../src/connector/index.ts';
import type { Shop } from './client.ts';
import { inspect, subscribe, unsubscribe } from './hooks.ts';

const STREAM_OF: Readonly<Record<string, string>> = {
  product: 'products',
  order: 'orders',
  customer: 'customers',
  coupon: 'coupons',
};

/**
 * Deliveries of a shop: base64 HMAC-SHA256 of the raw body. No time is signed or sent, so there is no replay window:
 * a replayed delivery is told by its delivery id, or costs one more read of the record and nothing else.
 */
export function webhooks(shop: Shop): Webhooks {
  const { config } = shop;
  const secrets = [config.webhookSecret, config.previousWebhookSecret].filter((secret) => secret !== undefined);
  return {
    verify: async (request) => verify(secrets, request),
    handshake: (request) => (isPing(request) ? { status: 200, body: '' } : null),
    subscribe: (url) => subscribe(shop, url),
    unsubscribe: () => unsubscribe(shop),
    inspect: () => inspect(shop),
  };
}

// Sent unsigned when a hook is made, and again after each delivery until it is answered 200.
function isPing(request: WebhookRequest): boolean {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return request.method === 'POST' && isForm && /^webhook_id=\d+$/.test(Buffer.from(request.body).toString('latin1'));
}

function verify(secrets: readonly string[], request: WebhookRequest): WebhookVerdict {
  const signature = request.headers['x-wc-webhook-signature'];
  const delivery = request.headers['x-wc-webhook-delivery-id'];
  const resource = request.headers['x-wc-webhook-resource'];
  if (secrets.length === 0) return { ok: false, reason: 'no webhook secret is configured' };
  if (!signature || !delivery || !resource)
    return { ok: false, reason: 'a header of a WooCommerce delivery is missing' };
  if (!isSigned(secrets, [request.body], signature)) return { ok: false, reason: 'the signature does not match' };
  const body = parse(request.body);
  if (body === null) return { ok: false, reason: 'the body names no record' };
  const deleted = request.headers['x-wc-webhook-event'] === 'deleted';
  const deliveryId = deliveryOf(delivery, request.body);
  return { ok: true, deliveryId, sentAt: null, changed: changedBy(resource, body, deleted) };
}

/** WooCommerce makes the id of the hook and the second: two records told of within one second come under the same. */
const deliveryOf = (delivery: string, body: Uint8Array): string =>
  `${delivery}-${createHash('sha256').update(body).digest('hex').slice(0, 32)}`;

type Named = { readonly id: number; readonly type: Json | undefined; readonly parent: Json | undefined };

function parse(bytes: Uint8Array): Named | null {
  try {
    const body: Json = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof body !== 'object' || body === null || Array.isArray(body) || typeof body.id !== 'number') return null;
    return { id: body.id, type: body.type, parent: body.parent_id };
  } catch {
    return null;
  }
}

// Editing a variation is delivered as its product's update, with the variation as the body.
function changedBy(resource: string, body: Named, deleted: boolean) {
  const stream = STREAM_OF[resource];
  if (!stream) return [];
  if (stream !== 'products' || body.type !== 'variation') return [{ stream, id: String(body.id), deleted }];
  const parent =
    typeof body.parent === 'number' && body.parent > 0 ? [{ stream, id: String(body.parent), deleted: false }] : [];
  return [{ stream: 'variations', id: String(body.id), deleted }, ...parent];
}
