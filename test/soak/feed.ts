/**
 * What is synced: a product feed and stock counts, each in two versions. The second has edits, deletes under the brake,
 * new and repeated lines, rows that are rejected and stock for SKUs nobody knows (some of which it brings itself).
 */
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Syncs, in order; each is one run per stream. */
export const PHASES = [1, 2] as const;
export type Phase = (typeof PHASES)[number];

/** Below the brake's count of 50. */
const DELETED = 40;
const HEADER = 'sku,name,description,brand,price,currency,category,gtin,weight_g,quantity,location,updated_at';
const STOCK_HEADER = 'sku,location,quantity,as_of';
/** Long ago, so that no clock of a machine is before it; a file's time is the as-of of its records. */
const FILE_TIME: Readonly<Record<Phase, string>> = { 1: '2025-03-01T10:00:00Z', 2: '2025-03-02T10:00:00Z' };
const COUNTED: Readonly<Record<Phase, string>> = { 1: '2025-03-01T08:00:00Z', 2: '2025-03-02T08:00:00Z' };

const sku = (at: number): string => `SKU-${String(at).padStart(6, '0')}`;
/** Edited in the second version. */
const isEdited = (at: number): boolean => at % 3 === 0;
const isDeleted = (at: number, records: number): boolean => at % Math.floor(records / DELETED) === 7 && at < records;

type Row = { price?: string; quantity?: number; name?: string };

function product(at: number, phase: Phase, row: Row = {}): string {
  const changed = phase === 2 && isEdited(at);
  const price = row.price ?? (((at * 7919) % 99_000) / 100 + 1 + (changed ? 1 : 0)).toFixed(2);
  const name = row.name ?? `Product number ${at}${changed ? ' (improved)' : ''}`;
  const quantity = row.quantity ?? (at * 13) % 500;
  const about = `"A sturdy thing for every day; it comes in ${at % 9} sizes, and lasts."`;
  const updated = changed ? COUNTED[2] : COUNTED[1];
  return `${sku(at)},${name},${about},Brand ${at % 97},${price},EUR,Home > Garden > Bed ${at % 40},${gtin(at)},${100 + (at % 900)},${quantity},main,${updated}`;
}

/** Some rows share a GTIN: two records then speak about one variant. */
function gtin(at: number): string {
  if (at % 50 !== 11) return '';
  const body = String(400_000_000_000 + Math.floor(at / 100));
  const sum = [...body].reduce((total, digit, place) => total + Number(digit) * (place % 2 === 0 ? 1 : 3), 0);
  return body + String((10 - (sum % 10)) % 10);
}

function products(records: number, phase: Phase): string[] {
  const lines: string[] = [];
  for (let at = 0; at < records; at += 1) {
    if (phase === 2 && isDeleted(at, records)) continue;
    // A price that is no number, on a record that is stored (2) or was never (1 and 2).
    if (at % 1000 === 501 || (phase === 2 && at % 1000 === 502)) lines.push(product(at, phase, { price: 'ask us' }));
    else lines.push(product(at, phase));
  }
  if (phase === 1) return lines;
  for (let at = records; at < records + records / 100; at += 1) lines.push(product(at, 2));
  // The same line again: next to itself, and a few pages on; and the same record again with another price.
  lines.splice(100, 0, lines[99] ?? '');
  lines.push(lines[50] ?? '', product(records, 2, { price: '7.77' }), product(5, 2, { name: '' }));
  return lines;
}

function counts(records: number, phase: Phase): string[] {
  const lines: string[] = [];
  const step = phase === 1 ? 10 : 25;
  for (let at = 0; at < records; at += step) lines.push(`${sku(at)},outlet,${(at * 7 + phase) % 90},${COUNTED[phase]}`);
  // Nobody knows these; the first few come with the second version of the products. They are counted once: what waits may be
  // counted anew before or after its product comes, and the movements tell which.
  if (phase === 1)
    for (let at = 0; at < 20; at += 1) lines.push(`${sku(records + at * 3)},outlet,${at + phase},${COUNTED[phase]}`);
  for (let at = 0; at < 5; at += 1) lines.push(`NOBODY-${at},outlet,${at},${COUNTED[phase]}`);
  if (phase === 2) lines.push(lines[0] ?? '', `${sku(1)},outlet,many,${COUNTED[2]}`, `,outlet,1,${COUNTED[2]}`);
  return lines;
}

/** What tributary.yaml of a worker says; `extra` lines go in front. */
export const configText = (feeds: string, pageSize: number, extra: readonly string[] = []): string => `tenant: soak
${extra.map((line) => `${line}\n`).join('')}page_size: ${pageSize}
slice: 30s
lease: 2s
port: 0
allowed_roots: [${JSON.stringify(feeds)}]
connections:
  feeds:
    connector: feed
    path: ${JSON.stringify(feeds)}
    streams:
      products: { files: "products*.csv", kind: snapshot, mapping: products-flat-csv, every: manual }
      inventory: { files: "inventory*.csv", kind: delta, mapping: inventory-csv, every: manual }
`;

/** Puts the files of a phase where the feed is read from. */
export async function putFeed(folder: string, records: number, phase: Phase): Promise<void> {
  await mkdir(folder, { recursive: true });
  const at = new Date(FILE_TIME[phase]);
  const put = async (name: string, lines: readonly string[]) => {
    await writeFile(join(folder, name), `${lines.join('\n')}\n`);
    await utimes(join(folder, name), at, at);
  };
  await put('products.csv', [HEADER, ...products(records, phase)]);
  await put(`inventory-${phase}.csv`, [STOCK_HEADER, ...counts(records, phase)]);
}
