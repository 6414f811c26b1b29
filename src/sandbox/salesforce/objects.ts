/**
 * The standard objects of an org with their fields, as far as they matter here. Names, types and lengths as the describe calls
 * of a real org give them (API 52 and later).
 */

export type SfType =
  | 'id'
  | 'reference'
  | 'string'
  | 'textarea'
  | 'picklist'
  | 'email'
  | 'phone'
  | 'url'
  | 'boolean'
  | 'int'
  | 'double'
  | 'currency'
  | 'percent'
  | 'date'
  | 'datetime';

export type SfField = {
  readonly name: string;
  readonly type: SfType;
  readonly length: number;
  /** A create without it is refused. */
  readonly isRequired: boolean;
  /** Set by the org alone. */
  readonly isReadOnly: boolean;
  /** May be written, but not when the record is made. */
  readonly isUpdateOnly: boolean;
  /** May be written when the record is made, and never again. */
  readonly isCreateOnly: boolean;
  /** Never empty, because the org sees to it. */
  readonly isFilled: boolean;
  readonly isExternalId: boolean;
  /** Object a reference points to, reachable by the name without `Id`. */
  readonly to: string | null;
};

export type SfObject = {
  readonly name: string;
  readonly keyPrefix: string;
  readonly fields: ReadonlyMap<string, SfField>;
  /** Records of it can be merged: the loser then names the winner. */
  readonly isMergeable: boolean;
};

/** Word of a field: type, length in brackets, `!` required, `-` read only, `^` not on create, `+` on create only, `~` never empty, `*` external id, `>Object`. */
const WORD = /^(\w+)(?:\((\d+)\))?([!\-^+~*]*)(?:>(\w+))?$/;

const SYSTEM = {
  Id: 'id(18)-~',
  IsDeleted: 'boolean-',
  CreatedDate: 'datetime-~',
  CreatedById: 'reference(18)-~>User',
  LastModifiedDate: 'datetime-~',
  LastModifiedById: 'reference(18)-~>User',
  SystemModstamp: 'datetime-~',
};
const SEEN = { LastViewedDate: 'datetime-', LastReferencedDate: 'datetime-' };
const PERSON = {
  Salutation: 'picklist(40)',
  FirstName: 'string(40)',
  LastName: 'string(80)!',
  Name: 'string(121)-~',
  Title: 'string(128)',
  Email: 'email(80)',
  Phone: 'phone(40)',
  MobilePhone: 'phone(40)',
  Fax: 'phone(40)',
  LeadSource: 'picklist(255)',
  Description: 'textarea(32000)',
  OwnerId: 'reference(18)~>User',
};
const address = (prefix: string) => ({
  [`${prefix}Street`]: 'textarea(255)',
  [`${prefix}City`]: 'string(40)',
  [`${prefix}State`]: 'string(80)',
  [`${prefix}PostalCode`]: 'string(20)',
  [`${prefix}Country`]: 'string(80)',
});
/** Made by an administrator of the sandbox org: what upserts go by. */
const EXTERNAL = { Tributary_Id__c: 'string(80)*' };

const lead = object('Lead', '00Q', true, {
  ...SYSTEM,
  ...SEEN,
  ...PERSON,
  ...address(''),
  ...EXTERNAL,
  EmailBouncedReason: 'string(255)^',
  EmailBouncedDate: 'datetime^',
  MasterRecordId: 'reference(18)->Lead',
  Company: 'string(255)!',
  Website: 'url(255)',
  Status: 'picklist(255)~',
  Industry: 'picklist(255)',
  Rating: 'picklist(255)',
  AnnualRevenue: 'currency',
  NumberOfEmployees: 'int',
  IsConverted: 'boolean+',
  ConvertedDate: 'date-',
  ConvertedAccountId: 'reference(18)->Account',
  ConvertedContactId: 'reference(18)->Contact',
  ConvertedOpportunityId: 'reference(18)->Opportunity',
  Score__c: 'double',
});
const contact = object('Contact', '003', true, {
  ...SYSTEM,
  ...SEEN,
  ...PERSON,
  ...address('Mailing'),
  ...address('Other'),
  ...EXTERNAL,
  EmailBouncedReason: 'string(255)',
  EmailBouncedDate: 'datetime',
  MasterRecordId: 'reference(18)->Contact',
  AccountId: 'reference(18)>Account',
  HomePhone: 'phone(40)',
  Department: 'string(80)',
  Birthdate: 'date',
  ReportsToId: 'reference(18)>Contact',
  IsEmailBounced: 'boolean-',
});
const account = object('Account', '001', true, {
  ...SYSTEM,
  ...SEEN,
  ...address('Billing'),
  ...address('Shipping'),
  MasterRecordId: 'reference(18)->Account',
  Name: 'string(255)!',
  Type: 'picklist(40)',
  ParentId: 'reference(18)>Account',
  AccountNumber: 'string(40)',
  Phone: 'phone(40)',
  Fax: 'phone(40)',
  Website: 'url(255)',
  Industry: 'picklist(40)',
  AnnualRevenue: 'currency',
  NumberOfEmployees: 'int',
  Description: 'textarea(32000)',
  OwnerId: 'reference(18)~>User',
});
const opportunity = object('Opportunity', '006', false, {
  ...SYSTEM,
  ...SEEN,
  AccountId: 'reference(18)>Account',
  ContactId: 'reference(18)+>Contact',
  CampaignId: 'reference(18)>Campaign',
  IsPrivate: 'boolean',
  Name: 'string(120)!',
  Description: 'textarea(32000)',
  StageName: 'picklist(255)!',
  Amount: 'currency',
  Probability: 'percent',
  ExpectedRevenue: 'currency-',
  CloseDate: 'date!',
  Type: 'picklist(255)',
  NextStep: 'string(255)',
  LeadSource: 'picklist(255)',
  IsClosed: 'boolean-',
  IsWon: 'boolean-',
  ForecastCategoryName: 'picklist(255)',
  OwnerId: 'reference(18)~>User',
});
const campaign = object('Campaign', '701', false, {
  ...SYSTEM,
  ...SEEN,
  ...EXTERNAL,
  ParentId: 'reference(18)>Campaign',
  Name: 'string(80)!',
  Type: 'picklist(40)',
  Status: 'picklist(40)',
  StartDate: 'date',
  EndDate: 'date',
  IsActive: 'boolean',
  Description: 'textarea(32000)',
  ExpectedRevenue: 'currency',
  BudgetedCost: 'currency',
  ActualCost: 'currency',
  ExpectedResponse: 'percent',
  NumberSent: 'double',
  NumberOfLeads: 'int-',
  NumberOfConvertedLeads: 'int-',
  NumberOfContacts: 'int-',
  NumberOfResponses: 'int-',
  NumberOfOpportunities: 'int-',
  NumberOfWonOpportunities: 'int-',
  AmountAllOpportunities: 'currency-',
  AmountWonOpportunities: 'currency-',
  OwnerId: 'reference(18)~>User',
});
const campaignMember = object('CampaignMember', '00v', false, {
  ...SYSTEM,
  CampaignId: 'reference(18)!>Campaign',
  LeadId: 'reference(18)>Lead',
  ContactId: 'reference(18)>Contact',
  Status: 'picklist(40)',
  HasResponded: 'boolean-',
  FirstRespondedDate: 'date-',
  FirstName: 'string(40)-',
  LastName: 'string(80)-',
  Name: 'string(121)-',
  Email: 'email(80)-',
  Phone: 'phone(40)-',
  CompanyOrAccount: 'string(255)-',
  LeadSource: 'picklist(255)-',
  DoNotCall: 'boolean-',
  HasOptedOutOfEmail: 'boolean-',
});
const product = object('Product2', '01t', false, {
  ...SYSTEM,
  ...SEEN,
  Name: 'string(255)!',
  ProductCode: 'string(255)',
  StockKeepingUnit: 'string(180)',
  Description: 'textarea(4000)',
  Family: 'picklist(255)',
  IsActive: 'boolean',
  IsArchived: 'boolean-',
  QuantityUnitOfMeasure: 'picklist(255)',
  DisplayUrl: 'url(1000)',
  ExternalId: 'string(255)',
});

/** By API name. */
export const OBJECTS: ReadonlyMap<string, SfObject> = new Map(
  [lead, contact, account, opportunity, campaign, campaignMember, product].map((one) => [one.name, one]),
);

/** The object of that name, whatever its case, as the API takes it. */
export function objectNamed(name: string): SfObject | null {
  return (
    OBJECTS.get(name) ?? [...OBJECTS.values()].find((one) => one.name.toLowerCase() === name.toLowerCase()) ?? null
  );
}

/** The field of that name, whatever its case. */
export function fieldNamed(of: SfObject, name: string): SfField | null {
  return (
    of.fields.get(name) ??
    [...of.fields.values()].find((field) => field.name.toLowerCase() === name.toLowerCase()) ??
    null
  );
}

function object(
  name: string,
  keyPrefix: string,
  isMergeable: boolean,
  words: Readonly<Record<string, string>>,
): SfObject {
  const fields = Object.entries(words).map(([field, word]) => [field, read(field, word)] as const);
  return { name, keyPrefix, isMergeable, fields: new Map(fields) };
}

function read(name: string, word: string): SfField {
  const [, type = '', length = '0', marks = '', to] = WORD.exec(word) ?? [];
  return {
    ...{ name, type: type as SfType, length: Number(length), to: to ?? null },
    ...{ isRequired: marks.includes('!'), isReadOnly: marks.includes('-') },
    ...{
      isUpdateOnly: marks.includes('^'),
      isCreateOnly: marks.includes('+'),
      isFilled: marks.includes('~'),
      isExternalId: marks.includes('*'),
    },
  };
}
