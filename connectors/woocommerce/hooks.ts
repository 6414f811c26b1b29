/** Webhooks as the shop keeps them: made, looked at and removed. `/webhooks` of wc/v3; needs a key that may write. */
import type { Json, JsonObject, WebhookSubscription } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { call, isObject, judge, type Shop, send } from './client.ts';
import { START, walk } from './walk.ts';

/** A restored record is read again like a changed one. Customers and coupons too: what is heard of is read sooner. */
const TOPICS = [
  ...['product.created', 'product.updated', 'product.deleted', 'product.restored'],
  ...['order.created', 'order.updated', 'order.deleted', 'order.restored'],
  ...['customer.created', 'customer.updated', 'customer.deleted'],
  ...['coupon.created', 'coupon.updated', 'coupon.deleted', 'coupon.restored'],
];
const trafficClass = 'write';

type Hook = {
  readonly id: number;
  readonly name: string;
  readonly topic: string;
  readonly url: string;
  readonly status: string;
};

/** By it the hooks of this connection are told from those of others in the same shop. */
const nameOf = ({ context }: Shop): string => `Tributary ${context.tenant}/${context.connection}`;

/**
 * One active hook for each topic at this address. Run again, it switches on what the shop switched off, sets the current secret
 * and removes doubles.
 * @throws TributaryError `ERR_CONFIG_INVALID` without a secret, and as `call`
 */
export async function subscribe(shop: Shop, url: string): Promise<readonly WebhookSubscription[]> {
  const secret = shop.config.webhookSecret;
  if (secret === undefined)
    throw new TributaryError('ERR_CONFIG_INVALID', 'Webhooks of a WooCommerce shop need webhookSecret to sign with.', {
      remedy: 'Set webhookSecret of the connection to a long random text.',
    });
  const here = (await hooksOf(shop)).filter((hook) => hook.url === url);
  const made: Hook[] = [];
  for (const topic of TOPICS) {
    const [first, ...doubles] = here.filter((hook) => hook.topic === topic);
    const settings: JsonObject = { name: nameOf(shop), status: 'active', secret };
    made.push(
      first
        ? await put(shop, `/webhooks/${first.id}`, 'PUT', settings)
        : await put(shop, '/webhooks', 'POST', { ...settings, topic, delivery_url: url }),
    );
    for (const double of doubles) await remove(shop, double);
  }
  return made.map(subscriptionOf);
}

/** Removes all hooks of this connection, at whatever address. */
export async function unsubscribe(shop: Shop): Promise<void> {
  for (const hook of await ownHooks(shop)) await remove(shop, hook);
}

export async function inspect(shop: Shop): Promise<readonly WebhookSubscription[]> {
  return (await ownHooks(shop)).map(subscriptionOf);
}

async function ownHooks(shop: Shop): Promise<readonly Hook[]> {
  return (await hooksOf(shop)).filter((hook) => hook.name === nameOf(shop));
}

async function hooksOf(shop: Shop): Promise<readonly Hook[]> {
  const hooks: Hook[] = [];
  const request = { path: '/webhooks', query: { status: 'all' }, trafficClass } as const;
  for await (const { rows } of walk(shop, request, START, 100)) hooks.push(...rows.map(({ body }) => hookOf(body)));
  return hooks;
}

function hookOf(body: Json): Hook {
  const { id, name, topic, delivery_url, status } = isObject(body) ? body : {};
  return {
    id: Number(id),
    name: String(name),
    topic: String(topic),
    url: String(delivery_url),
    status: String(status),
  };
}

async function put(shop: Shop, path: string, method: 'POST' | 'PUT', body: JsonObject): Promise<Hook> {
  return hookOf((await call(shop, { method, path, body, trafficClass })).body);
}

/** Hooks know no trash: without `force` the answer is 501. */
async function remove(shop: Shop, { id }: Hook): Promise<void> {
  const answer = await send(shop, {
    method: 'DELETE',
    path: `/webhooks/${id}`,
    query: { force: 'true' },
    trafficClass,
  });
  if (answer.status !== 404 && answer.status !== 410) judge(shop, answer);
}

const NOTES: Readonly<Record<string, string>> = {
  disabled: 'The shop switched it off, after deliveries failed more than five times in a row.',
  paused: 'Somebody paused it in the shop.',
};

function subscriptionOf({ id, topic, url, status }: Hook): WebhookSubscription {
  const state = status === 'active' ? 'active' : 'disabled';
  return { id: String(id), topic, url, state, note: NOTES[status] ?? null };
}
