/** Webhook subscriptions of this app in the shop: made once for each topic, listed, taken away. */
import type { WebhookSubscription, Webhooks } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { pick, type Shop } from './client.ts';
import { isObject, listOf } from './nodes.ts';
import { pageCost } from './shapes.ts';
import { firstError } from './user-errors.ts';

/** https://shopify.dev/docs/api/webhooks */
export const TOPICS = [
  ...['PRODUCTS_CREATE', 'PRODUCTS_UPDATE', 'PRODUCTS_DELETE'],
  ...['INVENTORY_ITEMS_CREATE', 'INVENTORY_ITEMS_UPDATE', 'INVENTORY_ITEMS_DELETE'],
  ...['INVENTORY_LEVELS_CONNECT', 'INVENTORY_LEVELS_UPDATE', 'INVENTORY_LEVELS_DISCONNECT'],
  ...['LOCATIONS_CREATE', 'LOCATIONS_UPDATE', 'LOCATIONS_DELETE', 'LOCATIONS_ACTIVATE', 'LOCATIONS_DEACTIVATE'],
  ...['ORDERS_CREATE', 'ORDERS_UPDATED', 'ORDERS_DELETE'],
  ...['CUSTOMERS_CREATE', 'CUSTOMERS_UPDATE', 'CUSTOMERS_DELETE'],
];

const LIST_SIZE = 100;

export const LIST_HOOKS = `query TributaryWebhooks($first: Int!, $after: String) {
  webhookSubscriptions(first: $first, after: $after) { nodes { id topic uri } pageInfo { hasNextPage endCursor } }
}`;

export const MAKE_HOOK = `mutation TributaryWebhook($topic: WebhookSubscriptionTopic!, $hook: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $hook) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}`;

export const REMOVE_HOOK = `mutation TributaryWebhookRemove($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}`;

export function subscriptions(shop: Shop): Pick<Webhooks, 'subscribe' | 'unsubscribe' | 'inspect'> {
  return {
    inspect: () => list(shop),
    unsubscribe: async () => {
      for (const { id } of await list(shop)) await remove(shop, id);
    },
    subscribe: async (url) => {
      const kept = new Map<string, WebhookSubscription>();
      for (const known of await list(shop)) {
        // One of another address is of an earlier setup; a second of this one doubles each delivery.
        if (known.url === url && !kept.has(known.topic)) kept.set(known.topic, known);
        else await remove(shop, known.id);
      }
      const result: WebhookSubscription[] = [];
      for (const topic of TOPICS) result.push(kept.get(topic) ?? (await make(shop, topic, url)));
      return result;
    },
  };
}

/** Shopify takes away what it switched off: a topic that is missing was. Only this app's own are ever listed. */
async function list(shop: Shop): Promise<WebhookSubscription[]> {
  const found: WebhookSubscription[] = [];
  for (let after: string | null = null, isLast = false; !isLast; ) {
    const { data } = await shop.call({
      query: LIST_HOOKS,
      variables: { first: LIST_SIZE, after },
      cost: pageCost(LIST_SIZE, 0),
      trafficClass: 'poll',
    });
    const page = listOf(pick(data, 'webhookSubscriptions'));
    found.push(...page.nodes.flatMap((node) => (TOPICS.includes(String(node?.['topic'])) ? [hookOf(node)] : [])));
    after = page.after;
    isLast = after === null;
  }
  return found;
}

function hookOf(node: unknown): WebhookSubscription {
  const [id, topic, url] = ['id', 'topic', 'uri'].map((name) => String(pick(node, name) ?? ''));
  return { id: id ?? '', topic: topic ?? '', url: url ?? '', state: 'active', note: null };
}

async function make(shop: Shop, topic: string, url: string): Promise<WebhookSubscription> {
  const { data } = await shop.call({
    query: MAKE_HOOK,
    variables: { topic, hook: { uri: url, format: 'JSON' } },
    cost: 10,
    trafficClass: 'poll',
  });
  const answer = pick(data, 'webhookSubscriptionCreate');
  const made = pick(answer, 'webhookSubscription');
  if (isObject(made)) return hookOf(made);
  const refused = firstError(pick(answer, 'userErrors'));
  return { id: '', topic, url, state: 'disabled', note: refused?.message ?? 'Shopify made none and told no reason' };
}

async function remove(shop: Shop, id: string): Promise<void> {
  const { data } = await shop.call({ query: REMOVE_HOOK, variables: { id }, cost: 10, trafficClass: 'poll' });
  const refused = firstError(pick(pick(data, 'webhookSubscriptionDelete'), 'userErrors'));
  if (refused && !/not exist/.test(refused.message))
    throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `Shopify kept a webhook subscription: ${refused.message}.`);
}
