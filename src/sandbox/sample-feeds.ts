/** Sample feeds of a made-up outdoor shop, so that there is something to see at the first start. Seeded: always the same. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeWorld } from './world.ts';

const COUNTED_AT = '2026-11-20T08:00:00Z';

/** The products of the world that are in the feed: those with one form. */
const samples = () =>
  makeWorld().products.flatMap(({ sku, name, description, brand, category, variants: [form, ...others] }) =>
    form && others.length === 0
      ? [{ sku, name, description, brand, category, price: form.price, quantity: form.stock['main'] ?? 0 }]
      : [],
  );

/** Text of the sample feeds by file name. The last inventory line is for a SKU that no product feed knows, on purpose. */
export function sampleFeeds(): Readonly<Record<string, string>> {
  const all = samples();
  const products = all.map((one) =>
    [
      one.sku,
      one.name,
      one.description,
      one.brand,
      one.price,
      'EUR',
      one.category,
      '',
      '',
      one.quantity,
      'main',
      COUNTED_AT,
    ].join(','),
  );
  const counted = all.filter((_, at) => at % 4 === 0).map((one, at) => `${one.sku},outlet,${at + 2},${COUNTED_AT}`);
  return {
    'products-sample.csv': `sku,name,description,brand,price,currency,category,gtin,weight_g,quantity,location,updated_at\n${products.join('\n')}\n`,
    'inventory-sample.csv': `sku,location,quantity,as_of\n${counted.join('\n')}\nNOT-LISTED-YET,main,3,${COUNTED_AT}\n`,
  };
}

/** Puts the samples into a folder that has no files yet. */
export async function writeSampleFeeds(folder: string): Promise<boolean> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) return false;
  for (const [name, text] of Object.entries(sampleFeeds())) await writeFile(join(folder, name), text);
  return true;
}
