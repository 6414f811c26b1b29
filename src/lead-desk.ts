/** Takes leads in through the API and tells where they stand in the CRMs. */
import { randomUUID } from 'node:crypto';
import type { LeadDesk } from './api/leads.ts';
import type { App } from './app.ts';
import { crmSync } from './publish/crm-sync.ts';
import { append } from './run/append.ts';

/** How long a push usually waits for its turn. */
const SOON_MS = 30_000;

export const leadDesk = ({ runs, clock, leads, streams, writing }: App): LeadDesk => ({
  tenant: streams.tenant,
  capture: (values) => append(runs, leads, randomUUID(), values),
  crmSync: (tx, tenant, ids) => crmSync(tx, tenant === streams.tenant ? writing('lead') : [], ids),
  estimatedSync: () => new Date(clock.now().getTime() + SOON_MS),
});
