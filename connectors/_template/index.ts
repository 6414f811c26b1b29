import { type CheckFinding, type ConnectionContext, defineConnector, probe } from '../../src/connector/index.ts';
import { call } from './client.ts';
import { type AcmeConfig, config } from './config.ts';
import { externalId } from './ids.ts';
import { read, readIds } from './read.ts';
import { streams } from './streams.ts';

/** Acme over its REST API. */
export default defineConnector({
  name: 'acme',
  title: 'Acme',
  docs: 'https://developers.example.com/acme',
  directions: ['in'],
  config,
  streams,
  budgets: () => [{ name: 'general', limit: 10, windowMs: 1000, about: 'calls per access token' }],
  open: async (settings, context) => ({
    streams: () => streams,
    check: () => probe(() => check(settings, context)),
    read: (request) => read(settings, context, request),
    readIds: (_stream, ids) => readIds(settings, context, ids),
    externalId: (_stream, raw) => externalId(raw),
    close: async () => {},
  }),
});

async function check(settings: AcmeConfig, context: ConnectionContext): Promise<readonly CheckFinding[]> {
  const account = await call(settings, context, { path: '/v1/account', trafficClass: 'poll' });
  if (account === null)
    return [
      {
        subject: 'reach',
        ok: false,
        message: 'Something answers, but not like Acme.',
        remedy: 'Check url: it is the address of the API.',
      },
    ];
  return [
    { subject: 'reach', ok: true, message: 'Acme answers.' },
    { subject: 'credentials', ok: true, message: 'The access token is accepted.' },
  ];
}
