/**
 * A supplier's folder as a system: each change is a whole product file with a marker that counts its rows, numbered by delivery.
 * Files come half, twice, late and short.
 */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json, JsonObject } from '../../src/connector/contract.ts';
import { type Random, randomOf } from '../../src/sandbox/random.ts';
import type { SystemOptions, VendorSystem } from '../../src/sandbox/system.ts';

export const FEED_STREAM: JsonObject = {
  files: 'products-*.csv',
  kind: 'snapshot',
  mapping: 'products-flat-csv',
  doneMarker: { name: '{file}.done', count: true },
  settleMs: 0,
};

type Product = { readonly name: string; readonly at: Date };
type Products = ReadonlyMap<string, Product>;

const HEADER = 'sku,name,description,brand,price,currency,category,gtin,weight_g,quantity,location,updated_at';
const ROWS = 25;

/** What the supplier does wrong, counted. */
export type FeedSystem = VendorSystem & { readonly tricks: Record<string, number> };

export async function openFeedFolder({ world, clock }: SystemOptions, seed: number): Promise<FeedSystem> {
  const random = randomOf(seed + 99);
  const folder = await mkdtemp(join(tmpdir(), 'tributary-feed-'));
  await mkdir(folder, { recursive: true });
  const tricks = { 'file half there': 0, 'file again': 0, 'older file later': 0, 'file short': 0 };
  let products: Products = new Map(world.products.slice(0, ROWS).map(({ sku, name }) => [sku, { name, at: world.at }]));
  let delivered: Products = products;
  let deliveries = 0;
  let made = 0;
  const nameOf = (no: number) => `products-${String(no).padStart(5, '0')}.csv`;
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(join(folder, name), text);
    await utimes(join(folder, name), clock.now(), clock.now());
  };
  const textOf = (of: Products): string =>
    `${[HEADER, ...[...of].map(([sku, { name, at }]) => `${sku},${name},,,9.90,EUR,,,,,,${at.toISOString()}`)].join('\n')}\n`;
  const deliver = async (no: number, of: Products): Promise<void> => {
    await put(nameOf(no), textOf(of));
    await put(`${nameOf(no)}.done`, `${of.size}\n`);
  };
  const publish = async (): Promise<void> => {
    deliveries += 1;
    await misdeliver(random, deliveries);
    await deliver(deliveries, products);
    delivered = products;
  };
  /** What comes before the file that counts. */
  const misdeliver = async (by: Random, no: number): Promise<void> => {
    const drawn = by.next();
    const text = textOf(products);
    if (drawn < 0.2) {
      tricks['file half there'] += 1;
      await put(nameOf(no), text.slice(0, Math.floor(text.length / 2)));
    } else if (drawn < 0.3 && no > 1) {
      tricks['file again'] += 1;
      await deliver(no, delivered);
      deliveries += 1;
    } else if (drawn < 0.4 && no > 2) {
      tricks['older file later'] += 1;
      await deliver(no - 2, new Map([...products].slice(2)));
    } else if (drawn < 0.5) {
      tricks['file short'] += 1;
      await put(nameOf(no), `${text.split('\n').slice(0, -4).join('\n')}\n`);
      await put(`${nameOf(no)}.done`, `${products.size}\n`);
      deliveries += 1;
    }
  };
  await publish();
  return {
    name: 'feed',
    url: folder,
    settings: { connector: 'feed', path: folder },
    streams: ['products'],
    tricks,
    act: () => Promise.reject(new RangeError('nobody buys in a folder')),
    async change(change) {
      if (change.kind === 'create') made += 1;
      const id = change.kind === 'create' ? `NEW-${made}` : change.id;
      const next = new Map(products);
      if (change.kind === 'delete') next.delete(id);
      else next.set(id, { name: change.marker, at: clock.now() });
      products = next;
      await publish();
      return id;
    },
    truth: () => new Map([...delivered].map(([sku, { name }]) => [sku, name])),
    marker: (_stream, record: Json) => String((record as JsonObject)['name']),
    requests: [],
    save: () => null,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
