import {
  type CheckFinding,
  type ConnectionContext,
  defineConnector,
  probe,
  type Source,
  unsupported,
  unsupportedPages,
} from '../../src/connector/index.ts';
import { type Org, openOrg } from './client.ts';
import { config, type SalesforceConfig } from './config.ts';
import { externalId } from './ids.ts';
import { streams, streamsOf } from './streams.ts';
import { issueToken } from './token.ts';

/** Salesforce orgs over the REST and Bulk 2.0 APIs. No webhooks: changes are polled. */
export default defineConnector({
  name: 'salesforce',
  title: 'Salesforce',
  docs: 'https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/',
  directions: ['in'],
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
  open: (settings, context) => Promise.resolve(open(settings, context)),
});

function open(settings: SalesforceConfig, context: ConnectionContext): Source {
  const org = openOrg(settings, context);
  return {
    streams: () => streamsOf(settings),
    check: () => probe(() => check(org)),
    read: () => unsupportedPages('salesforce', 'read'),
    readIds: () => Promise.reject(unsupported('salesforce', 'read single records')),
    externalId,
    close: () => Promise.resolve(),
  };
}

// The limits of the org: one call that needs a valid session, the API switched on and the version served.
async function check(org: Org): Promise<readonly CheckFinding[]> {
  const limits = await org.get({ path: '/limits', trafficClass: 'poll' });
  if (typeof limits !== 'object' || limits === null) {
    return [
      {
        subject: 'reach',
        ok: false,
        message: 'Something answers, but not like Salesforce.',
        remedy: 'Check instanceUrl.',
      },
    ];
  }
  const left = remaining(limits, 'DailyApiRequests');
  return [
    { subject: 'reach', ok: true, message: 'The org answers.' },
    { subject: 'credentials', ok: true, message: 'The session is accepted and the API is on.' },
    ...(left === null
      ? []
      : [{ subject: 'limits', ok: left > 0, message: `${left} calls are left of the last 24 hours.` }]),
  ];
}

function remaining(limits: object, name: string): number | null {
  const limit: unknown = Reflect.get(limits, name);
  const left: unknown = typeof limit === 'object' && limit !== null ? Reflect.get(limit, 'Remaining') : undefined;
  return typeof left === 'number' ? left : null;
}
