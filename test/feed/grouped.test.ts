import { join } from 'node:path';
import { expect, test } from 'vitest';
import feed from '../../connectors/feed/index.ts';
import { readPages } from '../../src/extract/pages.ts';
import { loadMapping } from '../../src/mapping/load.ts';
import { feedBench, requestOf } from './support.ts';

const MAPPING = join(import.meta.dirname, '..', '..', 'mappings', 'shopify-products-csv.yaml');
const FILE = `Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty
mug,Mug,Title,Default Title,MUG,9.90,4
shirt,Shirt,Size,S,SHIRT-S,19.90,1
lamp,Lamp,Title,Default Title,LAMP,29.90,0
shirt,,,M,SHIRT-M,20.90,2
`;

test('products of one row and of several are mapped alike, wherever their rows stand', async () => {
  using bench = feedBench();
  bench.put('products.csv', FILE);
  const source = await bench.open({ files: '*.csv', kind: 'snapshot' });
  const [stream] = source.streams();
  if (stream === undefined) throw new RangeError('there is no stream');
  const mapping = loadMapping(MAPPING);
  const request = requestOf({ groupBy: mapping.groupBy });
  const { scratchDir } = bench.context;
  const made: unknown[] = [];
  for await (const { records, context } of readPages({ source, stream, request, decode: feed.decode, scratchDir }))
    for (const { parts, position } of records) {
      const result = mapping.map(feed.decode?.(parts, context) ?? null, { page: context, position });
      made.push(
        result.kind === 'mapped'
          ? [
              result.id,
              result.entities.map((one) => one.values['sku'] ?? one.key),
              result.stock.map((one) => one.quantity),
            ]
          : result,
      );
    }
  expect(made).toEqual([
    ['mug', ['product', 'MUG'], [4]],
    ['shirt', ['product', 'SHIRT-S', 'SHIRT-M'], [1, 2]],
    ['lamp', ['product', 'LAMP'], [0]],
  ]);
});
