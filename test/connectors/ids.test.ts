import { describe, expect, test } from 'vitest';
import { findConnectors } from '../../connectors/index.ts';
import { decode } from '../../connectors/woocommerce/decode.ts';
import type { Json } from '../../src/connector/index.ts';
import { SAMPLES } from './samples.ts';
import { watchedContext } from './support.ts';

const { connectors } = await findConnectors();

async function idOf(name: string, stream: string, raw: Json): Promise<string> {
  const connector = connectors.get(name);
  if (!connector) throw new Error(`there is no connector ${name}`);
  const source = await connector.open(connector.config.parse(SAMPLES[name]?.[0]), watchedContext().context);
  try {
    return source.externalId(stream, raw);
  } finally {
    await source.close();
  }
}

describe('the same id whichever way a record came', () => {
  test.each([
    [
      'shopify',
      'products',
      [
        { id: 'gid://shopify/Product/632910392' },
        { id: 632910392 },
        '632910392',
        { admin_graphql_api_id: 'gid://shopify/Product/632910392' },
      ],
      '632910392',
    ],
    [
      'shopify',
      'inventory',
      [{ id: 'gid://shopify/InventoryItem/9007199254740993' }, '9007199254740993'],
      '9007199254740993',
    ],
    ['shopify', 'products', ['gid://shopify/ProductVariant/43729076?x=1'], '43729076'],
    ['woocommerce', 'orders', [{ id: 594 }, 594, '594', { id: '0594' }], '594'],
    [
      'salesforce',
      'accounts',
      [{ Id: '001D000000IRFmaIAH' }, '001D000000IRFma', '001d000000irfmaIAH', '001D000000IRFMAIAH'],
      '001D000000IRFmaIAH',
    ],
    ['hubspot', 'contacts', [{ id: '512' }, { objectId: 512 }, 512, { hs_object_id: '0512' }], '512'],
    ['hubspot', 'campaigns', [{ id: 'B3F5E6A0-0000-4000-8000-0123456789AB' }], 'b3f5e6a0-0000-4000-8000-0123456789ab'],
  ])('%s %s (%#)', async (name, stream, forms, id) => {
    for (const raw of forms) expect(await idOf(name, stream, raw)).toBe(id);
  });
});

// One text for all records without an id would make them one record.
describe.each(['shopify', 'woocommerce', 'salesforce', 'hubspot'])('%s', (name) => {
  test.each([[{}], [null], [''], [{ id: '', Id: '' }], [[]], [{ id: {}, Id: {} }], [2 ** 60], [true], ['12 34']])(
    'has no id for %j',
    async (raw) => {
      await expect(idOf(name, 'products', raw)).rejects.toMatchObject({ code: 'ERR_LOAD_KEY_MISSING' });
    },
  );
});

test('WooCommerce times in UTC are marked as such, local ones and texts are left alone', () => {
  const raw = {
    date_modified: '2026-11-01T01:30:00',
    date_modified_gmt: '2026-11-01T06:30:00',
    date_paid_gmt: null,
    name: '2026-11-01T06:30:00',
    line_items: [{ date_on_sale_from_gmt: '2026-11-01T06:30:00Z' }],
  };
  expect(decode([Buffer.from(JSON.stringify(raw))])).toEqual({ ...raw, date_modified_gmt: '2026-11-01T06:30:00Z' });
});
