/** What may be written into the streams, and what a record says about it. */
import {
  type DeclaredField,
  declareFields,
  type Json,
  type JsonObject,
  type WriteDeclaration,
  type WriteTarget,
} from '../../src/connector/index.ts';
import { externalId } from './ids.ts';
import { objectOf } from './records.ts';

/** Records one call takes. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm */
export const MOST_WRITES = 200;

/** Stands for the field that the connection names as `externalIdField`. */
export const EXTERNAL_ID = 'ExternalId';
/** Not a field of a lead or contact: makes it a member of the campaign. */
export const CAMPAIGN = 'CampaignId';

const declare = (
  fields: Parameters<typeof declareFields>[0],
  requiredOnCreate: readonly string[],
  matchBy: string,
): WriteDeclaration => ({
  actions: ['create', 'update', 'upsert', 'delete'],
  fields: [...declareFields({ [EXTERNAL_ID]: 'text' }), ...declareFields(fields)],
  requiredOnCreate,
  matchBy: [EXTERNAL_ID, matchBy],
  batch: MOST_WRITES,
  id: 'id of the record, 18 characters',
});

const person = {
  Salutation: 'text?',
  FirstName: 'text?',
  LastName: 'text',
  Email: 'text?',
  Phone: 'text?',
  MobilePhone: 'text?',
  Title: 'text?',
  LeadSource: 'text?',
  Description: 'text?',
} as const;

const leads = declare(
  {
    ...person,
    Company: 'text',
    Website: 'text?',
    Industry: 'text?',
    Status: 'text?',
    Rating: 'text?',
    AnnualRevenue: 'decimal?',
    NumberOfEmployees: 'integer?',
    Street: 'text?',
    City: 'text?',
    State: 'text?',
    PostalCode: 'text?',
    Country: 'text?',
    [CAMPAIGN]: 'text?',
  },
  ['LastName', 'Company'],
  'Email',
);

const contacts = declare(
  {
    ...person,
    AccountId: 'text?',
    Department: 'text?',
    Birthdate: 'date?',
    MailingStreet: 'text?',
    MailingCity: 'text?',
    MailingState: 'text?',
    MailingPostalCode: 'text?',
    MailingCountry: 'text?',
    [CAMPAIGN]: 'text?',
  },
  ['LastName'],
  'Email',
);

const campaigns = declare(
  {
    Name: 'text',
    Type: 'text?',
    Status: 'text?',
    StartDate: 'date?',
    EndDate: 'date?',
    IsActive: 'boolean',
    Description: 'text?',
    ParentId: 'text?',
    BudgetedCost: 'decimal?',
    ActualCost: 'decimal?',
    ExpectedRevenue: 'decimal?',
    NumberSent: 'decimal?',
  },
  ['Name'],
  'Name',
);

/** By stream. */
export const WRITES: Readonly<Record<string, WriteDeclaration>> = { leads, contacts, campaigns };

/** Fields that are columns of the object under their own names. */
export const plainFields = ({ fields }: WriteDeclaration, stream: string): readonly DeclaredField[] =>
  fields.filter(({ path }) => path !== EXTERNAL_ID && !isMembership(path, stream));

/** Whether a name stands for a membership instead of a column. */
export const isMembership = (name: string, stream: string): boolean => name === CAMPAIGN && stream !== 'campaigns';

/** What a record says of the fields that may be written; custom fields as they are named in the settings. */
export function writable(stream: string, record: Json): readonly WriteTarget[] {
  const writes = WRITES[stream];
  if (!writes) return [];
  const values = objectOf(record);
  const kept: JsonObject = {};
  for (const { path } of plainFields(writes, stream)) {
    const value = values[path];
    if (value !== undefined) kept[path] = value;
  }
  for (const [name, value] of Object.entries(values)) if (name.endsWith('__c')) kept[name] = value;
  return [{ id: externalId(stream, record), values: kept }];
}
