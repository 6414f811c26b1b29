import {
  type CheckFinding,
  type ConnectionContext,
  defineConnector,
  probe,
  type Source,
  unsupported,
  unsupportedPages,
} from '../../src/connector/index.ts';
import { openPortal, type Portal } from './client.ts';
import { config, type HubSpotConfig } from './config.ts';
import { externalId } from './ids.ts';
import { streams, streamsOf } from './streams.ts';
import { issueToken } from './token.ts';
import { webhooks } from './webhooks.ts';

/** HubSpot accounts over the CRM API. Service keys receive no webhooks, so polling alone must do. */
export default defineConnector({
  name: 'hubspot',
  title: 'HubSpot',
  docs: 'https://developers.hubspot.com/docs/api-reference/overview',
  directions: ['in'],
  config,
  streams,
  budgets: ({ callsPerTenSeconds }) => [
    {
      name: 'general',
      limit: callsPerTenSeconds,
      windowMs: 10_000,
      about: 'calls per app; answers tell what is left of the window and of the day',
    },
    {
      name: 'search',
      limit: 5,
      windowMs: 1000,
      about: 'searches of the whole account, whoever makes them; answers tell nothing',
    },
  ],
  issueToken,
  open: (settings, context) => Promise.resolve(open(settings, context)),
});

function open(settings: HubSpotConfig, context: ConnectionContext): Source {
  const portal = openPortal(settings, context);
  return {
    streams: () => streamsOf(settings),
    check: () => probe(() => check(settings, portal)),
    read: () => unsupportedPages('hubspot', 'read'),
    readIds: () => Promise.reject(unsupported('hubspot', 'read single records')),
    externalId,
    webhooks: webhooks(settings, () => context.clock.now()),
    close: () => Promise.resolve(),
  };
}

async function check(settings: HubSpotConfig, portal: Portal): Promise<readonly CheckFinding[]> {
  const page = await portal.get({
    path: `${settings.objectsPath}/contacts`,
    query: { limit: '1' },
    trafficClass: 'poll',
  });
  if (typeof page !== 'object' || page === null || !Array.isArray(Reflect.get(page, 'results'))) {
    return [
      {
        subject: 'reach',
        ok: false,
        message: 'Something answers, but not like HubSpot.',
        remedy: 'Check baseUrl and objectsPath.',
      },
    ];
  }
  return [
    { subject: 'reach', ok: true, message: 'HubSpot answers.' },
    { subject: 'credentials', ok: true, message: 'The token may read contacts.' },
  ];
}
