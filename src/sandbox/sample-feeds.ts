/** Sample feeds of a made-up outdoor shop, so that there is something to see at the first start. Seeded: always the same. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KINDS = [
  ['Tent', 'Camping > Tents', 'TEN'],
  ['Backpack', 'Hiking > Backpacks', 'BAC'],
  ['Stove', 'Camping > Cooking', 'STO'],
  ['Rope', 'Climbing > Ropes', 'ROP'],
  ['Lamp', 'Camping > Light', 'LAM'],
] as const;
const BRANDS = ['Fernweh', 'Kestrel', 'Nordhang'] as const;
const PER_KIND = 8;
const COUNTED_AT = '2026-11-20T08:00:00Z';

type Sample = { sku: string; name: string; category: string; brand: string; price: string; quantity: number };

function samples(): Sample[] {
  return KINDS.flatMap(([name, category, code], kind) =>
    Array.from({ length: PER_KIND }, (_, at) => ({
      sku: `${code}-${String(at + 1).padStart(3, '0')}`,
      name: `${BRANDS[(kind + at) % BRANDS.length]} ${name} ${at + 1}`,
      category,
      brand: BRANDS[(kind + at) % BRANDS.length] ?? BRANDS[0],
      price: `${19 + kind * 30 + at * 7}.90`,
      quantity: (kind * 13 + at * 5) % 40,
    })),
  );
}

/** Text of the sample feeds by file name. The last inventory line is for a SKU that no product feed knows, on purpose. */
export function sampleFeeds(): Readonly<Record<string, string>> {
  const all = samples();
  const products = all.map((one) =>
    [
      one.sku,
      one.name,
      `A ${one.name.toLowerCase()} for people who go outside.`,
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
