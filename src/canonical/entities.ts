/**
 * The canonical entities: what a mapping may fill and what the store keeps. One table here feeds the database schema,
 * the mapping checks, the bulk loader, the fold and the documentation.
 */

/**
 * `text` any string · `integer` whole number within 2^53 · `decimal` exact number as a string ("19.90") ·
 * `boolean` · `timestamp` ISO 8601 UTC string with milliseconds ("2026-11-20T23:39:49.000Z") · `date` "2026-11-20" ·
 * `json` object · `list` array · `reference` to another entity.
 */
export type FieldType =
  | 'text'
  | 'integer'
  | 'decimal'
  | 'boolean'
  | 'timestamp'
  | 'date'
  | 'json'
  | 'list'
  | 'reference';

export type Field = {
  readonly type: FieldType;
  readonly about: string;
  /** A record that gives no value for it is rejected. */
  readonly required?: true;
  /** The only values allowed (type text). */
  readonly values?: readonly string[];
  /** Entity a `reference` points to. */
  readonly entity?: EntityName;
  /** Normaliser of a match key: mappings may find an existing entity by this field. */
  readonly match?: 'exact' | 'sku' | 'gtin' | 'email';
  /** Personal data: masked in logs, erased on request. */
  readonly personal?: true;
  /** Longest text, in characters. */
  readonly max?: number;
};

export type Entity = {
  /** Prefix of public ids (`prod_…`). */
  readonly prefix: string;
  readonly about: string;
  /** Fields that together put exported rows into a stable order. */
  readonly naturalKey: readonly string[];
  readonly fields: Readonly<Record<string, Field>>;
};

export type EntityName =
  | 'product'
  | 'variant'
  | 'location'
  | 'customer'
  | 'order'
  | 'campaign'
  | 'lead'
  | 'opportunity';

const currency: Field = { type: 'text', about: 'ISO 4217 code', max: 3 };

export const ENTITIES: Readonly<Record<EntityName, Entity>> = {
  product: {
    prefix: 'prod',
    about: 'Something a vendor sells; its sellable forms are variants.',
    naturalKey: ['handle', 'sku', 'name'],
    fields: {
      sku: { type: 'text', about: 'stock keeping unit of the product itself', match: 'sku', max: 255 },
      handle: { type: 'text', about: 'name in the vendor’s addresses, unique within a shop', match: 'exact', max: 255 },
      name: { type: 'text', about: 'title shown to buyers', required: true, max: 1000 },
      description: { type: 'text', about: 'text or HTML' },
      brand: { type: 'text', about: 'maker or vendor name', max: 255 },
      kind: { type: 'text', about: 'product type in the vendor’s words', max: 255 },
      status: { type: 'text', about: 'where it stands', values: ['active', 'draft', 'archived'] },
      price: { type: 'decimal', about: 'price of the default variant' },
      currency,
      categories: { type: 'list', about: 'category paths, each "A > B"' },
      tags: { type: 'list', about: 'free words' },
      images: { type: 'list', about: 'objects {url, alt}' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  variant: {
    prefix: 'var',
    about: 'A sellable form of a product; stock is counted per variant and location.',
    naturalKey: ['sku', 'gtin', 'title'],
    fields: {
      product: { type: 'reference', about: 'the product it belongs to', entity: 'product' },
      sku: { type: 'text', about: 'stock keeping unit', match: 'sku', max: 255 },
      gtin: { type: 'text', about: 'EAN, UPC or ISBN with its leading zeros', match: 'gtin', max: 14 },
      title: { type: 'text', about: 'what sets it apart, such as "Small / Red"', max: 1000 },
      price: { type: 'decimal', about: 'price' },
      compare_at_price: { type: 'decimal', about: 'price before a reduction' },
      cost: { type: 'decimal', about: 'what it costs the vendor' },
      currency,
      options: { type: 'json', about: 'option name to value' },
      weight_grams: { type: 'decimal', about: 'shipping weight in grams' },
      position: { type: 'integer', about: 'place among its siblings, from 1' },
      image: { type: 'text', about: 'address of its picture' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  location: {
    prefix: 'loc',
    about: 'A place that holds stock.',
    naturalKey: ['code'],
    fields: {
      code: {
        type: 'text',
        about: 'the vendor’s name for it in feeds and APIs',
        match: 'exact',
        required: true,
        max: 255,
      },
      name: { type: 'text', about: 'name for people', max: 255 },
      address: { type: 'json', about: 'street, city, postal_code, country' },
    },
  },
  customer: {
    prefix: 'cust',
    about: 'Somebody who bought or may buy.',
    naturalKey: ['email', 'phone', 'last_name', 'first_name'],
    fields: {
      email: { type: 'text', about: 'e-mail address', match: 'email', personal: true, max: 320 },
      first_name: { type: 'text', about: 'given name', personal: true, max: 255 },
      last_name: { type: 'text', about: 'family name', personal: true, max: 255 },
      phone: { type: 'text', about: 'telephone', personal: true, max: 64 },
      addresses: { type: 'list', about: 'objects {street, city, postal_code, country, default}', personal: true },
      tags: { type: 'list', about: 'free words' },
      loyalty_tier: { type: 'text', about: 'tier in the vendor’s programme', max: 64 },
      lifecycle_stage: { type: 'text', about: 'stage in the vendor’s words', max: 64 },
      value_segment: { type: 'text', about: 'value segment', max: 64 },
      total_spent: { type: 'decimal', about: 'sum of orders as the source reports it' },
      order_count: { type: 'integer', about: 'number of orders as the source reports it' },
      last_order_at: { type: 'timestamp', about: 'time of the last order' },
      consent: { type: 'json', about: 'channel to true or false' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  order: {
    prefix: 'ord',
    about: 'A purchase with its lines.',
    naturalKey: ['number'],
    fields: {
      number: { type: 'text', about: 'number shown to the buyer', match: 'exact', max: 255 },
      customer: { type: 'reference', about: 'who bought', entity: 'customer' },
      status: {
        type: 'text',
        about: 'where it stands',
        values: ['pending', 'processing', 'shipped', 'delivered', 'cancelled', 'returned'],
      },
      payment_status: { type: 'text', about: 'payment', values: ['pending', 'paid', 'failed', 'refunded'] },
      fulfillment_status: { type: 'text', about: 'fulfilment', values: ['unfulfilled', 'partial', 'fulfilled'] },
      items: { type: 'list', about: 'objects {sku, title, quantity, price, total}' },
      total: { type: 'decimal', about: 'what the buyer pays' },
      refunded: { type: 'decimal', about: 'what was paid back' },
      currency,
      shipping_address: { type: 'json', about: 'street, city, postal_code, country', personal: true },
      billing_address: { type: 'json', about: 'street, city, postal_code, country', personal: true },
      payment_method: { type: 'text', about: 'payment method', max: 255 },
      shipping_method: { type: 'text', about: 'shipping method', max: 255 },
      tracking_number: { type: 'text', about: 'carrier’s number', max: 255 },
      placed_at: { type: 'timestamp', about: 'time of purchase' },
      attribution: { type: 'json', about: 'campaign_id, utm_source, utm_medium, utm_campaign, referrer' },
      notes: { type: 'text', about: 'free text' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  campaign: {
    prefix: 'camp',
    about: 'A marketing campaign.',
    naturalKey: ['name', 'starts_at'],
    fields: {
      name: { type: 'text', about: 'name', required: true, max: 255 },
      type: {
        type: 'text',
        about: 'kind of campaign',
        values: [
          'email_marketing',
          'onboarding',
          'reengagement',
          'promotion',
          'newsletter',
          'transactional',
          'loyalty',
        ],
      },
      status: {
        type: 'text',
        about: 'where it stands',
        values: ['draft', 'scheduled', 'active', 'paused', 'completed'],
      },
      channels: { type: 'list', about: 'email, push, sms' },
      segment_id: { type: 'text', about: 'segment it goes to', max: 255 },
      target_audience: { type: 'json', about: 'segments and criteria' },
      content: { type: 'json', about: 'subject, template_id, personalization, body, cta_text, cta_url' },
      starts_at: { type: 'timestamp', about: 'first sending' },
      ends_at: { type: 'timestamp', about: 'last sending' },
      timezone: { type: 'text', about: 'IANA zone of the schedule', max: 64 },
      frequency: { type: 'text', about: 'once, daily, weekly …', max: 64 },
      execution_mode: { type: 'text', about: 'how it is run', values: ['scheduled', 'immediate'] },
      lead_time: { type: 'text', about: 'time needed before sending', max: 64 },
      promo_code: { type: 'text', about: 'code that goes with it', max: 255 },
      promo_discount_percent: { type: 'decimal', about: 'discount in percent' },
      integration_settings: { type: 'json', about: 'crm_sync, attribution_tracking, performance_monitoring' },
      budget: { type: 'decimal', about: 'planned cost' },
      cost: { type: 'decimal', about: 'actual cost' },
      currency,
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  lead: {
    prefix: 'lead',
    about: 'Somebody who showed interest, with company and qualification.',
    naturalKey: ['email', 'phone', 'last_name', 'first_name'],
    fields: {
      email: { type: 'text', about: 'e-mail address', match: 'email', personal: true, max: 320 },
      first_name: { type: 'text', about: 'given name', personal: true, max: 255 },
      last_name: { type: 'text', about: 'family name', personal: true, max: 255 },
      phone: { type: 'text', about: 'telephone', personal: true, max: 64 },
      title: { type: 'text', about: 'position', max: 255 },
      company: { type: 'json', about: 'name, size, industry, revenue, website' },
      source: { type: 'text', about: 'where the lead came from', max: 255 },
      campaign: { type: 'reference', about: 'campaign that won the lead', entity: 'campaign' },
      status: { type: 'text', about: 'status', max: 64 },
      sales_stage: { type: 'text', about: 'stage in sales', max: 64 },
      sales_rep: { type: 'text', about: 'who works on it', max: 255 },
      lead_score: { type: 'integer', about: 'score' },
      interest_level: { type: 'text', about: 'interest', max: 64 },
      budget_range: { type: 'text', about: 'budget', max: 64 },
      timeline: { type: 'text', about: 'when they mean to buy', max: 64 },
      pain_points: { type: 'list', about: 'free words' },
      tracking: { type: 'json', about: 'utm_source, utm_medium, utm_campaign, referrer' },
      notes: { type: 'text', about: 'free text' },
      follow_up_at: { type: 'timestamp', about: 'next contact' },
      consent: { type: 'json', about: 'channel to true or false' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
  opportunity: {
    prefix: 'opp',
    about: 'A possible deal.',
    naturalKey: ['name', 'close_date'],
    fields: {
      name: { type: 'text', about: 'name', required: true, max: 255 },
      stage: { type: 'text', about: 'stage', max: 64 },
      amount: { type: 'decimal', about: 'expected amount' },
      currency,
      probability: { type: 'decimal', about: 'percent' },
      close_date: { type: 'date', about: 'expected closing' },
      lead: { type: 'reference', about: 'lead it grew from', entity: 'lead' },
      customer: { type: 'reference', about: 'who would buy', entity: 'customer' },
      campaign: { type: 'reference', about: 'campaign that won it', entity: 'campaign' },
      metadata: { type: 'json', about: 'what has no field of its own' },
    },
  },
};

/**
 * What a record may say about stock. Not an entity: figures go to the stock ledger, never to the fold.
 * `variant` is a reference (usually the variant output of the same record, or by sku); `location` a code.
 */
export const STOCK_FIELDS = {
  variant: { type: 'reference', about: 'which variant', entity: 'variant', required: true },
  location: { type: 'text', about: 'location code; "default" where the source has none', max: 255 },
  quantity: { type: 'integer', about: 'counted quantity, absolute', required: true },
  as_of: { type: 'timestamp', about: 'time the source counted; else the time the page was observed' },
} as const satisfies Readonly<Record<string, Field>>;

export const ENTITY_NAMES = Object.keys(ENTITIES) as readonly EntityName[];
