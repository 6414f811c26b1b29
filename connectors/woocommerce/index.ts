import {
  type ConnectionContext,
  defineConnector,
  type Json,
  missingId,
  probe,
  type Source,
} from '../../src/connector/index.ts';
import { check } from './check.ts';
import { config, type WooCommerceConfig } from './config.ts';
import { decode } from './decode.ts';
import { read } from './read.ts';
import { readIds } from './read-ids.ts';
import { streams } from './streams.ts';
import { webhooks } from './webhooks.ts';
import { find, writable, write } from './write.ts';

/** WooCommerce shops over their REST API (wc/v3). */
export default defineConnector({
  name: 'woocommerce',
  title: 'WooCommerce',
  docs: 'https://woocommerce.github.io/woocommerce-rest-api-docs/',
  directions: ['in', 'out'],
  config,
  streams,
  // Shops name no limit. This is one call after the other with a little room, as a small server can bear.
  budgets: ({ concurrency }) => [
    {
      name: 'general',
      limit: 5 * concurrency,
      windowMs: 1000,
      concurrency,
      about: 'a shop has no rate limit of its own; the server behind it has',
    },
  ],
  open: (settings, context) => Promise.resolve(open(settings, context)),
  account: ({ homeUrl, url }) => homeUrl ?? url,
  decode,
  isRawJson: true,
  writable,
});

function open(config: WooCommerceConfig, context: ConnectionContext): Source {
  const shop = { config, context };
  return {
    streams: () => streams,
    check: () => probe(() => check(shop)),
    read: (request) => read(shop, request),
    readIds: (stream, ids) => readIds(shop, stream, ids),
    externalId,
    write: (intents) => write(shop, intents),
    find: (intent) => find(shop, intent),
    webhooks: webhooks(shop),
    close: () => Promise.resolve(),
  };
}

/** Post ids are unique over products, variations, orders, refunds and coupons; users and terms count apart, and have streams of their own. */
function externalId(stream: string, raw: Json): string {
  const id = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? raw.id : raw;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  if (typeof id === 'string' && /^\d+$/.test(id)) return id.replace(/^0+(?=\d)/, '');
  throw missingId('woocommerce', stream);
}
