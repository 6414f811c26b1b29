/**
 * Leads, customers, campaigns and orders: a text of theirs that is known here and at several vendors, where the later change wins. A
 * change counts as made when its source says so: Salesforce says whole seconds, so within one second of another side's change
 * that other one wins, unless it had come there before; and a shop says nothing of its campaigns, so theirs count when they are
 * first read, and until then nobody is later. HubSpot is told a lossy form of the text (capital letters), which must not come
 * back as a change.
 */
import type { App } from '../../src/app.ts';
import { append, type PlatformStream, settlePlatform } from '../../src/run/append.ts';
import { findMapping } from '../../src/run/streams.ts';
import { tableOf } from '../../src/store/columns.ts';
import { sql } from '../../src/store/store.ts';
import type { Ground, Subject, SystemName } from './echo-ground.ts';

export const TEXT_MAPPINGS: Readonly<Record<string, string>> = {
  'soak-here':
    'record: {key: key}\noutputs:\n  customer:\n    when: email is not empty\n    match: email\n    fields: {email: email | email, last_name: last_name, value_segment: text}\n  campaign:\n    when: name is not empty\n    fields: {name: name, frequency: text}\n  order:\n    when: number is not empty\n    match: number\n    fields: {number: number, items: items, notes: text}\n',
  'soak-salesforce-leads':
    'outputs:\n  lead:\n    match: email\n    fields: {email: Email | email, last_name: LastName, title: Description}\n',
  'soak-salesforce-contacts':
    'outputs:\n  customer:\n    match: email\n    fields: {email: Email | email, last_name: LastName, value_segment: Description}\n',
  'soak-salesforce-campaigns': 'outputs:\n  campaign:\n    fields: {name: Name, frequency: Description}\n',
  'soak-hubspot-leads':
    'outputs:\n  lead:\n    match: email\n    fields: {email: properties.email | email, last_name: properties.lastname, title: properties.jobtitle}\n',
  'soak-hubspot-customers':
    'outputs:\n  customer:\n    when: properties.lifecyclestage = "customer"\n    match: email\n    fields: {email: properties.email | email, last_name: properties.lastname, value_segment: properties.jobtitle}\n',
  'soak-hubspot-campaigns':
    'outputs:\n  campaign:\n    fields: {name: properties.hs_name, frequency: properties.hs_notes}\n',
  'soak-shopify-campaigns':
    'outputs:\n  campaign:\n    fields: {name: {first: [utmCampaign, remoteId]}, frequency: description}\n',
  'soak-shopify-orders': 'outputs:\n  order:\n    fields: {notes: note}\n',
  'soak-woocommerce-orders': 'outputs:\n  order:\n    fields: {notes: customer_note}\n',
  'soak-to-salesforce-leads':
    'write: {entity: lead, to: leads, when: email is not empty, match: Email}\nfields: {Email: email, LastName: last_name | default("Unknown"), Company: = "Soak", Description: title}\n',
  'soak-to-salesforce-contacts':
    'write: {entity: customer, to: contacts, when: email is not empty, match: Email}\nfields: {Email: email, LastName: last_name | default("Unknown"), Description: value_segment}\n',
  'soak-to-salesforce-campaigns':
    'write: {entity: campaign, to: campaigns, match: Name}\nfields: {Name: name, Description: frequency}\n',
  'soak-to-hubspot-leads':
    'write: {entity: lead, to: contacts, when: email is not empty, match: email}\nfields: {email: email, lastname: last_name, jobtitle: title | upper}\n',
  'soak-to-hubspot-customers':
    'write: {entity: customer, to: contacts, when: email is not empty, match: email}\nfields: {email: email, lastname: last_name, jobtitle: value_segment | upper, lifecyclestage: = "customer"}\n',
  'soak-to-hubspot-campaigns':
    'write: {entity: campaign, to: campaigns, match: hs_name}\nfields: {hs_name: name, hs_notes: frequency | upper}\n',
  'soak-to-shopify-campaigns':
    'write: {entity: campaign, to: marketing_events, match: remoteId}\nfields:\n  title: frequency | default("none")\n  remoteId: {value: id, on: create}\n  tactic: = "NEWSLETTER"\n  channel: = "EMAIL"\n  status: = "ACTIVE"\n  remoteUrl: = "https://outdoor.example/"\n  utmCampaign: {value: name, on: create}\n  utmMedium: {value: {const: email}, on: create}\n  utmSource: {value: {const: soak}, on: create}\n',
  'soak-to-shopify-orders':
    'write: {entity: order, to: orders, actions: [create], when: items is not empty}\nfields:\n  name: number\n  note: notes | upper\n  currency: = "EUR"\n  lines: {required: true, each: items, object: {sku: sku, quantity: quantity}}\n',
  'soak-to-woocommerce-orders':
    'write: {entity: order, to: orders, when: items is not empty}\nfields:\n  customer_note: notes\n  line_items: {on: create, required: true, value: {each: items, object: {sku: sku, quantity: quantity}}}\n',
};

/** How a side tells when something was changed there: to the millisecond, to the second, or not at all. */
type Tells = 'exactly' | 'seconds' | 'nothing';
type Side = {
  readonly system: SystemName;
  readonly stream: string;
  readonly tells: Tells;
  readonly isLossy?: true;
  readonly isMadeOnly?: true;
};

type Kind = {
  readonly entity: 'lead' | 'customer' | 'campaign' | 'order';
  /** Column of what one is known by everywhere. */
  readonly key: string;
  /** Column of the text. */
  readonly text: string;
  readonly count: number;
  nameOf(at: number): string;
  say(name: string, text: string): ReturnType<typeof append>;
  readonly sides: readonly Side[];
};

type One = {
  readonly name: string;
  expected: string;
  /** When what is expected was said, as the policy counts it. */
  at: number;
  /** Where it still has to be read to count, and since when. */
  unread: { readonly side: Side; readonly since: number } | null;
  /** What was last said at sides that it is made at and not told to. */
  readonly own: Map<Side, string>;
};

const SECOND_MS = 1000;

type Subjects = Readonly<Record<Kind['entity'], Subject>>;

/**
 * Says all of them here first.
 * @param sku what is ordered
 * @returns what opens them when everything was read and told
 */
export async function beginTexts(ground: Ground, sku: string): Promise<() => Promise<Subjects>> {
  const { app } = ground;
  const mapping = findMapping('soak-here', [ground.mappings]);
  const here = await settlePlatform(app.runs, app.streams.tenant, 'leads', mapping);
  const lead = await begin(ground, leads(app));
  const customer = await begin(ground, customers(app, here));
  const campaign = await begin(ground, campaigns(app, here));
  const order = await begin(ground, orders(app, here, sku));
  return async () => ({
    lead: await lead(),
    customer: await customer(),
    campaign: await campaign(),
    order: await order(),
  });
}

const leads = ({ runs, leads }: App): Kind => ({
  ...{ entity: 'lead', key: 'email_key', text: 'title', count: 30, nameOf: (at) => `soak${at}@example.com` },
  say: (email, title) => append(runs, leads, email, { contact: { email, last_name: 'Soak', title } }),
  sides: [
    { system: 'salesforce', stream: 'leads', tells: 'seconds' },
    { system: 'hubspot', stream: 'contacts', tells: 'exactly', isLossy: true },
  ],
});

const customers = ({ runs }: App, here: PlatformStream): Kind => ({
  ...{
    entity: 'customer',
    key: 'email_key',
    text: 'value_segment',
    count: 20,
    nameOf: (at) => `buyer${at}@example.com`,
  },
  say: (email, text) => append(runs, here, email, { email, last_name: 'Soak', text }),
  sides: [
    { system: 'salesforce', stream: 'contacts', tells: 'seconds' },
    { system: 'hubspot-customers', stream: 'contacts', tells: 'exactly', isLossy: true },
  ],
});

const campaigns = ({ runs }: App, here: PlatformStream): Kind => ({
  ...{ entity: 'campaign', key: 'name', text: 'frequency', count: 20, nameOf: (at) => `Soak ${at}` },
  say: (name, text) => append(runs, here, name, { name, text }),
  sides: [
    { system: 'salesforce', stream: 'campaigns', tells: 'seconds' },
    { system: 'hubspot', stream: 'campaigns', tells: 'exactly', isLossy: true },
    { system: 'shopify', stream: 'marketing_events', tells: 'nothing' },
  ],
});

/** Made in both shops; afterwards Shopify tells what is changed there, and takes nothing more. */
const orders = ({ runs }: App, here: PlatformStream, sku: string): Kind => ({
  ...{ entity: 'order', key: 'number', text: 'notes', count: 20, nameOf: (at) => `S-${at}` },
  say: (number, text) => append(runs, here, number, { number, text, items: [{ sku, quantity: 1 }] }),
  sides: [
    { system: 'woocommerce', stream: 'orders', tells: 'seconds' },
    { system: 'shopify', stream: 'orders', tells: 'seconds', isLossy: true, isMadeOnly: true },
  ],
});

async function begin(ground: Ground, kind: Kind): Promise<() => Promise<Subject>> {
  const all: One[] = [];
  for (let no = 0; no < kind.count; no += 1) {
    const expected = `first-${no}`;
    const own = new Map(kind.sides.flatMap((side) => (side.isMadeOnly ? [[side, expected] as const] : [])));
    const one = { name: kind.nameOf(no), expected, at: ground.clock.now().getTime(), unread: null, own };
    await say(kind, one.name, expected);
    all.push(one);
    await ground.clock.advance(1);
  }
  return () => subjectOf(ground, kind, all);
}

function expect(one: One, expected: string, at: number): void {
  if (one.unread === null && at >= one.at) Object.assign(one, { expected, at });
}

async function say(kind: Kind, name: string, text: string): Promise<void> {
  const made = await kind.say(name, text);
  if (made.kind === 'rejected') throw new Error(JSON.stringify(made.problems));
}

async function subjectOf(ground: Ground, kind: Kind, all: readonly One[]): Promise<Subject> {
  const { app, clock, random, systems } = ground;
  const ids = new Map<Side, ReadonlyMap<string, string>>();
  for (const side of kind.sides) ids.set(side, await idsIn(ground, kind, side));
  const idOf = (side: Side, { name }: One): string => ids.get(side)?.get(name) ?? `${name} is not in ${side.system}`;
  const isBlurred = kind.sides.filter(({ tells }) => tells === 'seconds').length > 1;
  const held = (side: Side, one: One) => systems[side.system].truth(side.stream).get(idOf(side, one));
  return {
    async change(number) {
      const one = all[random.whole(0, all.length - 1)];
      const side = random.pick<Side | 'here'>(['here', ...kind.sides]);
      if (!one) return;
      // Of two sides that tell whole seconds, nobody knows which came first within one.
      if (isBlurred) await clock.advance(SECOND_MS - (clock.now().getTime() % SECOND_MS));
      const marker = `${(side === 'here' ? side : side.system).slice(0, 3)}-${number}`;
      const now = clock.now().getTime();
      const read = one.unread && firstRead(ground, one.unread.side, one.unread.since);
      if (read !== null) Object.assign(one, { at: read, unread: null });
      if (side === 'here') await say(kind, one.name, marker);
      else {
        const isOver = held(side, one) === one.expected;
        await systems[side.system].change({ kind: 'update', stream: side.stream, id: idOf(side, one), marker });
        if (side.isMadeOnly) one.own.set(side, marker);
        if (side.tells === 'nothing')
          return void Object.assign(one, { expected: marker, unread: { side, since: now } });
        if (side.tells === 'seconds' && !isOver) return expect(one, marker, now - (now % SECOND_MS));
      }
      expect(one, marker, now);
    },
    async problems() {
      const rows = await app.store.rows<{ name: string; text: string }>(
        sql`select ${sql.identifier(kind.key)} as name, ${sql.identifier(kind.text)} as text from ${sql.identifier(tableOf(kind.entity))}`,
      );
      const here = new Map(rows.map((row) => [row.name, row.text]));
      return all.flatMap((one) => {
        const { name, expected } = one;
        const there = kind.sides.map((side) => ({ side, text: held(side, one) }));
        const isTold = ({ side, text }: (typeof there)[number]) =>
          (side.isLossy ? text?.toLowerCase() : text) === (one.own.get(side) ?? expected);
        return here.get(name) === expected && there.every(isTold)
          ? []
          : `${name} should be ${expected}: here ${here.get(name)}, ${there.map(({ side, text }) => `${side.system} ${text}`).join(', ')}`;
      });
    },
  };
}

/** When a stream was first read after a time; `null`: not yet. */
const firstRead = ({ reads }: Ground, { system, stream }: Side, since: number): number | null =>
  reads.get(`${system}/${stream}`)?.find((at) => at > since) ?? null;

/** What a vendor calls those that were written to it. */
async function idsIn(
  { app }: Ground,
  { entity, key }: Kind,
  { system, stream }: Side,
): Promise<ReadonlyMap<string, string>> {
  const rows = await app.store.rows<{ name: string; id: string }>(sql`
    select e.${sql.identifier(key)} as name, w.external_id as id from write_state w join stream s on s.id = w.stream_id
    join connection c on c.id = s.connection_id join ${sql.identifier(tableOf(entity))} e on e.id = w.entity_id
    where c.name = ${system} and left(s.name, ${stream.length}) = ${stream} and w.entity = ${entity}`);
  return new Map(rows.map((row) => [row.name, row.id]));
}
