/** A WooCommerce shop on this machine: its REST API (wc/v3) over plain http, its webhooks, and its buyers. */
import { NO_FAULTS } from '../faults.ts';
import { type SystemAnswer, type SystemRequest, serve } from '../server.ts';
import { onOwnClock, type RequestRecord, type SystemOptions, type VendorSystem } from '../system.ts';
import { act, applyChange, MARKED_STREAMS, markerIn, truthOf } from './actions.ts';
import { sendable } from './answers.ts';
import { type ApiKey, openGate } from './auth.ts';
import { openDeliveries } from './deliveries.ts';
import { faultyAnswer } from './faulty.ts';
import { answer, listStream } from './routes.ts';
import { seed } from './seed.ts';
import { Shop } from './shop.ts';

export type WooCommerceOptions = SystemOptions & {
  /** IANA zone the shop's clocks show. @defaultValue Europe/Berlin */
  readonly timeZone?: string;
};

const KEY: ApiKey = { consumerKey: 'ck_sandbox', consumerSecret: 'cs_sandbox', permissions: 'read_write' };
const READ_KEY: ApiKey = { consumerKey: 'ck_sandbox_read', consumerSecret: 'cs_sandbox_read', permissions: 'read' };
const WEBHOOK_SECRET = 'woocommerce-sandbox-webhooks';
/** Requests kept for whoever counts them. */
const MOST_REQUESTS = 100_000;

export async function openWooCommerce(options: WooCommerceOptions): Promise<VendorSystem> {
  const { world, clock, faults = NO_FAULTS, speed = 1, saved } = options;
  const zone = options.timeZone ?? 'Europe/Berlin';
  const currency = world.products[0]?.currency ?? 'EUR';
  const shop = new Shop({ clock, clockSkewMs: faults.clockSkewMs, zone, currency, saved });
  if (saved === undefined) seed(shop, world);
  const deliveries = openDeliveries(shop, { clock, faults, speed });
  const gate = openGate([KEY, READ_KEY], shop);
  const requests: RequestRecord[] = [];
  const respond = (request: SystemRequest): SystemAnswer =>
    faultyAnswer(shop, request) ??
    sendable(gate.refuse(request) ?? answer({ shop, ping: deliveries.ping }, request), shop.home, shop.now());
  const server = await serve(
    (request) => {
      const given = respond(request);
      const { method, path } = request;
      requests.push({ method, path, status: given.status, cost: 1, at: clock.now() });
      if (requests.length > MOST_REQUESTS) requests.shift();
      const stream = listStream(request);
      if (stream !== null) faults.betweenPages?.(stream);
      return given;
    },
    { clock, faults, ...(options.port === undefined ? {} : { port: options.port }) },
  );
  shop.home = server.url;
  const { consumerKey, consumerSecret } = KEY;
  return {
    name: 'woocommerce',
    url: server.url,
    settings: {
      ...{ connector: 'woocommerce', url: server.url, consumerKey, consumerSecret },
      webhookSecret: WEBHOOK_SECRET,
    },
    streams: MARKED_STREAMS,
    act: async (action) => act(shop, action),
    change: async (change) => applyChange(shop, onOwnClock(change, faults.clockSkewMs)),
    truth: (stream) => truthOf(shop, stream),
    marker: markerIn,
    requests,
    delivered: deliveries.delivered,
    save: () => shop.save(),
    close: async () => {
      await deliveries.close();
      await server.close();
    },
  };
}
