/** What the shop's CRM begins with: its buyers as leads, some of them as contacts of their companies, its campaigns and products. */
import type { World, WorldPerson } from '../world.ts';
import { OBJECTS, type SfObject } from './objects.ts';
import type { Org } from './org.ts';

const DAY_MS = 86_400_000;

export function seed(org: Org, world: World): void {
  const at = { at: world.at };
  const make = (name: string, values: Parameters<Org['create']>[1]): string => org.create(named(name), values, at);
  const campaigns = world.campaigns.map((campaign) =>
    make('Campaign', {
      ...{ Name: campaign.name, Type: 'Email', Status: 'In Progress', IsActive: true },
      ...{ StartDate: day(campaign.startsAt), EndDate: day(campaign.endsAt), BudgetedCost: Number(campaign.budget) },
    }),
  );
  // A campaign the shops know nothing of.
  make('Campaign', { Name: 'Trade fair', Type: 'Trade Show', Status: 'Planned', StartDate: day(world.at) });
  const leads = world.people.map((person, at) => make('Lead', leadOf(person, at)));
  for (const [index, lead] of leads.entries()) {
    const campaign = campaigns[index % campaigns.length];
    if (index % 2 === 0 && campaign !== undefined)
      make('CampaignMember', { CampaignId: campaign, LeadId: lead, Status: 'Sent' });
  }
  // Every third one has become a customer.
  for (const [index, person] of world.people.entries()) {
    if (index % 3 !== 0) continue;
    const account = make('Account', accountOf(person));
    const contact = make('Contact', contactOf(person, account));
    make('Opportunity', {
      ...{ Name: `${person.company} ${world.at.getUTCFullYear()}`, AccountId: account, ContactId: contact },
      ...{
        StageName: index % 2 === 0 ? 'Prospecting' : 'Closed Won',
        Amount: 250 + index * 40,
        Probability: index % 2 === 0 ? 10 : 100,
      },
      ...{
        CloseDate: day(new Date(world.at.getTime() + index * DAY_MS)),
        CampaignId: campaigns[index % campaigns.length] ?? null,
      },
    });
  }
  for (const product of world.products) {
    make('Product2', {
      ...{
        Name: product.name,
        ProductCode: product.sku,
        StockKeepingUnit: product.sku,
        Family: product.category.split(' > ').at(-1) ?? null,
      },
      ...{ Description: product.description, IsActive: true, QuantityUnitOfMeasure: 'Each' },
    });
  }
}

function leadOf(person: WorldPerson, index: number): Parameters<Org['create']>[1] {
  return {
    ...{ FirstName: person.firstName, LastName: person.lastName, Email: person.email, Phone: person.phone },
    ...{ Company: person.company, Website: person.website, Industry: person.industry, LeadSource: 'Web' },
    ...{ Street: person.street, City: person.city, PostalCode: person.postalCode, Country: person.country },
    ...{ Status: index % 2 === 0 ? 'Open - Not Contacted' : 'Working - Contacted', Score__c: 10 + index * 3 },
  };
}

function accountOf(person: WorldPerson): Parameters<Org['create']>[1] {
  return {
    ...{ Name: person.company, Website: person.website, Industry: person.industry, Phone: person.phone },
    ...{ BillingStreet: person.street, BillingCity: person.city, BillingPostalCode: person.postalCode },
    BillingCountry: person.country,
  };
}

function contactOf(person: WorldPerson, account: string): Parameters<Org['create']>[1] {
  return {
    ...{
      FirstName: person.firstName,
      LastName: person.lastName,
      Email: person.email,
      Phone: person.phone,
      AccountId: account,
    },
    ...{ MailingStreet: person.street, MailingCity: person.city, MailingPostalCode: person.postalCode },
    MailingCountry: person.country,
  };
}

const day = (at: Date): string => at.toISOString().slice(0, 10);

function named(name: string): SfObject {
  const object = OBJECTS.get(name);
  if (!object) throw new RangeError(`there is no object ${name}`);
  return object;
}
