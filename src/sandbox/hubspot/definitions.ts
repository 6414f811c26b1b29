/** Objects of an account and their properties, as far as the shop of the sandbox uses them. */

export type Kind = 'contacts' | 'companies' | 'deals' | 'products' | 'line_items';
export const KINDS: readonly Kind[] = ['contacts', 'companies', 'deals', 'products', 'line_items'];

export type Property = {
  readonly name: string;
  readonly type: 'string' | 'number' | 'datetime' | 'date' | 'enumeration' | 'bool';
  /** Values of an enumeration. */
  readonly options?: readonly string[];
  /** Set by HubSpot alone. */
  readonly isReadOnly?: true;
  readonly isUnique?: true;
};

type KindFacts = {
  readonly singular: string;
  readonly typeId: string;
  /** The property a change moves; on contacts the other one is there and empty. */
  readonly modified: 'lastmodifieddate' | 'hs_lastmodifieddate';
  /** Properties given when none are asked for. */
  readonly usual: readonly string[];
  readonly properties: readonly Property[];
};

const text = (...names: string[]): Property[] => names.map((name) => ({ name, type: 'string' }));
const number = (...names: string[]): Property[] => names.map((name) => ({ name, type: 'number' }));
const choice = (name: string, ...options: string[]): Property => ({ name, type: 'enumeration', options });
const set = (name: string, type: Property['type'] = 'string'): Property => ({ name, type, isReadOnly: true });

/** Lifecycle stages in their order. */
export const STAGES: readonly string[] = [
  'subscriber',
  'lead',
  'marketingqualifiedlead',
  'salesqualifiedlead',
  'opportunity',
  'customer',
];
export const DEAL_STAGES = ['appointmentscheduled', 'qualifiedtobuy', 'contractsent', 'closedwon', 'closedlost'];
const head = [
  set('createdate', 'datetime'),
  set('hs_object_id', 'number'),
  set('hs_lastmodifieddate', 'datetime'),
  set('hs_merged_object_ids'),
  set('hs_calculated_form_submissions'),
];
const address = text('address', 'city', 'state', 'zip', 'country');

export const FACTS: Readonly<Record<Kind, KindFacts>> = {
  contacts: {
    singular: 'contact',
    typeId: '0-1',
    modified: 'lastmodifieddate',
    usual: ['createdate', 'email', 'firstname', 'hs_object_id', 'lastmodifieddate', 'lastname'],
    properties: [
      ...head,
      set('lastmodifieddate', 'datetime'),
      { name: 'email', type: 'string', isUnique: true },
      ...text('firstname', 'lastname', 'phone', 'mobilephone', 'jobtitle', 'company', 'website', ...['message']),
      ...address,
      ...text('hubspot_owner_id', 'hs_additional_emails', 'industry'),
      choice('lifecyclestage', ...STAGES, 'evangelist', 'other'),
      choice('hs_lead_status', 'NEW', 'OPEN', 'IN_PROGRESS', 'OPEN_DEAL', 'UNQUALIFIED', 'CONNECTED'),
      { name: 'loyalty_tier', type: 'string' },
      { name: 'external_key', type: 'string', isUnique: true },
      set('hs_analytics_source'),
      set('hs_analytics_source_data_1'),
      set('hubspotscore', 'number'),
    ],
  },
  companies: {
    singular: 'company',
    typeId: '0-2',
    modified: 'hs_lastmodifieddate',
    usual: ['createdate', 'domain', 'hs_lastmodifieddate', 'hs_object_id', 'name'],
    properties: [
      ...head,
      ...text('name', 'domain', 'website', 'phone', 'description', 'hubspot_owner_id'),
      ...address,
      choice('industry', 'LEISURE_TRAVEL_TOURISM', 'RETAIL', 'EDUCATION_MANAGEMENT', 'SPORTING_GOODS'),
      ...number('numberofemployees', 'annualrevenue'),
      choice('lifecyclestage', ...STAGES, 'evangelist', 'other'),
      { name: 'external_key', type: 'string', isUnique: true },
    ],
  },
  deals: {
    singular: 'deal',
    typeId: '0-3',
    modified: 'hs_lastmodifieddate',
    usual: [
      ...['amount', 'closedate', 'createdate', 'dealname'],
      ...['dealstage', 'hs_lastmodifieddate', 'hs_object_id', 'pipeline'],
    ],
    properties: [
      ...head,
      ...text('dealname', 'deal_currency_code', 'description', 'hubspot_owner_id'),
      choice('dealstage', ...DEAL_STAGES),
      choice('pipeline', 'default'),
      choice('dealtype', 'newbusiness', 'existingbusiness'),
      ...number('amount'),
      { name: 'closedate', type: 'datetime' },
      set('hs_deal_stage_probability', 'number'),
    ],
  },
  products: {
    singular: 'product',
    typeId: '0-7',
    modified: 'hs_lastmodifieddate',
    usual: ['createdate', 'description', 'hs_lastmodifieddate', 'hs_object_id', 'name', 'price'],
    properties: [
      ...head,
      ...text('name', 'hs_sku', 'description', 'hs_images', 'hs_url'),
      ...number('price', 'hs_cost_of_goods_sold'),
    ],
  },
  line_items: {
    singular: 'line_item',
    typeId: '0-8',
    modified: 'hs_lastmodifieddate',
    usual: ['amount', 'createdate', 'hs_lastmodifieddate', 'hs_object_id', 'hs_product_id', 'quantity'],
    properties: [
      ...head,
      ...text('name', 'hs_sku', 'description', 'hs_line_item_currency_code', 'hs_product_id'),
      ...number('quantity', 'price', 'discount'),
      set('amount', 'number'),
    ],
  },
};

/** Plural, singular or type id, as paths and events write it. */
export function kindNamed(name: string): Kind | null {
  const found = KINDS.find((kind) => kind === name || FACTS[kind].singular === name || FACTS[kind].typeId === name);
  return found ?? (name === 'line_item' ? 'line_items' : null);
}

export const propertyOf = (kind: Kind, name: string): Property | undefined =>
  FACTS[kind].properties.find((property) => property.name === name);

/** Ids of association types: `[what everybody gets, what the main one gets as well]`. */
export const ASSOCIATION_TYPES: Readonly<Record<string, readonly [number, number | null]>> = {
  'contacts companies': [279, 1],
  'companies contacts': [280, 2],
  'deals contacts': [3, null],
  'contacts deals': [4, null],
  'deals companies': [341, 5],
  'companies deals': [342, 6],
  'line_items deals': [20, null],
  'deals line_items': [19, null],
};
