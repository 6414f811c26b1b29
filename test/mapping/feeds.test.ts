import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/connector/contract.ts';
import { loadMapping } from '../../src/mapping/load.ts';
import { groupRows, previewRecords, schemaOfRecords } from '../../src/mapping/preview.ts';

// Real exports are not part of the project; whoever has some names their folder.
const FOLDER = process.env['SAMPLE_FEEDS'] ?? '';
const FEEDS = [
  ['shopify-products-csv', 'shopify-product-csvs'],
  ['woocommerce-products-csv', 'woocommerce'],
] as const;

describe.skipIf(!existsSync(FOLDER))('real exports', () => {
  for (const [name, folder] of FEEDS) {
    const files = existsSync(join(FOLDER, folder))
      ? readdirSync(join(FOLDER, folder)).filter((file) => file.endsWith('.csv'))
      : [];
    for (const file of files) {
      it(`${file} is mapped by ${name} from the first row to the last`, () => {
        const rows: JsonObject[] = parse(readFileSync(join(FOLDER, folder, file), 'utf8'), {
          columns: true,
          bom: true,
          relax_column_count: true,
        });
        const mapping = loadMapping(
          join(import.meta.dirname, '..', '..', 'mappings', `${name}.yaml`),
          schemaOfRecords(rows),
        );
        const records = mapping.groupBy === null ? rows : groupRows(rows, mapping.groupBy);
        const preview = previewRecords(mapping, records);
        expect(preview.counts).toEqual({ mapped: records.length, filtered: 0, deleted: 0, rejected: 0 });
      });
    }
  }
});
