/** Leads in two CRMs: `alpha` is read and written, `beta` is read, or both. */
import type { Conflict } from '../../src/mapping/types.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { makeTestClock } from '../support/clock.ts';
import { CRM_LEADS, type Crm, crmConnector, makeCrm } from '../support/crm.ts';
import { type Loading, openLoading } from '../support/loading.ts';

export const IN = `record: {key: id}
outputs:
  lead:
    match: email
    fields:
      email: Email | lower
      last_name: LastName
      company: {object: {name: Company, industry: Industry}}
      notes: Notes
`;

export const OUT = `write:
  entity: lead
  to: leads
  when: email is not empty
  match: Email
  actions: [create, update, delete]
fields:
  Email: email
  LastName: last_name | default("Unknown")
  Company: company.name
  Notes: {value: notes, clear: true}
`;

export type World = Loading & {
  readonly alpha: Crm;
  readonly beta: Crm;
  /** Reads both CRMs and writes until nothing is left to do. */
  settle(): Promise<void>;
  /** The canonical lead with this address. */
  lead(email: string): Promise<Record<string, unknown> | undefined>;
};

export async function openCrms(
  store: Store,
  tenant: string,
  options: {
    readonly conflict?: Conflict;
    readonly approved?: boolean;
    readonly twoWays?: boolean;
    readonly out?: string;
  } = {},
): Promise<World> {
  const clock = makeTestClock();
  const now = () => clock.now().getTime();
  const crms = { alpha: makeCrm(now), beta: makeCrm(now) };
  const writes = [{ to: 'leads', mapping: 'lead-to-crm', conflict: options.conflict ?? 'last_write_wins' }] as const;
  const streams = [{ name: 'leads', mappings: ['crm-leads'] }];
  const loading = await openLoading(store, {
    ...{ tenant, clock, mappings: { 'crm-leads': IN, 'lead-to-crm': options.out ?? OUT }, streams: [CRM_LEADS] },
    connections: [
      { name: 'alpha', streams, writes },
      { name: 'beta', streams, ...(options.twoWays ? { writes } : {}) },
    ],
    connector: () => crmConnector(crms, now),
  });
  if (options.approved !== false)
    await store.rows(sql`update connection set writes_approved_at = now() where tenant = ${loading.streams.tenant}`);
  const names = loading.streams.all.map((stream) => `${stream.connection}/${stream.name}`);
  return Object.assign(loading, {
    ...crms,
    async settle() {
      for (let round = 0; round < 3; round += 1) {
        for (const name of names) {
          const { state, error } = await loading.run(name);
          if (state !== 'succeeded') throw new Error(`${name} ${state}: ${JSON.stringify(error)}`);
        }
        await clock.advance(1000);
      }
    },
    async lead(email: string) {
      const [row] = await store.rows<Record<string, unknown>>(
        sql`select * from lead where tenant = ${loading.streams.tenant} and email_key = ${email}`,
      );
      return row;
    },
  });
}
