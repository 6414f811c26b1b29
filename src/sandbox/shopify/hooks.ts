/** Sends webhooks as the vendor does: signed over the raw body, eight more tries within four hours, then the subscription goes. */
import { createHmac, randomUUID } from 'node:crypto';
import type { JsonObject } from '../../connector/contract.ts';
import { untilNone } from '../deliveries.ts';
import type { Shop } from './shop.ts';

const ANSWER_MS = 5000;
const RETRY_MS = [60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 3_600_000, 4_320_000];

export type HookSender = {
  /** Topic as `products/update`. */
  send(topic: string, payload: JsonObject): void;
  /** Resolves when nothing is under way. */
  delivered(): Promise<void>;
  close(): Promise<void>;
};

export function openHooks(
  shop: Shop,
  settings: { readonly domain: string; readonly secret: string; readonly version: string },
): HookSender {
  const closing = new AbortController();
  const running = new Set<Promise<void>>();
  let held: (() => void)[] = [];
  const track = (work: Promise<void>) => {
    running.add(work);
    void work.catch(() => undefined).finally(() => running.delete(work));
  };
  const deliver = (id: number, uri: string, topic: string, body: string, times = 1) => {
    const headers = {
      'content-type': 'application/json',
      'x-shopify-topic': topic,
      'x-shopify-hmac-sha256': createHmac('sha256', settings.secret).update(body).digest('base64'),
      'x-shopify-shop-domain': settings.domain,
      'x-shopify-api-version': settings.version,
      'x-shopify-webhook-id': randomUUID(),
      'x-shopify-event-id': randomUUID(),
      'x-shopify-triggered-at': new Date(shop.now()).toISOString(),
    };
    for (let no = 0; no < times; no += 1) track(untilTaken(shop, { id, uri, body, headers }, closing.signal));
  };
  return {
    send: (topic, payload) => {
      const late = held;
      held = [];
      const body = JSON.stringify(payload);
      for (const { id, data } of shop.all('hooks')) {
        if (data.topic !== topic.toUpperCase().replace('/', '_')) continue;
        const fate = shop.faults.onWebhook();
        if (fate === 'lose') continue;
        if (fate === 'late') held.push(() => deliver(id, data.uri, topic, body));
        else deliver(id, data.uri, topic, body, fate === 'double' ? 2 : 1);
      }
      for (const one of late) one();
    },
    delivered: () => untilNone(running),
    close: async () => {
      closing.abort();
      await Promise.allSettled(running);
    },
  };
}

type Delivery = {
  readonly id: number;
  readonly uri: string;
  readonly body: string;
  readonly headers: Record<string, string>;
};

async function untilTaken(shop: Shop, delivery: Delivery, signal: AbortSignal): Promise<void> {
  for (const waitMs of [...RETRY_MS, null]) {
    if (await isTaken(delivery, signal)) return;
    if (signal.aborted) return;
    if (waitMs !== null) await shop.clock.sleep(waitMs / shop.speed, signal).catch(() => undefined);
    if (signal.aborted || !shop.get('hooks', delivery.id)) return;
  }
  shop.remove('hooks', delivery.id);
}

async function isTaken({ uri, body, headers }: Delivery, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(uri, {
      ...{ method: 'POST', body, headers, redirect: 'manual' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false; // No answer in time counts like a refusal.
  }
}
