import { type DeclaredField, declareFields, type StreamDeclaration } from '../../src/connector/index.ts';
import type { SalesforceConfig } from './config.ts';
import { WRITES } from './writes.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/**
 * Read by (SystemModstamp, Id): unlike LastModifiedDate nobody can set it. It is not unique, and a transaction that
 * commits late shows its rows below times already read; minutes have been seen, so the overlap is an hour's half.
 */
const object = {
  mode: 'complete',
  cursor: 'keyset',
  visibilityLagMs: 2 * MINUTE_MS,
  overlapMs: 30 * MINUTE_MS,
  // The address in it changes with the API version.
  volatilePaths: ['attributes', 'Account.attributes', 'LastViewedDate', 'LastReferencedDate'],
  key: ['Id'],
  deletes: ['tombstone', 'absence'],
  // The recycle bin and the delete log forget after this; what was removed past both is only missing from a full read.
  tombstoneHorizonMs: 15 * DAY_MS,
} as const;

// All but the id may be null, whatever the description of the org says.
const system = {
  Id: 'text',
  IsDeleted: 'boolean?',
  OwnerId: 'text?',
  CreatedDate: 'timestamp?',
  LastModifiedDate: 'timestamp?',
  SystemModstamp: 'timestamp',
} as const;

const person = {
  Salutation: 'text?',
  FirstName: 'text?',
  LastName: 'text?',
  Name: 'text?',
  Title: 'text?',
  Email: 'text?',
  Phone: 'text?',
  MobilePhone: 'text?',
  LeadSource: 'text?',
  Description: 'text?',
} as const;

const leads: StreamDeclaration = {
  ...object,
  name: 'leads',
  about: 'Lead: somebody who showed interest; a converted one names what it became',
  blindFields: [],
  fields: declareFields({
    ...system,
    ...person,
    MasterRecordId: 'text?',
    Company: 'text?',
    Street: 'text?',
    City: 'text?',
    State: 'text?',
    PostalCode: 'text?',
    Country: 'text?',
    Website: 'text?',
    Status: 'text?',
    Industry: 'text?',
    Rating: 'text?',
    AnnualRevenue: 'decimal?',
    NumberOfEmployees: 'integer?',
    IsConverted: 'boolean?',
    ConvertedDate: 'date?',
    ConvertedAccountId: 'text?',
    ConvertedContactId: 'text?',
    ConvertedOpportunityId: 'text?',
    EmailBouncedReason: 'text?',
    EmailBouncedDate: 'timestamp?',
  }),
};

const contacts: StreamDeclaration = {
  ...object,
  name: 'contacts',
  about: 'Contact: a person, usually of an account',
  // Values of the parent: a change there does not move the contact.
  blindFields: ['Account.Name'],
  fields: declareFields({
    ...system,
    ...person,
    MasterRecordId: 'text?',
    AccountId: 'text?',
    'Account.Name': 'text?',
    MailingStreet: 'text?',
    MailingCity: 'text?',
    MailingState: 'text?',
    MailingPostalCode: 'text?',
    MailingCountry: 'text?',
    OtherStreet: 'text?',
    OtherCity: 'text?',
    OtherState: 'text?',
    OtherPostalCode: 'text?',
    OtherCountry: 'text?',
    Department: 'text?',
    Birthdate: 'date?',
    IsEmailBounced: 'boolean?',
  }),
};

const accounts: StreamDeclaration = {
  ...object,
  name: 'accounts',
  about: 'Account: a company, or a person where person accounts are on',
  blindFields: [],
  fields: declareFields({
    ...system,
    MasterRecordId: 'text?',
    Name: 'text?',
    Type: 'text?',
    ParentId: 'text?',
    AccountNumber: 'text?',
    Phone: 'text?',
    Website: 'text?',
    Industry: 'text?',
    AnnualRevenue: 'decimal?',
    NumberOfEmployees: 'integer?',
    BillingStreet: 'text?',
    BillingCity: 'text?',
    BillingState: 'text?',
    BillingPostalCode: 'text?',
    BillingCountry: 'text?',
    ShippingStreet: 'text?',
    ShippingCity: 'text?',
    ShippingState: 'text?',
    ShippingPostalCode: 'text?',
    ShippingCountry: 'text?',
    Description: 'text?',
  }),
};

const opportunities: StreamDeclaration = {
  ...object,
  name: 'opportunities',
  about: 'Opportunity: a possible deal',
  // Computed by the org when asked for, from the stage and the fiscal calendar.
  blindFields: ['ExpectedRevenue', 'IsClosed', 'IsWon', 'ForecastCategoryName'],
  fields: declareFields({
    ...system,
    AccountId: 'text?',
    ContactId: 'text?',
    CampaignId: 'text?',
    Name: 'text?',
    Description: 'text?',
    StageName: 'text?',
    Amount: 'decimal?',
    Probability: 'decimal?',
    ExpectedRevenue: 'decimal?',
    CloseDate: 'date?',
    Type: 'text?',
    NextStep: 'text?',
    LeadSource: 'text?',
    IsClosed: 'boolean?',
    IsWon: 'boolean?',
    ForecastCategoryName: 'text?',
  }),
};

const campaigns: StreamDeclaration = {
  ...object,
  name: 'campaigns',
  about: 'Campaign with its own cost and its counters',
  blindFields: [
    'NumberOfLeads',
    'NumberOfConvertedLeads',
    'NumberOfContacts',
    'NumberOfResponses',
    'NumberOfOpportunities',
    'NumberOfWonOpportunities',
    'AmountAllOpportunities',
    'AmountWonOpportunities',
  ],
  fields: declareFields({
    ...system,
    ParentId: 'text?',
    Name: 'text?',
    Type: 'text?',
    Status: 'text?',
    StartDate: 'date?',
    EndDate: 'date?',
    IsActive: 'boolean?',
    Description: 'text?',
    ExpectedRevenue: 'decimal?',
    BudgetedCost: 'decimal?',
    ActualCost: 'decimal?',
    ExpectedResponse: 'decimal?',
    NumberSent: 'decimal?',
    NumberOfLeads: 'integer?',
    NumberOfConvertedLeads: 'integer?',
    NumberOfContacts: 'integer?',
    NumberOfResponses: 'integer?',
    NumberOfOpportunities: 'integer?',
    NumberOfWonOpportunities: 'integer?',
    AmountAllOpportunities: 'decimal?',
    AmountWonOpportunities: 'decimal?',
  }),
};

const campaignMembers: StreamDeclaration = {
  ...object,
  name: 'campaign_members',
  about: 'CampaignMember: a lead or contact in a campaign, with its response',
  // Copied from the lead or contact when asked for.
  blindFields: ['FirstName', 'LastName', 'Email', 'Phone', 'CompanyOrAccount'],
  fields: declareFields({
    Id: 'text',
    IsDeleted: 'boolean?',
    CampaignId: 'text?',
    LeadId: 'text?',
    ContactId: 'text?',
    Status: 'text?',
    HasResponded: 'boolean?',
    FirstRespondedDate: 'date?',
    FirstName: 'text?',
    LastName: 'text?',
    Email: 'text?',
    Phone: 'text?',
    CompanyOrAccount: 'text?',
    LeadSource: 'text?',
    DoNotCall: 'boolean?',
    HasOptedOutOfEmail: 'boolean?',
    CreatedDate: 'timestamp?',
    SystemModstamp: 'timestamp',
  }),
};

const products: StreamDeclaration = {
  ...object,
  name: 'products',
  about: 'Product2: what is sold; prices live in price books',
  blindFields: [],
  fields: declareFields({
    Id: 'text',
    IsDeleted: 'boolean?',
    Name: 'text?',
    ProductCode: 'text?',
    StockKeepingUnit: 'text?',
    Description: 'text?',
    Family: 'text?',
    IsActive: 'boolean?',
    IsArchived: 'boolean?',
    QuantityUnitOfMeasure: 'text?',
    DisplayUrl: 'text?',
    ExternalId: 'text?',
    CreatedDate: 'timestamp?',
    LastModifiedDate: 'timestamp?',
    SystemModstamp: 'timestamp',
  }),
};

/** Streams of an org before its custom fields are known. */
export const streams: readonly StreamDeclaration[] = [
  leads,
  contacts,
  accounts,
  opportunities,
  campaigns,
  campaignMembers,
  products,
].map((stream) => {
  const writes = WRITES[stream.name];
  return writes ? { ...stream, writes } : stream;
});

/** API name of the object behind each stream. */
export const OBJECT_OF: Readonly<Record<string, string>> = {
  leads: 'Lead',
  contacts: 'Contact',
  accounts: 'Account',
  opportunities: 'Opportunity',
  campaigns: 'Campaign',
  campaign_members: 'CampaignMember',
  products: 'Product2',
};

/** What reading goes by; it cannot be left out. */
const NEEDED: readonly string[] = ['Id', 'IsDeleted', 'CreatedDate', 'SystemModstamp', 'MasterRecordId'];

/**
 * The streams of one connection: with the fields its settings name. Whether such a field is a formula or belongs to a
 * parent is only known to the org, so all of them count as blind.
 */
export function streamsOf(settings: SalesforceConfig): readonly StreamDeclaration[] {
  return streams.map((stream) => {
    const { fields: more = [], without = [] } = settings.objects[OBJECT_OF[stream.name] ?? ''] ?? {};
    const declared = (stream.fields ?? []).filter(({ path }) => NEEDED.includes(path) || !without.includes(path));
    const added = more.filter((path) => !declared.some((field) => field.path === path));
    const fields: readonly DeclaredField[] = added.map((path) => ({
      path,
      type: 'json',
      nullable: true,
      about: 'named in the settings',
    }));
    const blind = [...stream.blindFields.filter((path) => !without.includes(path)), ...added];
    const own = added
      .filter((path) => path.endsWith('__c'))
      .map((path) => ({ path, type: 'json', nullable: true }) as const);
    const writes = stream.writes && {
      ...stream.writes,
      fields: [...stream.writes.fields.filter(({ path }) => !without.includes(path)), ...own],
    };
    return { ...stream, blindFields: blind, fields: [...declared, ...fields], ...(writes ? { writes } : {}) };
  });
}
