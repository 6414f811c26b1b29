/** What may be written into the streams, and what a record says about it. */
import {
  type DeclaredField,
  declareFields,
  type Json,
  type JsonObject,
  type WriteDeclaration,
  type WriteTarget,
} from '../../src/connector/index.ts';
import { findId } from './ids.ts';
import { listOf, objectOf, textOf } from './json.ts';

/** The main company of a contact: HubSpot's own name for it, written as an association. */
export const COMPANY_LINK = 'associatedcompanyid';

const shared = {
  phone: 'text?',
  website: 'text?',
  address: 'text?',
  city: 'text?',
  state: 'text?',
  zip: 'text?',
  country: 'text?',
  lifecyclestage: 'text?',
  hubspot_owner_id: 'text?',
} as const;

const object = { actions: ['create', 'update', 'upsert', 'delete'], batch: 100, id: 'number of the object' } as const;

const contacts: WriteDeclaration = {
  ...object,
  fields: declareFields({
    email: 'text?',
    firstname: 'text?',
    lastname: 'text?',
    mobilephone: 'text?',
    jobtitle: 'text?',
    company: 'text?',
    ...shared,
    hs_lead_status: 'text?',
    [COMPANY_LINK]: 'text?',
  }),
  requiredOnCreate: [],
  matchBy: ['email'],
};

const companies: WriteDeclaration = {
  ...object,
  fields: declareFields({
    name: 'text?',
    domain: 'text?',
    description: 'text?',
    industry: 'text?',
    numberofemployees: 'integer?',
    annualrevenue: 'decimal?',
    ...shared,
  }),
  requiredOnCreate: ['name'],
  matchBy: [],
};

const campaigns: WriteDeclaration = {
  ...object,
  fields: declareFields({
    hs_name: 'text',
    hs_start_date: 'date?',
    hs_end_date: 'date?',
    hs_notes: 'text?',
    hs_audience: 'text?',
    hs_currency_code: 'text?',
    hs_campaign_status: 'text?',
    hs_utm: 'text?',
  }),
  requiredOnCreate: ['hs_name'],
  matchBy: ['hs_name'],
  batch: 20,
  id: 'UUID of the campaign',
};

/** Writes by stream. */
export const WRITES: Readonly<Record<string, WriteDeclaration>> = { contacts, companies, campaigns };

/** The same with the properties that settings name, and the unique one that records are found by. */
export function writesWith(
  stream: string,
  named: readonly string[],
  unique: string | undefined,
): { readonly writes?: WriteDeclaration } {
  const writes = WRITES[stream];
  if (!writes) return {};
  const names = unique === undefined ? named : [...named, unique];
  const added = [...new Set(names)].filter((name) => !writes.fields.some(({ path }) => path === name));
  const more = added.map(
    (path): DeclaredField => ({ path, type: 'text', nullable: true, about: 'named in the settings' }),
  );
  const matchBy =
    unique === undefined || writes.matchBy.includes(unique) ? writes.matchBy : [unique, ...writes.matchBy];
  return { writes: { ...writes, fields: [...writes.fields, ...more], matchBy } };
}

/** What a decoded record says about the fields that may be written. */
export function writable(stream: string, record: Json): readonly WriteTarget[] {
  const id = findId(record);
  if (id === null || !WRITES[stream]) return [];
  // What was cleared comes as an empty text or as none, and a campaign leaves out what is empty.
  const values: JsonObject = Object.fromEntries(
    Object.entries(objectOf(objectOf(record).properties)).map(([name, value]) => [name, value === '' ? null : value]),
  );
  for (const { path } of WRITES[stream].fields) values[path] ??= null;
  if (stream === 'contacts')
    values[COMPANY_LINK] = textOf(listOf(objectOf(objectOf(record).associations).companies)[0]);
  return [{ id, values }];
}
