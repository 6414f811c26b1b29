import { type DeclaredField, declareFields, type StreamDeclaration } from '../../src/connector/index.ts';
import type { HubSpotConfig } from './config.ts';
import { writesWith } from './writes.ts';

const MINUTE_MS = 60_000;
/** The search index trails the objects by a time nobody documents; both are chosen. */
export const LAG_MS = MINUTE_MS;
export const OVERLAP_MS = 15 * MINUTE_MS;

/** Read by (modified, id) through search, which never shows archived objects: those are listed apart. */
const object = {
  mode: 'complete',
  cursor: 'keyset',
  visibilityLagMs: LAG_MS,
  overlapMs: OVERLAP_MS,
  key: ['id'],
  deletes: ['tombstone', 'absence'],
  // Search does not return associations, and linking two objects is no change of either.
  blindFields: ['associations'],
  // Moved by every write, also by one that changes nothing.
  volatilePaths: ['updatedAt', 'properties.hs_lastmodifieddate', 'properties.lastmodifieddate'],
} as const;

const head = { id: 'text', createdAt: 'timestamp', updatedAt: 'timestamp', archived: 'boolean' } as const;

// Every property is a text or null, whatever its kind; the types here say what the text holds.
const contacts: StreamDeclaration = {
  ...object,
  name: 'contacts',
  about: 'contacts with their company and lifecycle',
  fields: declareFields({
    ...head,
    'properties.email': 'text?',
    'properties.hs_additional_emails': 'text?',
    'properties.firstname': 'text?',
    'properties.lastname': 'text?',
    'properties.phone': 'text?',
    'properties.mobilephone': 'text?',
    'properties.jobtitle': 'text?',
    'properties.company': 'text?',
    'properties.website': 'text?',
    'properties.address': 'text?',
    'properties.city': 'text?',
    'properties.state': 'text?',
    'properties.zip': 'text?',
    'properties.country': 'text?',
    'properties.lifecyclestage': 'text?',
    'properties.hs_lead_status': 'text?',
    'properties.hubspot_owner_id': 'text?',
    'properties.hubspotscore': 'decimal?',
    'properties.hs_analytics_source': 'text?',
    'properties.hs_analytics_source_data_1': 'text?',
    'properties.hs_merged_object_ids': 'text?',
    'properties.createdate': 'timestamp?',
    'properties.lastmodifieddate': 'timestamp?',
    'associations.companies': 'list',
    'associations.deals': 'list',
  }),
};

const companies: StreamDeclaration = {
  ...object,
  name: 'companies',
  about: 'companies',
  fields: declareFields({
    ...head,
    'properties.name': 'text?',
    'properties.domain': 'text?',
    'properties.website': 'text?',
    'properties.phone': 'text?',
    'properties.industry': 'text?',
    'properties.numberofemployees': 'integer?',
    'properties.annualrevenue': 'decimal?',
    'properties.address': 'text?',
    'properties.city': 'text?',
    'properties.state': 'text?',
    'properties.zip': 'text?',
    'properties.country': 'text?',
    'properties.lifecyclestage': 'text?',
    'properties.hubspot_owner_id': 'text?',
    'properties.hs_merged_object_ids': 'text?',
    'properties.createdate': 'timestamp?',
    'properties.hs_lastmodifieddate': 'timestamp?',
    'associations.contacts': 'list',
  }),
};

const deals: StreamDeclaration = {
  ...object,
  name: 'deals',
  about: 'deals with their stage and amount',
  fields: declareFields({
    ...head,
    'properties.dealname': 'text?',
    'properties.amount': 'decimal?',
    'properties.deal_currency_code': 'text?',
    'properties.dealstage': 'text?',
    'properties.pipeline': 'text?',
    'properties.closedate': 'timestamp?',
    'properties.dealtype': 'text?',
    'properties.hs_deal_stage_probability': 'decimal?',
    'properties.hubspot_owner_id': 'text?',
    'properties.hs_merged_object_ids': 'text?',
    'properties.createdate': 'timestamp?',
    'properties.hs_lastmodifieddate': 'timestamp?',
    'associations.contacts': 'list',
    'associations.companies': 'list',
    'associations.line_items': 'list',
  }),
};

const products: StreamDeclaration = {
  ...object,
  name: 'products',
  about: 'products of the product library',
  blindFields: [],
  fields: declareFields({
    ...head,
    'properties.name': 'text?',
    'properties.hs_sku': 'text?',
    'properties.description': 'text?',
    'properties.price': 'decimal?',
    'properties.hs_cost_of_goods_sold': 'decimal?',
    'properties.hs_images': 'text?',
    'properties.createdate': 'timestamp?',
    'properties.hs_lastmodifieddate': 'timestamp?',
  }),
};

const lineItems: StreamDeclaration = {
  ...object,
  name: 'line_items',
  about: 'lines of deals: a product, how many, at which price',
  fields: declareFields({
    ...head,
    'properties.name': 'text?',
    'properties.hs_sku': 'text?',
    'properties.hs_product_id': 'text?',
    'properties.description': 'text?',
    'properties.quantity': 'decimal?',
    'properties.price': 'decimal?',
    'properties.amount': 'decimal?',
    'properties.hs_line_item_currency_code': 'text?',
    'properties.createdate': 'timestamp?',
    'properties.hs_lastmodifieddate': 'timestamp?',
    'associations.deals': 'list',
  }),
};

const formSubmissions: StreamDeclaration = {
  ...object,
  name: 'form_submissions',
  about: 'what people sent through forms; never changed once sent',
  blindFields: [],
  volatilePaths: [],
  // A form that was deleted takes its submissions along: only a full read shows it, and the delete brake guards it.
  deletes: ['absence'],
  fields: declareFields({
    id: 'text',
    formId: 'text',
    conversionId: 'text?',
    submittedAt: 'integer',
    pageUrl: 'text?',
    pageTitle: 'text?',
    values: 'list',
    'values[].name': 'text',
    'values[].value': 'text?',
    'values[].objectTypeId': 'text?',
  }),
};

const campaigns: StreamDeclaration = {
  ...object,
  name: 'campaigns',
  about: 'marketing campaigns; no change filter, so read whole',
  cursor: 'none',
  visibilityLagMs: 0,
  overlapMs: 0,
  deletes: ['absence'],
  blindFields: [],
  volatilePaths: ['updatedAt'],
  fields: declareFields({
    id: 'text',
    createdAt: 'timestamp',
    updatedAt: 'timestamp',
    'properties.hs_name': 'text?',
    'properties.hs_start_date': 'date?',
    'properties.hs_end_date': 'date?',
    'properties.hs_notes': 'text?',
    'properties.hs_audience': 'text?',
    'properties.hs_currency_code': 'text?',
    'properties.hs_campaign_status': 'text?',
    'properties.hs_utm': 'text?',
    'properties.hs_budget_items_sum_amount': 'decimal?',
    'properties.hs_spend_items_sum_amount': 'decimal?',
  }),
};

/** Streams of an account before its own properties are known. */
export const streams: readonly StreamDeclaration[] = [
  { ...contacts, ...writesWith('contacts', [], undefined) },
  { ...companies, ...writesWith('companies', [], undefined) },
  ...[deals, products, lineItems, formSubmissions],
  { ...campaigns, ...writesWith('campaigns', [], undefined) },
];

const PREFIX = 'properties.';

/** Names of the properties that a stream declares. */
export const declaredNames = (stream: string, of: readonly StreamDeclaration[] = streams): readonly string[] =>
  (of.find(({ name }) => name === stream)?.fields ?? [])
    .filter(({ path }) => path.startsWith(PREFIX))
    .map(({ path }) => path.slice(PREFIX.length));

/**
 * The streams of one connection, with the properties its settings name. A calculated one does not move its object, so all of them
 * count as blind.
 */
export function streamsOf(settings: HubSpotConfig): readonly StreamDeclaration[] {
  return streams.map((stream) => {
    const named = listFor(stream.name, settings.properties) ?? [];
    const unique = listFor(stream.name, settings.uniqueProperties);
    const added = [...named, ...(unique === undefined ? [] : [unique])]
      .map((name) => `${PREFIX}${name}`)
      .filter((path) => !stream.fields?.some((field) => field.path === path));
    const fields = [...new Set(added)].map(
      (path): DeclaredField => ({ path, type: 'text', nullable: true, about: 'named in the settings' }),
    );
    return {
      ...stream,
      blindFields: [...stream.blindFields, ...fields.map(({ path }) => path)],
      fields: [...(stream.fields ?? []), ...fields],
      ...writesWith(stream.name, named, unique),
    };
  });
}

const listFor = <T>(stream: string, table: { readonly [name: string]: T | undefined } | undefined): T | undefined =>
  Object.entries(table ?? {}).find(([name]) => name === stream)?.[1];
