import { type ConnectionContext, defineConnector, probe, type Source } from '../../src/connector/index.ts';
import { check } from './check.ts';
import { openShop } from './client.ts';
import { config, type ShopifyConfig } from './config.ts';
import { decode } from './decode.ts';
import { externalId } from './ids.ts';
import { authorizeUrl, exchange } from './oauth.ts';
import { read, readIds } from './read.ts';
import { streams } from './streams.ts';
import { issueToken } from './token.ts';
import { webhooks } from './webhooks.ts';
import { find, writable, write } from './write.ts';

/** Shopify shops over the Admin GraphQL API. REST is legacy there and not used. */
export default defineConnector({
  name: 'shopify',
  title: 'Shopify',
  docs: 'https://shopify.dev/docs/api/admin-graphql',
  directions: ['in', 'out'],
  config,
  streams,
  budgets: ({ pointsPerSecond }) => [
    { name: 'general', limit: pointsPerSecond, windowMs: 1000, about: 'query cost in points, per app and shop' },
    {
      name: 'bulk',
      limit: 5,
      windowMs: 60_000,
      concurrency: 5,
      about: 'bulk queries at once, from API 2026-01 on; one before',
    },
  ],
  issueToken,
  decode,
  isRawJson: true,
  writable,
  account: ({ shop }) => shop,
  oauth: { authorizeUrl, exchange },
  open,
});

async function open(settings: ShopifyConfig, context: ConnectionContext): Promise<Source> {
  const shop = await openShop(settings, context);
  return {
    streams: () => streams,
    check: () => probe(() => check(settings, shop, context.clock)),
    read: (request) => read(shop, context, request),
    readIds: (stream, ids) => readIds(shop, context, stream, ids),
    externalId,
    write: (intents) => write({ shop, config: settings, context }, intents),
    find: (intent) => find({ shop, config: settings, context }, intent),
    webhooks: webhooks(settings, shop, () => context.clock.now()),
    close: async () => shop.close(),
  };
}
