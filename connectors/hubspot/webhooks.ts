import { createHash } from 'node:crypto';
import {
  isFresh,
  isSigned,
  type Json,
  type WebhookRequest,
  type Webhooks,
  type WebhookVerdict,
} from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { type HubSpotConfig, webhookSecrets } from './config.ts';
import { findId } from './ids.ts';
import { subscriptions } from './subscriptions.ts';

const REPLAY_WINDOW_MS = 5 * 60_000;

/**
 * Deliveries signed by version 3: HMAC-SHA256 of method, address, body and time. One app has one address for all the
 * accounts it is installed in, so events of other accounts are left out.
 * https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
 */
export function webhooks(account: Account): Webhooks {
  const { config, context } = account;
  return {
    verify: async (request) => verify(config, request, context.clock.now()),
    handshake: () => null,
    ...subscriptions(account),
  };
}

function verify(config: HubSpotConfig, request: WebhookRequest, now: Date): WebhookVerdict {
  const signature = request.headers['x-hubspot-signature-v3'];
  const timestamp = request.headers['x-hubspot-request-timestamp'];
  const secrets = webhookSecrets(config);
  if (secrets.length === 0 || config.portalId === undefined)
    return { ok: false, reason: 'webhookSecret or portalId is not configured' };
  if (!signature || !timestamp || !/^\d{1,16}$/.test(timestamp))
    return { ok: false, reason: 'a header of a HubSpot delivery is missing' };
  const sentAt = new Date(Number(timestamp));
  if (Number.isNaN(sentAt.getTime()) || !isFresh(sentAt, now, REPLAY_WINDOW_MS))
    return { ok: false, reason: 'the delivery is out of its time' };
  if (!isSigned(secrets, [request.method.toUpperCase(), request.url, request.body, timestamp], signature))
    return { ok: false, reason: 'the signature does not match' };
  const events = parse(request.body);
  if (events === null) return { ok: false, reason: 'the body is no list of events' };
  const ours = events.filter((event) => event.portalId === config.portalId);
  return { ok: true, deliveryId: deliveryId(events), sentAt, changed: ours.flatMap(changedBy) };
}

type Event = { readonly [name: string]: Json };

function parse(bytes: Uint8Array): readonly Event[] | null {
  try {
    const body: Json = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return Array.isArray(body) ? body.filter(isEvent) : null;
  } catch {
    return null;
  }
}

function isEvent(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// A delivery has no id of its own and comes again with another attempt number: what its events are makes it the same.
function deliveryId(events: readonly Event[]): string {
  const names = events
    .map((event) =>
      JSON.stringify([event.portalId, event.subscriptionId, event.eventId, event.occurredAt, event.objectId]),
    )
    .sort();
  return createHash('sha256').update(names.join('\n')).digest('hex');
}

const STREAM_OF: Readonly<Record<string, string>> = {
  contact: 'contacts',
  company: 'companies',
  deal: 'deals',
  product: 'products',
  line_item: 'line_items',
};
const TYPE_IDS: Readonly<Record<string, string>> = {
  '0-1': 'contact',
  '0-2': 'company',
  '0-3': 'deal',
  '0-7': 'product',
  '0-8': 'line_item',
};

function changedBy(event: Event) {
  const [kind = '', what = ''] = String(event.subscriptionType ?? '').split('.');
  const stream = STREAM_OF[kind === 'object' ? (TYPE_IDS[String(event.objectTypeId)] ?? '') : kind];
  if (!stream) return [];
  const changed = idsOf(event).map((id) => ({
    stream,
    id,
    deleted: what === 'deletion' || what === 'privacyDeletion',
  }));
  return what === 'privacyDeletion' ? changed.map((one) => ({ ...one, erase: true as const })) : changed;
}

// A merge names the records that went in and the one that came out: all of them read differently now.
function idsOf(event: Event): readonly string[] {
  const merged = Array.isArray(event.mergedObjectIds) ? event.mergedObjectIds : [];
  const named = [event.objectId, event.primaryObjectId, event.newObjectId, event.fromObjectId, ...merged];
  return [...new Set(named.flatMap((id) => (id === undefined ? [] : (findId(id) ?? []))))];
}
