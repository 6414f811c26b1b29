/** The records of an org: what is kept, what is worked out when asked for, and the rules a write must keep. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { Stamp } from '../system.ts';
import { Table, type Version } from '../table.ts';
import { ApiError } from './errors.ts';
import { longId, makeId } from './ids.ts';
import { fieldNamed, OBJECTS, objectNamed, type SfField, type SfObject } from './objects.ts';

/** A record as the API shows it: every field, references not followed. */
export type Row = { readonly id: string; readonly values: JsonObject };

export type Org = {
  /** Rows that are there now; with `all`, those in the recycle bin as well. In order of their making. */
  rows(object: SfObject, all?: boolean): Row[];
  /** One of them; `null`: not there. */
  row(object: SfObject, id: string, all?: boolean): Row | null;
  /** @throws ApiError as the API refuses it */
  create(object: SfObject, values: JsonObject, stamp?: Stamp): string;
  update(object: SfObject, id: string, values: JsonObject, stamp?: Stamp): void;
  /** Id of the record that has this value in an external id field, whatever its case; `null`: none. */
  holder(object: SfObject, field: string, value: string): string | null;
  /** Into the recycle bin, or past it. */
  remove(object: SfObject, id: string, how?: { readonly isHard?: boolean; readonly mergedInto?: string } & Stamp): void;
  /** Out of the recycle bin again. */
  restore(object: SfObject, id: string): void;
  /** Ids and times of deletes, the purged ones included. */
  removed(object: SfObject): { readonly id: string; readonly at: number }[];
  now(): number;
  save(): JsonObject;
};

/** @param saved what `save` gave; `null`: empty */
export function makeOrg(now: () => number, saved: JsonObject | null): Org {
  const tables = new Map([...OBJECTS.keys()].map((name) => [name, new Table()]));
  let made = typeof saved?.['made'] === 'number' ? saved['made'] : 0;
  const kept = saved?.['tables'];
  if (typeof kept === 'object' && kept !== null && !Array.isArray(kept))
    for (const [name, rows] of Object.entries(kept)) tables.get(name)?.load(rows);

  const table = (object: SfObject): Table => {
    const found = tables.get(object.name);
    if (!found) throw new RangeError(`no table of ${object.name}`);
    return found;
  };
  const holders = new Map<string, string>();
  const remember = (object: SfObject, id: string, values: JsonObject): void => {
    for (const { name, isExternalId } of object.fields.values()) {
      const value = values[name];
      if (isExternalId && typeof value === 'string') holders.set(holderKey(object, name, value), id);
    }
  };
  for (const object of OBJECTS.values())
    for (const { id, values } of table(object).all(now())) remember(object, id, values);
  const times = (stamp: Stamp = {}) => {
    // An org keeps whole seconds.
    const at = Math.floor((stamp.at?.getTime() ?? now()) / 1000) * 1000;
    return { at, ...(stamp.visibleAt ? { visibleAt: stamp.visibleAt.getTime() } : {}) };
  };
  const row = (object: SfObject, id: string, all = false): Row | null => {
    const version = table(object).get(longId(id), now());
    return version && (all || version.values['IsDeleted'] !== true) ? show(org, object, version) : null;
  };
  const stored = (object: SfObject, id: string): JsonObject => {
    const values = table(object).latest(longId(id));
    if (values === null) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
    if (values['IsDeleted'] === true) throw new ApiError(404, 'ENTITY_IS_DELETED', 'entity is deleted');
    return values;
  };
  const org: Org = {
    now,
    row,
    rows: (object, all = false) =>
      [...table(object).all(now())]
        .filter((version) => all || version.values['IsDeleted'] !== true)
        .map((version) => show(org, object, version)),
    create(object, values, stamp) {
      const clean = checked(org, object, values, null);
      made += 1;
      const id = makeId(object.keyPrefix, made);
      remember(object, id, clean);
      table(object).put(id, { ...defaults(object), ...clean, IsDeleted: false }, times(stamp));
      return id;
    },
    update(object, id, values, stamp) {
      const before = stored(object, id);
      if (object.name === 'Lead' && before['IsConverted'] === true)
        throw new ApiError(400, 'CANNOT_UPDATE_CONVERTED_LEAD', 'cannot reference converted lead');
      const clean = checked(org, object, values, longId(id));
      remember(object, longId(id), clean);
      table(object).put(longId(id), { ...before, ...clean }, times(stamp));
    },
    holder(object, field, value) {
      const id = holders.get(holderKey(object, field, value));
      const kept = id === undefined ? null : table(object).latest(id);
      const isHeld = kept !== null && kept['IsDeleted'] !== true && sameText(kept[field], value);
      return id !== undefined && isHeld ? id : null;
    },
    remove(object, id, how = {}) {
      const before = stored(object, id);
      const master = how.mergedInto === undefined ? {} : { MasterRecordId: how.mergedInto };
      table(object).put(longId(id), how.isHard === true ? null : { ...before, ...master, IsDeleted: true }, times(how));
    },
    restore(object, id) {
      const before = table(object).latest(longId(id));
      if (before === null) throw new ApiError(404, 'UNDELETE_FAILED', 'Entity is not in the recycle bin');
      table(object).put(
        longId(id),
        { ...before, ...(object.isMergeable ? { MasterRecordId: null } : {}), IsDeleted: false },
        times(),
      );
    },
    removed: (object) => [
      ...[...table(object).deleted(now())].map(({ id, updatedAt }) => ({ id, at: updatedAt })),
      ...[...table(object).all(now())]
        .filter((version) => version.values['IsDeleted'] === true)
        .map(({ id, updatedAt }) => ({ id, at: updatedAt })),
    ],
    save: () => ({ made, tables: Object.fromEntries([...tables].map(([name, kept]) => [name, kept.save()])) }),
  };
  return org;
}

const holderKey = (object: SfObject, field: string, value: string): string =>
  `${object.name}.${field} ${value.toLowerCase()}`;
const sameText = (kept: Json | undefined, value: string): boolean =>
  typeof kept === 'string' && kept.toLowerCase() === value.toLowerCase();

const iso = (at: number): string => new Date(at).toISOString().replace('Z', '+0000');
const USER = '0055g000001AAAAAA4';

/** Rows of objects whose fields depend on nothing but themselves, by the version they show. */
const shown = new WeakMap<Version, Row>();

function show(org: Org, object: SfObject, version: Version & { readonly values: JsonObject }): Row {
  const before = shown.get(version);
  if (before) return before;
  const row = fresh(org, object, version);
  if (object.name !== 'Campaign' && object.name !== 'CampaignMember') shown.set(version, row);
  return row;
}

function fresh(org: Org, object: SfObject, version: Version & { readonly values: JsonObject }): Row {
  const empty = Object.fromEntries([...object.fields.keys()].map((name) => [name, null]));
  const kept = {
    ...empty,
    ...version.values,
    ...{ Id: version.id, CreatedDate: iso(version.createdAt), CreatedById: USER },
    ...{ LastModifiedDate: iso(version.updatedAt), LastModifiedById: USER, SystemModstamp: iso(version.updatedAt) },
  };
  return { id: version.id, values: { ...kept, ...workedOut(org, object, kept) } };
}

/** Fields an org works out when it is asked: their changes move no time. */
function workedOut(org: Org, object: SfObject, values: JsonObject): JsonObject {
  switch (object.name) {
    case 'Lead':
    case 'Contact':
      return { Name: fullName(values) };
    case 'Opportunity': {
      const stage = String(values['StageName'] ?? '');
      const expected = (Number(values['Amount'] ?? 0) * Number(values['Probability'] ?? 0)) / 100;
      return {
        IsClosed: stage.startsWith('Closed'),
        IsWon: stage === 'Closed Won',
        ForecastCategoryName: stage === 'Closed Won' ? 'Closed' : stage === 'Closed Lost' ? 'Omitted' : 'Pipeline',
        ExpectedRevenue: values['Amount'] === null ? null : expected,
      };
    }
    case 'CampaignMember':
      return memberFields(org, values);
    case 'Campaign':
      return campaignCounts(org, String(values['Id']));
    default:
      return {};
  }
}

const fullName = (values: JsonObject): string =>
  [values['FirstName'], values['LastName']].filter((part) => typeof part === 'string' && part !== '').join(' ');

function memberFields(org: Org, values: JsonObject): JsonObject {
  const isLead = typeof values['LeadId'] === 'string';
  const of = objectNamed(isLead ? 'Lead' : 'Contact');
  const person = of && org.row(of, String(isLead ? values['LeadId'] : values['ContactId']), true)?.values;
  if (!person) return {};
  const copied = ['FirstName', 'LastName', 'Name', 'Email', 'Phone', 'LeadSource'];
  const account = objectNamed('Account');
  const company = isLead
    ? person['Company']
    : account && typeof person['AccountId'] === 'string'
      ? org.row(account, person['AccountId'])?.values['Name']
      : null;
  return {
    ...Object.fromEntries(copied.map((name) => [name, person[name] ?? null])),
    ...{ CompanyOrAccount: company ?? null, HasResponded: values['Status'] === 'Responded' },
  };
}

function campaignCounts(org: Org, id: string): JsonObject {
  const of = (name: string) => {
    const object = objectNamed(name);
    return object ? org.rows(object).filter(({ values }) => values['CampaignId'] === id) : [];
  };
  const members = of('CampaignMember');
  const deals = of('Opportunity');
  const won = deals.filter(({ values }) => values['IsWon'] === true);
  const sum = (rows: readonly Row[]) => rows.reduce((total, { values }) => total + Number(values['Amount'] ?? 0), 0);
  return {
    NumberOfLeads: members.filter(({ values }) => values['LeadId'] !== null).length,
    NumberOfContacts: members.filter(({ values }) => values['ContactId'] !== null).length,
    NumberOfResponses: members.filter(({ values }) => values['HasResponded'] === true).length,
    ...{ NumberOfConvertedLeads: 0, NumberOfOpportunities: deals.length, NumberOfWonOpportunities: won.length },
    ...{ AmountAllOpportunities: sum(deals), AmountWonOpportunities: sum(won) },
  };
}

function defaults(object: SfObject): JsonObject {
  const flags = [...object.fields.values()]
    .filter((field) => field.type === 'boolean')
    .map(({ name }) => [name, false]);
  const own: Readonly<Record<string, JsonObject>> = {
    Lead: { Status: 'Open - Not Contacted' },
    Product2: { IsActive: true },
    CampaignMember: { Status: 'Sent' },
  };
  const owner = object.fields.has('OwnerId') ? { OwnerId: USER } : {};
  return { ...Object.fromEntries(flags), ...owner, ...own[object.name] };
}

/** The values as they are kept. @throws ApiError for what an org refuses, in its order of checks */
function checked(org: Org, object: SfObject, values: JsonObject, id: string | null): JsonObject {
  const given = Object.entries(values).filter(([name]) => name !== 'attributes' && name.toLowerCase() !== 'id');
  const clean: JsonObject = {};
  for (const [name, value] of given) {
    const field = fieldNamed(object, name);
    if (!field) throw new ApiError(400, 'INVALID_FIELD', `No such column '${name}' on sobject of type ${object.name}`);
    if (field.isReadOnly || (id === null ? field.isUpdateOnly : field.isCreateOnly))
      throw new ApiError(
        400,
        'INVALID_FIELD_FOR_INSERT_UPDATE',
        `Unable to create/update fields: ${field.name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
        [field.name],
      );
    clean[field.name] = value === '' ? null : checkedValue(field, value);
  }
  const missing = [...object.fields.values()].filter(
    ({ name, isRequired }) => isRequired && (id === null ? (clean[name] ?? null) === null : clean[name] === null),
  );
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name);
    throw new ApiError(400, 'REQUIRED_FIELD_MISSING', `Required fields are missing: [${names.join(', ')}]`, names);
  }
  refuseDangling(org, object, clean);
  refuseDuplicates(org, object, clean, id);
  return clean;
}

function checkedValue(field: SfField, value: Json): Json {
  if (value === null) return null;
  switch (field.type) {
    case 'int':
      return Math.round(numberOf(field, value));
    case 'double':
    case 'currency':
    case 'percent':
      return numberOf(field, value);
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw wrongType(field, value);
    default:
      if (typeof value === 'string') return checkedText(field, value);
      throw wrongType(field, value);
  }
}

/** Kinds of values are looked at before anything else. @throws ApiError JSON_PARSER_ERROR */
export function refuseWrongTypes(object: SfObject, values: JsonObject): void {
  for (const [name, value] of Object.entries(values)) {
    const field = name === 'attributes' ? null : fieldNamed(object, name);
    const isText = typeof value === 'string';
    if (!field || value === null || field.type === 'id') continue;
    if (
      field.type === 'boolean'
        ? typeof value !== 'boolean'
        : NUMBERS.includes(field.type)
          ? Number.isNaN(Number(value))
          : !isText
    )
      throw wrongType(field, value);
  }
}

const NUMBERS: readonly string[] = ['int', 'double', 'currency', 'percent'];

function numberOf(field: SfField, value: Json): number {
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw wrongType(field, value);
}

function checkedText(field: SfField, value: string): string {
  if (field.type === 'date' && !/^\d{4}-\d\d-\d\d$/.test(value)) throw wrongType(field, value);
  if (field.type === 'datetime' && Number.isNaN(Date.parse(value))) throw wrongType(field, value);
  if (field.type === 'email' && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(value))
    throw new ApiError(400, 'INVALID_EMAIL_ADDRESS', `${field.name}: invalid email address: ${value}`, [field.name]);
  if (field.type === 'reference') return longId(value);
  if (field.length > 0 && value.length > field.length)
    throw new ApiError(
      400,
      'STRING_TOO_LONG',
      `${field.name}: data value too large: ${value.slice(0, 40)} (max length=${field.length})`,
      [field.name],
    );
  return field.type === 'email' ? value.toLowerCase() : value;
}

const wrongType = (field: SfField, value: Json): ApiError =>
  new ApiError(
    400,
    'JSON_PARSER_ERROR',
    `Cannot deserialize instance of ${field.type} from ${JSON.stringify(value).slice(0, 40)} value`,
  );

function refuseDangling(org: Org, object: SfObject, clean: JsonObject): void {
  for (const { name, to } of object.fields.values()) {
    const id = clean[name];
    const of = to === null ? null : objectNamed(to);
    if (!of || typeof id !== 'string' || org.row(of, id)) continue;
    throw new ApiError(400, 'INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', [name]);
  }
}

function refuseDuplicates(org: Org, object: SfObject, clean: JsonObject, id: string | null): void {
  for (const { name, isExternalId } of object.fields.values()) {
    const value = clean[name];
    if (!isExternalId || typeof value !== 'string') continue;
    const other = org.holder(object, name, value);
    if (other !== null && other !== id)
      throw new ApiError(
        400,
        'DUPLICATE_VALUE',
        `duplicate value found: ${name} duplicates value on record with id: ${other}`,
      );
  }
  if (object.name !== 'CampaignMember' || id !== null) return;
  const person = ['LeadId', 'ContactId'].find((name) => typeof clean[name] === 'string');
  if (person === undefined)
    throw new ApiError(400, 'REQUIRED_FIELD_MISSING', 'Required fields are missing: [LeadId, ContactId]', ['LeadId']);
  const twice = org
    .rows(object)
    .some(({ values }) => values['CampaignId'] === clean['CampaignId'] && values[person] === clean[person]);
  if (twice) throw new ApiError(400, 'DUPLICATE_VALUE', 'Already a campaign member.');
}
