import { describe, expect, it } from 'vitest';
import { ENTITY_NAMES } from '../../src/canonical/entities.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import { newMapping } from '../../src/mapping/draft.ts';
import { previewRecords, schemaOfRecords } from '../../src/mapping/preview.ts';

const row = {
  'Article number': 'A-1',
  Title: 'Mug',
  EAN: '4006381333931',
  Price: '9.90',
  Category: 'Home, Sale',
  Stock: '3',
  Warehouse: 'berlin',
  'Updated at': '2026-11-20T10:00:00Z',
  '# odd: name': 'x',
};

describe('a drafted mapping', () => {
  for (const entity of [...ENTITY_NAMES, 'stock'] as const) {
    it(`for ${entity} passes its checks`, () => {
      const { problems } = checkMapping(newMapping([row], entity), 'draft.yaml', schemaOfRecords([row]));
      expect(problems.filter((problem) => problem.severity === 'error')).toEqual([]);
    });
  }

  it('maps the sample that it was made from', () => {
    const { mapping } = checkMapping(newMapping([row], 'variant'), 'draft.yaml', null);
    if (mapping === null) throw new TypeError('the draft does not pass');
    const { results, fields } = previewRecords(mapping, [row]);
    expect(results[0]?.result).toMatchObject({
      kind: 'mapped',
      id: 'A-1',
      entities: [
        {
          match: [
            { field: 'sku', value: 'a-1' },
            { field: 'gtin', value: '04006381333931' },
          ],
          values: { sku: 'A-1', gtin: '4006381333931', title: 'Mug', price: '9.90' },
        },
      ],
    });
    expect(fields['variant.cost']).toEqual({ filled: 0, empty: { 'not mapped': 1 } });
  });

  it('takes for the key what every sample has', () => {
    const rows = ['mug', 'lamp'].map((Handle, at) => ({ SKU: at === 0 ? 'A-1' : ' ', Handle }));
    expect(newMapping(rows, 'product')).toContain('  key: Handle\n');
    expect(newMapping([{ SKU: '', Handle: '' }], 'product')).toContain('  key: SKU\n');
  });

  it('passes its checks where nothing fills a field that is required', () => {
    const rows = [{ Handle: 'mug' }];
    for (const entity of [...ENTITY_NAMES, 'stock'] as const) {
      const { problems } = checkMapping(newMapping(rows, entity), 'draft.yaml', schemaOfRecords(rows));
      expect(problems.filter((problem) => problem.severity === 'error')).toEqual([]);
    }
  });

  it.each([
    ['a comma', ['12,50', '1.234,5', '7'], 'Price | decimal(",")'],
    ['a point', ['12.50', '1,234.5'], 'Price | decimal'],
    ['what may be thousands', ['1,234'], 'Price | decimal'],
    ['both', ['12,50', '12.50'], 'Price | decimal'],
  ])('reads numbers with %s by the sign that the samples show', (_what, prices, rule) => {
    const draft = newMapping(
      prices.map((Price) => ({ SKU: 'A-1', Price })),
      'variant',
    );
    expect(draft).toContain(`      price: ${rule}\n`);
  });
});
