/** Webhook subscriptions of an app: made once for each topic, all to its one address. They need the developer's key. */
import {
  type Json,
  type JsonObject,
  unsupported,
  type WebhookSubscription,
  type Webhooks,
} from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { type Call, refused } from './client.ts';
import { listOf, objectOf, textOf } from './json.ts';
import { declaredNames, streamsOf } from './streams.ts';

const KINDS = {
  contact: 'contacts',
  company: 'companies',
  deal: 'deals',
  product: 'products',
  line_item: 'line_items',
};
/** Links of these are told, too. */
const LINKED = ['contact', 'company', 'deal', 'line_item'];
const MOST_REQUESTS_AT_ONCE = 10;

type Topic = { readonly eventType: string; readonly propertyName?: string };

/** https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide */
export function subscriptions(account: Account): Pick<Webhooks, 'subscribe' | 'unsubscribe' | 'inspect'> {
  return {
    inspect: () => list(account),
    unsubscribe: async () => {
      const ours = new Set(topicsOf(account).map(nameOf));
      for (const { id, topic } of await list(account)) if (ours.has(topic)) await remove(account, id);
    },
    subscribe: async (url) => {
      const body = { targetUrl: url, throttling: { maxConcurrentRequests: MOST_REQUESTS_AT_ONCE } };
      await call(account, { method: 'PUT', path: '/settings', body });
      const known = new Map<string, WebhookSubscription>();
      for (const one of await list(account)) {
        // One that was switched off is made anew; a second one doubles each delivery.
        if (one.state === 'active' && !known.has(one.topic)) known.set(one.topic, one);
        else await remove(account, one.id);
      }
      const result: WebhookSubscription[] = [];
      for (const topic of topicsOf(account)) result.push(known.get(nameOf(topic)) ?? (await make(account, topic, url)));
      return result;
    },
  };
}

function topicsOf({ config }: Account): readonly Topic[] {
  const declared = streamsOf(config);
  return Object.entries(KINDS).flatMap(([kind, stream]) => [
    ...['creation', 'deletion', 'restore', 'merge'].map((what) => ({ eventType: `${kind}.${what}` })),
    ...(kind === 'contact' ? [{ eventType: 'contact.privacyDeletion' }] : []),
    ...(LINKED.includes(kind) ? [{ eventType: `${kind}.associationChange` }] : []),
    ...declaredNames(stream, declared)
      .filter((name) => !OWN.has(name))
      .map((propertyName) => ({ eventType: `${kind}.propertyChange`, propertyName })),
  ]);
}

/** Set by HubSpot with every change; whatever else changes is told by its own name. */
const OWN = new Set(['createdate', 'lastmodifieddate', 'hs_lastmodifieddate', 'hs_merged_object_ids']);

const nameOf = ({ eventType, propertyName }: Topic): string =>
  propertyName === undefined ? eventType : `${eventType}:${propertyName}`;

async function make(account: Account, topic: Topic, url: string): Promise<WebhookSubscription> {
  const made = await call(account, { method: 'POST', path: '/subscriptions', body: { ...topic, active: true } });
  return shown(objectOf(made), url);
}

const remove = (account: Account, id: string): Promise<Json> =>
  call(account, { method: 'DELETE', path: `/subscriptions/${id}` });

async function list(account: Account): Promise<WebhookSubscription[]> {
  const settings = await ask(account, { path: '/settings' });
  // No address was ever set.
  if (settings.status === 404) return [];
  if (settings.status !== 200) throw refused(settings);
  const url = textOf(objectOf(settings.body).targetUrl) ?? '';
  const found = await call(account, { path: '/subscriptions' });
  return listOf(objectOf(found).results).map((one) => shown(objectOf(one), url));
}

function shown(one: JsonObject, url: string): WebhookSubscription {
  const propertyName = textOf(one.propertyName);
  const eventType = textOf(one.eventType) ?? '';
  const isActive = one.active === true;
  return {
    id: String(one.id),
    topic: nameOf({ eventType, ...(propertyName === null ? {} : { propertyName }) }),
    ...{ url, state: isActive ? 'active' : 'disabled' },
    note: isActive ? null : 'switched off in the app',
  };
}

type AppCall = Pick<Call, 'method' | 'path' | 'body'>;

async function call(account: Account, request: AppCall): Promise<Json> {
  const answer = await ask(account, request);
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  throw refused(answer);
}

async function ask({ config, portal }: Account, { path, ...request }: AppCall) {
  if (config.app === undefined)
    throw unsupported(
      'hubspot',
      'set webhooks up without the app they belong to (set app: { id, developerApiKey }; polling finds all changes without them)',
    );
  const { id, developerApiKey } = config.app;
  return portal.ask({ ...request, path: `/webhooks/v3/${id}${path}`, developerApiKey, trafficClass: 'poll' });
}
