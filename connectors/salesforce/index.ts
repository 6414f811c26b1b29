import {
  type ConnectionContext,
  defineConnector,
  probe,
  type Source,
  type StreamDeclaration,
  unsupported,
} from '../../src/connector/index.ts';
import { checkOrg } from './check.ts';
import { openOrg } from './client.ts';
import { config, type SalesforceConfig } from './config.ts';
import { describeStream } from './describe.ts';
import { findIntent } from './find.ts';
import { externalId } from './ids.ts';
import type { Target } from './match.ts';
import { objectNameOf } from './queries.ts';
import { readStream } from './read.ts';
import { readByIds } from './read-by-id.ts';
import { decode } from './records.ts';
import { streams, streamsOf } from './streams.ts';
import { authorizeUrl, exchange, issueToken } from './token.ts';
import { writeAll } from './write.ts';
import { writable } from './writes.ts';

/** Salesforce orgs over the REST and Bulk 2.0 APIs. No webhooks: changes are polled. */
export default defineConnector({
  name: 'salesforce',
  title: 'Salesforce',
  docs: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/',
  directions: ['in', 'out'],
  config,
  streams,
  budgets: () => [
    // Only the pace is declared: how many calls a day there are depends on the licences, and each answer tells.
    {
      name: 'general',
      limit: 20,
      windowMs: 1000,
      concurrency: 5,
      about: 'a pace the org bears; it has no limit by the second',
    },
    { name: 'bulk', limit: 10_000, windowMs: 86_400_000, concurrency: 2, about: 'bulk query jobs in 24 rolling hours' },
  ],
  issueToken,
  oauth: { authorizeUrl, exchange },
  account: ({ instanceUrl }) => new URL(instanceUrl).host,
  decode,
  isRawJson: true,
  writable,
  open: (settings, context) => Promise.resolve(open(settings, context)),
});

function open(settings: SalesforceConfig, context: ConnectionContext): Source {
  const org = openOrg(settings, context);
  const declared = streamsOf(settings);
  const streamNamed = (name: string): StreamDeclaration => {
    const found = declared.find((stream) => stream.name === name);
    if (found) return found;
    throw new RangeError(`${objectNameOf(name)} is not declared`);
  };
  const targetOf = (name: string): Target => {
    const stream = streamNamed(name);
    const { writes } = stream;
    if (!writes) throw unsupported('salesforce', `write into ${name}`);
    return { org, stream: { ...stream, writes }, trafficClass: 'write' };
  };
  return {
    streams: () => declared,
    check: () => probe(() => checkOrg(org, declared)),
    read: (request) => readStream(org, streamNamed(request.stream), request),
    readIds: (stream, ids) => readByIds(org, streamNamed(stream), ids),
    write: (intents) => writeAll(targetOf, intents),
    find: (intent) => findIntent(targetOf(intent.stream), intent),
    describe: (stream) => describeStream(org, streamNamed(stream)),
    externalId,
    close: () => Promise.resolve(),
  };
}
