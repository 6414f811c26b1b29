import { createHash } from 'node:crypto';
import {
  type ConnectionContext,
  type DeclaredField,
  defineConnector,
  probe,
  type Source,
} from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { checkAccount } from './check.ts';
import { openPortal } from './client.ts';
import { config, type HubSpotConfig } from './config.ts';
import { find } from './find.ts';
import { externalId } from './ids.ts';
import { isObjectStream } from './objects.ts';
import { describeObject, knownProperties } from './properties.ts';
import { read } from './read.ts';
import { readIds } from './read-ids.ts';
import { streams, streamsOf } from './streams.ts';
import { authorizeUrl, exchange, issueToken } from './token.ts';
import { webhooks } from './webhooks.ts';
import { write } from './write.ts';
import { writable } from './writes.ts';

/** HubSpot accounts over the CRM API. Service keys receive no webhooks, so polling alone must do. */
export default defineConnector({
  name: 'hubspot',
  title: 'HubSpot',
  docs: 'https://developers.hubspot.com/docs/api-reference/overview',
  directions: ['in', 'out'],
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
  oauth: { authorizeUrl, exchange },
  account: accountId,
  writable,
  open: (settings, context) => Promise.resolve(open(settings, context)),
});

function open(config: HubSpotConfig, context: ConnectionContext): Source {
  const portal = openPortal(config, context);
  const account: Account = { config, context, portal, properties: knownProperties(config, portal) };
  return {
    streams: () => streamsOf(config),
    check: () => probe(() => checkAccount(account)),
    read: (request) => read(account, request),
    readIds: (stream, ids) => readIds(account, stream, ids),
    externalId,
    write: (intents) => write(account, intents),
    find: (intent) => find(account, intent),
    describe: (stream) => describe(account, stream),
    webhooks: webhooks(account),
    close: () => Promise.resolve(),
  };
}

async function describe({ config, properties }: Account, stream: string): Promise<readonly DeclaredField[]> {
  const declared = streamsOf(config).find(({ name }) => name === stream)?.fields ?? [];
  return isObjectStream(stream) ? describeObject(properties, declared, stream) : declared;
}

/** The account behind a configuration: by its number, else by the key or app that stands for it. */
function accountId({ portalId, auth }: HubSpotConfig): string {
  if (portalId !== undefined) return String(portalId);
  const named = auth.kind === 'access_token' ? auth.accessToken : `${auth.clientId} ${auth.refreshToken ?? ''}`;
  return createHash('sha256').update(named).digest('hex');
}
