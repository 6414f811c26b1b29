/** An account of the shop: its buyers as contacts of companies, its catalogue as products, its orders as deals. */
import type { World, WorldOrder, WorldPerson, WorldProduct } from '../world.ts';
import { DEAL_STAGES } from './definitions.ts';
import type { Marketing } from './marketing.ts';
import type { Portal } from './portal.ts';

const INDUSTRIES: Readonly<Record<string, string>> = {
  Travel: 'LEISURE_TRAVEL_TOURISM',
  Retail: 'RETAIL',
  Education: 'EDUCATION_MANAGEMENT',
};
const STAGES = ['lead', 'subscriber', 'customer', 'opportunity'];
const SUBMISSIONS = 12;

export function seed(portal: Portal, marketing: Marketing, world: World): void {
  const stamp = { at: world.at, visibleAt: world.at };
  const companies = new Map<string, string>();
  const contacts = new Map<string, string>();
  for (const [at, person] of world.people.entries()) {
    const company = companies.get(person.company) ?? portal.create('companies', companyOf(person), stamp);
    companies.set(person.company, company);
    const contact = portal.create('contacts', contactOf(person, at), stamp);
    contacts.set(person.email, contact);
    portal.link(['contacts', contact], ['companies', company]);
  }
  const products = new Map<string, readonly [id: string, price: string, title: string]>();
  for (const product of world.products) {
    const id = portal.create('products', productOf(product), stamp);
    for (const { sku, price, options } of product.variants)
      products.set(sku, [id, price, [product.name, ...Object.values(options)].join(' ')]);
  }
  for (const [at, order] of world.orders.entries()) {
    const lines = order.lines.flatMap(({ sku, quantity }) => {
      const [product, price, title] = products.get(sku) ?? [];
      if (!product || !price || !title) return [];
      const line = { name: title, hs_sku: sku, hs_product_id: product, price, quantity: String(quantity) };
      return [portal.create('line_items', { ...line, hs_line_item_currency_code: 'EUR' }, stamp)];
    });
    const deal = portal.create('deals', dealOf(order, at, products), stamp);
    for (const line of lines) portal.link(['deals', deal], ['line_items', line]);
    const [contact, company] = [contacts.get(order.buyer.email), companies.get(order.buyer.company)];
    if (contact) portal.link(['deals', deal], ['contacts', contact]);
    if (company) portal.link(['deals', deal], ['companies', company]);
  }
  for (const { name, startsAt, endsAt, budget } of world.campaigns)
    marketing.addCampaign(
      {
        ...{ hs_name: name, hs_start_date: day(startsAt), hs_end_date: day(endsAt), hs_notes: name },
        ...{ hs_budget_items_sum_amount: budget, hs_currency_code: 'EUR' },
        hs_campaign_status: endsAt > world.at ? 'active' : 'completed',
      },
      stamp,
    );
  // Older ones that nobody else in the world knows.
  for (const name of ['Spring catalogue', 'Loyalty week', 'Trade fair'])
    marketing.addCampaign({ hs_name: name, hs_notes: name, hs_campaign_status: 'completed' }, stamp);
  const form = marketing.addForm('Contact us');
  for (const [at, { email, firstName, lastName, company }] of world.people.slice(0, SUBMISSIONS).entries())
    marketing.submit(
      form,
      { email, firstname: firstName, lastname: lastName, company, message: `Question ${at + 1}` },
      { at: new Date(world.at.getTime() - (SUBMISSIONS - at) * 3_600_000), visibleAt: world.at },
    );
}

const day = (time: Date): string => time.toISOString().slice(0, 10);

const contactOf = (person: WorldPerson, at: number): Record<string, string> => ({
  ...{ email: person.email, firstname: person.firstName, lastname: person.lastName, phone: person.phone },
  ...{ company: person.company, website: person.website, address: person.street, city: person.city },
  ...{ zip: person.postalCode, country: person.country, jobtitle: 'Buyer', hs_analytics_source: 'ORGANIC_SEARCH' },
  ...{ lifecyclestage: STAGES[at % STAGES.length] ?? 'lead', hs_lead_status: 'NEW', hubspotscore: String(at * 3) },
});

const companyOf = (person: WorldPerson): Record<string, string> => ({
  ...{ name: person.company, domain: new URL(person.website).hostname, website: person.website },
  ...{ phone: person.phone, city: person.city, zip: person.postalCode, country: person.country },
  industry: INDUSTRIES[person.industry] ?? 'RETAIL',
});

const productOf = ({ name, sku, description, variants }: WorldProduct): Record<string, string> => ({
  ...{ name, hs_sku: sku, description, price: variants[0]?.price ?? '0' },
});

function dealOf(
  order: WorldOrder,
  at: number,
  products: ReadonlyMap<string, readonly [string, string, string]>,
): Record<string, string> {
  const total = order.lines.reduce((sum, { sku, quantity }) => sum + Number(products.get(sku)?.[1] ?? 0) * quantity, 0);
  const dealstage = DEAL_STAGES[at % DEAL_STAGES.length] ?? 'closedwon';
  return {
    ...{ dealname: `Order ${order.number}`, amount: total.toFixed(2), deal_currency_code: 'EUR', pipeline: 'default' },
    ...{ dealstage, closedate: order.placedAt.toISOString(), dealtype: 'newbusiness' },
    hs_deal_stage_probability: dealstage === 'closedwon' ? '1' : '0.2',
  };
}
