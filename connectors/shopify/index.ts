import {
  type CheckFinding,
  type ConnectionContext,
  defineConnector,
  probe,
  type Source,
} from '../../src/connector/index.ts';
import { openShop, pick, type Shop } from './client.ts';
import { config, type ShopifyConfig } from './config.ts';
import { decode } from './decode.ts';
import { externalId } from './ids.ts';
import { read, readIds } from './read.ts';
import { handlesOf, READ_SCOPES } from './scopes.ts';
import { streams } from './streams.ts';
import { issueToken } from './token.ts';
import { webhooks } from './webhooks.ts';

/** Shopify shops over the Admin GraphQL API. REST is legacy there and not used. */
export default defineConnector({
  name: 'shopify',
  title: 'Shopify',
  docs: 'https://shopify.dev/docs/api/admin-graphql',
  directions: ['in'],
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
  account: ({ shop }) => shop,
  open,
});

async function open(settings: ShopifyConfig, context: ConnectionContext): Promise<Source> {
  const shop = await openShop(settings, context);
  return {
    streams: () => streams,
    check: () => probe(() => check(settings, shop)),
    read: (request) => read(shop, context, request),
    readIds: (stream, ids) => readIds(shop, context, stream, ids),
    externalId,
    webhooks: webhooks(settings, () => context.clock.now()),
    close: async () => shop.close(),
  };
}

const CHECK = `query TributaryCheck {
  shop { id name myshopifyDomain }
  currentAppInstallation { accessScopes { handle } }
}`;

async function check(settings: ShopifyConfig, shop: Shop): Promise<readonly CheckFinding[]> {
  const { data, servedVersion } = await shop.call({ query: CHECK, cost: 10, trafficClass: 'poll' });
  const scopes = handlesOf(pick(pick(data, 'currentAppInstallation'), 'accessScopes'));
  const lacking = Object.entries(READ_SCOPES).filter(
    ([, scope]) => !scopes.has(scope) && !scopes.has(scope.replace('read_', 'write_')),
  );
  return [
    {
      subject: 'reach',
      ok: true,
      message: `The shop ${String(pick(pick(data, 'shop'), 'name') ?? settings.shop)} answers.`,
    },
    { subject: 'credentials', ok: true, message: 'The access token is accepted.' },
    ...lacking.map(([stream, scope]) => lacks(stream, scope)),
    ...(servedVersion === null || servedVersion === settings.apiVersion
      ? []
      : [movedOn(settings.apiVersion, servedVersion)]),
  ];
}

function lacks(stream: string, scope: string): CheckFinding {
  return {
    subject: `stream:${stream}`,
    ok: false,
    message: `The app lacks the scope ${scope}.`,
    remedy: `Add ${scope} to the app and install it again, or leave the stream out.`,
  };
}

// Shopify answers a version it no longer serves with the oldest one it does, and says so only in a header.
function movedOn(asked: string, served: string): CheckFinding {
  return {
    subject: 'version',
    ok: false,
    message: `API ${asked} was asked for and ${served} answered.`,
    remedy: `Set apiVersion to a version that is served.`,
  };
}
