/** Webhooks of a shop: a ping when one is made, deliveries some time after a change, none repeated, off after too many failures. */
import { createHmac, randomUUID } from 'node:crypto';
import type { Clock, JsonObject } from '../../connector/contract.ts';
import { untilNone } from '../deliveries.ts';
import type { Faults } from '../faults.ts';
import { SHAPES } from './shapes.ts';
import type { Event, Kind, Shop } from './shop.ts';
import { numberOf, phpJson, textOf } from './values.ts';

const RESOURCES: Partial<Record<Kind, string>> = {
  products: 'product',
  variations: 'product',
  orders: 'order',
  customers: 'customer',
  coupons: 'coupon',
};
/** WP-Cron comes by about this often. */
const DELIVERY_MS = 10_000;
const MOST_FAILURES = 5;
const TIMEOUT_MS = 5_000;

export type Deliveries = {
  /** The unsigned ping of a new hook. */
  ping(hook: string): void;
  /** Resolves when nothing is under way. */
  delivered(): Promise<void>;
  close(): Promise<void>;
};

type Due = { readonly hook: string; readonly kind: Kind; readonly id: string; readonly event: Event };

export function openDeliveries(
  shop: Shop,
  options: { readonly clock: Clock; readonly faults: Faults; readonly speed: number },
): Deliveries {
  const closing = new AbortController();
  const waiting = new Map<string, Due>();
  const working = new Set<Promise<void>>();
  let late: (() => Promise<void>) | null = null;
  const run = (work: () => Promise<void>): void => {
    const done = work()
      .catch(() => undefined)
      .finally(() => working.delete(done));
    working.add(done);
  };
  const post = async (hook: string, headers: Record<string, string>, body: string): Promise<boolean> => {
    const url = textOf(shop.table('webhooks').latest(hook)?.delivery_url);
    try {
      const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)]);
      const answer = await fetch(url, {
        method: 'POST',
        headers: { ...AGENT, ...headers },
        body,
        signal,
        redirect: 'manual',
      });
      await answer.arrayBuffer();
      return answer.status >= 200 && answer.status <= 308;
    } catch {
      return false;
    }
  };
  const ping = async (hook: string): Promise<void> => {
    const url = textOf(shop.table('webhooks').latest(hook)?.delivery_url);
    const form = { ...AGENT, 'content-type': 'application/x-www-form-urlencoded' };
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const status = await fetch(url, {
      method: 'POST',
      headers: form,
      body: `webhook_id=${hook}`,
      signal,
      redirect: 'manual',
    })
      .then(async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      })
      .catch(() => 0);
    setHook(hook, { is_ping_due: status !== 200 });
  };
  const setHook = (hook: string, fields: JsonObject): void => {
    const latest = shop.table('webhooks').latest(hook);
    if (latest) shop.put('webhooks', hook, { ...latest, ...fields, is_modified: true });
  };
  const send = async (due: Due): Promise<void> => {
    const values = shop.table('webhooks').latest(due.hook);
    if (values?.status !== 'active') return;
    const entry = shop.get(due.kind, due.id);
    // The body is what is there now, not what was there when it changed.
    if (!entry && due.event !== 'deleted') return;
    const record: JsonObject =
      due.event === 'deleted' || !entry ? { id: Number(due.id) } : SHAPES[due.kind](shop, entry);
    const body = phpJson(record);
    const topic = `${textOf(values.resource)}.${due.event}`;
    const isTaken = await post(
      due.hook,
      {
        'content-type': 'application/json',
        'x-wc-webhook-source': `${shop.home}/`,
        'x-wc-webhook-topic': topic,
        'x-wc-webhook-resource': textOf(values.resource),
        'x-wc-webhook-event': due.event,
        'x-wc-webhook-signature': createHmac('sha256', textOf(values.secret)).update(body).digest('base64'),
        'x-wc-webhook-id': due.hook,
        'x-wc-webhook-delivery-id': randomUUID().replaceAll('-', ''),
      },
      body,
    );
    if (closing.signal.aborted) return;
    if (values.is_ping_due === true) await ping(due.hook);
    const failures = numberOf(shop.table('webhooks').latest(due.hook)?.failure_count);
    if (isTaken) setHook(due.hook, { failure_count: 0 });
    else if (failures > MOST_FAILURES) setHook(due.hook, { status: 'disabled' });
    else setHook(due.hook, { failure_count: failures + 1 });
  };
  const deliver = async (due: Due): Promise<void> => {
    const fate = options.faults.onWebhook();
    const behind = late;
    late = null;
    if (fate === 'late') late = () => send(due);
    else if (fate !== 'lose') await send(due);
    if (fate === 'double') await send(due);
    await behind?.();
  };
  shop.onChange = (kind, id, event) => {
    const resource = RESOURCES[kind];
    if (resource === undefined) return;
    for (const hook of shop.all('webhooks')) {
      if (hook.values.status !== 'active' || hook.values.topic !== `${resource}.${event}`) continue;
      const due: Due = { hook: hook.id, kind, id, event };
      // Two changes before cron comes by are one delivery.
      const key = `${hook.id} ${kind} ${id}`;
      if (waiting.has(key)) continue;
      waiting.set(key, due);
      run(async () => {
        await options.clock.sleep(DELIVERY_MS / options.speed, closing.signal);
        waiting.delete(key);
        await deliver(due);
      });
    }
  };
  return {
    ping: (hook) => run(() => ping(hook)),
    delivered: () => untilNone(working),
    close: async () => {
      closing.abort();
      await Promise.all(working);
    },
  };
}

const AGENT = { 'user-agent': 'WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)', accept: '*/*' };
