import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleFile } from '../../src/cli/sample-file.ts';
import { loadMapping } from '../../src/mapping/load.ts';
import { previewRecords, schemaOfRecords } from '../../src/mapping/preview.ts';

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
      it(`${file} is mapped by ${name} from the first row to the last`, async () => {
        const path = join(import.meta.dirname, '..', '..', 'mappings', `${name}.yaml`);
        // As a delivery is read: the rows of a product are put together on the way.
        const { records, problems } = await sampleFile({
          ...{ file, cwd: join(FOLDER, folder), mappings: [loadMapping(path)], limit: 10_000, settings: {} },
          signal: new AbortController().signal,
        });
        expect(problems).toEqual([]);
        const decoded = records.map((record) => record.decoded);
        const preview = previewRecords(loadMapping(path, schemaOfRecords(decoded)), decoded);
        expect(preview.counts).toEqual({ mapped: records.length, filtered: 0, deleted: 0, rejected: 0 });
        expect(records.length).toBeGreaterThan(0);
      });
    }
  }
});
