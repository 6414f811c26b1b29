import { getTableColumns } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { ENTITIES, type EntityName } from '../../src/canonical/entities.ts';
import * as schema from '../../src/store/schema.ts';

/** Fields that a requirement names, by entity, in the words of the canonical model. */
const FIELDS: Readonly<Record<string, Partial<Record<EntityName, readonly string[]>>>> = {
  'ENT-01': {
    campaign: [
      'name',
      'type',
      'status',
      'channels',
      'segment_id',
      'target_audience',
      'content',
      'starts_at',
      'ends_at',
    ].concat([
      'timezone',
      'frequency',
      'execution_mode',
      'lead_time',
      'promo_code',
      'promo_discount_percent',
      'integration_settings',
      'cost',
    ]),
  },
  'ENT-02': {
    lead: [
      'email',
      'first_name',
      'last_name',
      'phone',
      'title',
      'company',
      'source',
      'campaign',
      'status',
      'sales_stage',
    ].concat([
      'sales_rep',
      'lead_score',
      'interest_level',
      'budget_range',
      'timeline',
      'pain_points',
      'tracking',
      'notes',
      'follow_up_at',
    ]),
  },
  'ENT-03': { location: ['code', 'name', 'address'] },
  'ENT-04': {
    product: ['sku', 'name', 'description', 'price', 'currency', 'brand', 'categories', 'status', 'images', 'metadata'],
    variant: ['product', 'sku', 'price', 'options', 'image'],
  },
  'ENT-05': {
    order: [
      'number',
      'status',
      'payment_status',
      'fulfillment_status',
      'customer',
      'items',
      'total',
      'shipping_address',
    ].concat(['billing_address', 'payment_method', 'shipping_method', 'tracking_number', 'notes', 'attribution']),
  },
  'ENT-06': {
    customer: [
      'email',
      'first_name',
      'last_name',
      'phone',
      'tags',
      'addresses',
      'loyalty_tier',
      'lifecycle_stage',
    ].concat(['value_segment', 'total_spent', 'order_count', 'last_order_at']),
  },
  'ENT-10': { opportunity: ['name', 'stage', 'amount', 'close_date', 'lead', 'customer'] },
};

describe.each(Object.entries(FIELDS))('%s', (_, entities) => {
  it.each(Object.entries(entities))('%s has the fields it names', (entity, fields) => {
    const there = Object.keys(ENTITIES[entity as EntityName].fields);
    expect(fields.filter((field) => !there.includes(field))).toEqual([]);
  });
});

describe('ENT-03', () => {
  it('keeps levels, a ledger and reservations', () => {
    expect(Object.keys(getTableColumns(schema.stockLevel))).toEqual(
      expect.arrayContaining(['variant_id', 'location', 'quantity', 'reserved', 'committed', 'as_of']),
    );
    expect(Object.keys(getTableColumns(schema.stockMovement))).toEqual(
      expect.arrayContaining(['delta', 'reason', 'note']),
    );
    expect(Object.keys(getTableColumns(schema.reservation))).toEqual(
      expect.arrayContaining(['id', 'variant_id', 'quantity', 'order_ref', 'expires_at', 'state']),
    );
  });
});

describe('ENT-09', () => {
  it('keeps what the work of the program consists of, each row with its tenant', () => {
    const {
      connection,
      mapping,
      run,
      deadLetter,
      record,
      apiKey,
      usageLog,
      webhookSubscription,
      delivery,
      outbox,
      audit,
    } = schema;
    const tables = {
      connection,
      mapping,
      run,
      deadLetter,
      record,
      apiKey,
      usageLog,
      webhookSubscription,
      delivery,
      outbox,
      audit,
    };
    for (const [name, table] of Object.entries(tables))
      expect(Object.keys(getTableColumns(table)), name).toContain('tenant');
    expect(Object.keys(getTableColumns(schema.stream))).toContain('cursor');
    expect(Object.keys(getTableColumns(record))).toContain('external_id');
  });
});
