/**
 * Leads that are known here and in two CRMs, where the later change wins. A change counts as made when its source says so, and
 * Salesforce says whole seconds: within one second of another side's change, that other one wins, unless it had come there before.
 * HubSpot is told a lossy form of the field (capital letters), which must not come back as a change.
 */
import { append } from '../../src/run/append.ts';
import { sql } from '../../src/store/store.ts';
import type { Ground, Subject } from './echo-ground.ts';

export const LEAD_MAPPINGS: Readonly<Record<string, string>> = {
  'soak-salesforce':
    'outputs:\n  lead:\n    match: email\n    fields: {email: Email | email, last_name: LastName, title: Description}\n',
  'soak-hubspot':
    'outputs:\n  lead:\n    match: email\n    fields: {email: properties.email | email, last_name: properties.lastname, title: properties.jobtitle}\n',
  'soak-to-salesforce':
    'write: {entity: lead, to: leads, when: email is not empty, match: Email}\nfields: {Email: email, LastName: last_name | default("Unknown"), Company: = "Soak", Description: title}\n',
  'soak-to-hubspot':
    'write: {entity: lead, to: contacts, when: email is not empty, match: email}\nfields: {email: email, lastname: last_name, jobtitle: title | upper}\n',
};

const LEADS = 60;
const SIDES = ['here', 'salesforce', 'hubspot'] as const;
const STREAMS = { salesforce: 'leads', hubspot: 'contacts' } as const;
const SECOND_MS = 1000;

/** `at`: when what is expected was said, as the policy counts it. */
type Lead = { readonly email: string; expected: string; at: number };
type Ids = Readonly<Record<keyof typeof STREAMS, ReadonlyMap<string, string>>>;

/** @param settle reads and tells everything */
export async function openLeads(ground: Ground, settle: () => Promise<void>): Promise<Subject> {
  const { app, clock, random, systems } = ground;
  const leads: Lead[] = Array.from({ length: LEADS }, (_, at) => ({
    ...{ email: `soak${at}@example.com`, expected: '', at: 0 },
  }));
  const say = async (lead: Lead, title: string): Promise<void> => {
    const made = await append(app.runs, app.leads, lead.email, {
      contact: { email: lead.email, last_name: 'Soak', title },
    });
    if (made.kind === 'rejected') throw new Error(JSON.stringify(made.problems));
  };
  const expect = (lead: Lead, expected: string, at: number): void => {
    if (at >= lead.at) Object.assign(lead, { expected, at });
  };
  for (const [no, lead] of leads.entries()) {
    await say(lead, `first-${no}`);
    expect(lead, `first-${no}`, clock.now().getTime());
    await clock.advance(1);
  }
  await settle();
  const ids: Ids = { salesforce: await idsIn(ground, 'salesforce'), hubspot: await idsIn(ground, 'hubspot') };
  const idOf = (side: keyof Ids, { email }: Lead): string => ids[side].get(email) ?? `${email} is not in ${side}`;
  return {
    async change(number) {
      const lead = leads[random.whole(0, LEADS - 1)];
      const side = random.pick(SIDES);
      if (!lead) return;
      const marker = `${side.slice(0, 3)}-${number}`;
      const now = clock.now().getTime();
      if (side === 'here') await say(lead, marker);
      else {
        const id = idOf(side, lead);
        const isOver = systems[side].truth(STREAMS[side]).get(id) === lead.expected;
        await systems[side].change({ kind: 'update', stream: STREAMS[side], id, marker });
        if (side === 'salesforce' && !isOver) return expect(lead, marker, now - (now % SECOND_MS));
      }
      expect(lead, marker, now);
    },
    async problems() {
      const rows = await app.store.rows<{ email: string; title: string }>(
        sql`select email_key as email, title from lead`,
      );
      const here = new Map(rows.map((row) => [row.email, row.title]));
      const salesforce = systems.salesforce.truth('leads');
      const hubspot = systems.hubspot.truth('contacts');
      return leads.flatMap((lead) => {
        const { email, expected } = lead;
        const there = {
          salesforce: salesforce.get(idOf('salesforce', lead)),
          hubspot: hubspot.get(idOf('hubspot', lead)),
        };
        const isAgreed =
          here.get(email) === expected && there.salesforce === expected && there.hubspot?.toLowerCase() === expected;
        return isAgreed
          ? []
          : `${email} should be ${expected}: here ${here.get(email)}, Salesforce ${there.salesforce}, HubSpot ${there.hubspot}`;
      });
    },
  };
}

/** What a CRM calls the leads that were written to it, by e-mail address. */
async function idsIn({ app }: Ground, connection: string): Promise<ReadonlyMap<string, string>> {
  const rows = await app.store.rows<{ email: string; id: string }>(sql`
    select l.email_key as email, w.external_id as id from write_state w join stream s on s.id = w.stream_id
    join connection c on c.id = s.connection_id join lead l on l.id = w.entity_id where c.name = ${connection}`);
  return new Map(rows.map((row) => [row.email, row.id]));
}
