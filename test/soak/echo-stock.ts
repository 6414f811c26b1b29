/**
 * Stock of one place, in a shop on Shopify and one on WooCommerce. Each SKU has one authority: a shop, or this program. The
 * authority's figure is the truth, and is written to the others whenever it changes; what another shop says of its own is a
 * drift, which stands there until then.
 */
import type { Json, JsonObject } from '../../src/connector/contract.ts';
import { adjust } from '../../src/inventory/adjust.ts';
import { sql } from '../../src/store/store.ts';
import type { Ground, Subject } from './echo-ground.ts';

/** Where Shopify counts first; the other shop counts nowhere in particular. */
const PLACE = 'berlin';
const SHOPS = ['shopify', 'woocommerce'] as const;
type Shop = (typeof SHOPS)[number];

/** Which reads make them speak for what: WooCommerce for half of its products, Shopify for all variations, we for the rest. */
export const BEFORE_ADJUSTING = ['woocommerce/products'] as const;

const isOurs = (at: number): boolean => at % 2 === 1;

/** @param simple SKUs of products without variations */
export function stockMappings(simple: readonly string[]): Readonly<Record<string, string>> {
  const ours = simple.filter((_, at) => isOurs(at)).map((sku) => JSON.stringify(sku));
  const quantity = `location: = "${PLACE}", quantity: stock_quantity | required`;
  const to = (stream: string, id: string, field: string) =>
    `write:\n  entity: stock\n  to: ${stream}\n  skip:\n    - {when: 'location.code != "${PLACE}"', reason: another place}\n    - {when: 'variant | link("${stream}") is empty', reason: not in the shop}\n  id: ${id}\nfields: {${field}: available}\n`;
  return {
    'soak-locations': 'outputs:\n  location:\n    match: code\n    fields: {code: name | required}\n',
    'soak-inventory':
      'outputs:\n  variant:\n    match: sku\n    fields: {sku: sku | trim}\n  stock:\n    each: inventoryLevels\n    key: location.id\n    fields: {variant: {output: variant}, location: location.name, quantity: \'quantities[name = "available"].quantity | required\'}\n',
    'soak-products': `outputs:\n  product:\n    match: sku\n    fields: {sku: sku, name: name}\n  variant:\n    when: type = "simple"\n    match: sku\n    fields: {product: {output: product}, sku: sku}\n  stock:\n    when: {all: [type = "simple", {not: 'sku in (${ours.join(', ')})'}]}\n    fields: {variant: {output: variant}, ${quantity}}\n`,
    'soak-variations': `outputs:\n  variant:\n    match: sku\n    fields: {product: {external: parent_id | text, stream: products}, sku: sku}\n  stock:\n    fields: {variant: {output: variant}, ${quantity}}\n`,
    'soak-to-inventory': to(
      'inventory',
      `{template: '{variant | link("inventory")}/{location | link("locations")}'}`,
      'quantity',
    ),
    'soak-to-products': to('products', 'variant | link("products")', 'stock_quantity'),
    'soak-to-variations': to(
      'variations',
      `{template: '{variant.product | link("products")}/{variant | link("variations")}'}`,
      'stock_quantity',
    ),
  };
}

type Sku = {
  readonly sku: string;
  readonly variantId: number;
  readonly authority: Shop | 'here';
  truth: number;
  /** What a shop that does not speak for it has said since the truth last changed. */
  readonly drift: Map<Shop, number>;
};

/** @param simple SKUs of products without variations, as they were mapped */
export async function openStock(
  { app, clock, random, systems }: Ground,
  simple: readonly string[],
  {
    read,
    settle,
  }: { readonly read: (streams: readonly string[]) => Promise<void>; readonly settle: () => Promise<void> },
): Promise<Subject> {
  const { tenant } = app.streams;
  const levels = () =>
    app.store.rows<{ sku: string; id: number; quantity: number; authority: Shop | null }>(sql`
      select v.sku, v.id, l.quantity, c.name as authority from stock_level l join variant v on v.id = l.variant_id
      left join stream s on s.id = l.stream_id left join connection c on c.id = s.connection_id
      where l.tenant = ${tenant} and l.location = ${PLACE} order by v.sku`);
  const count = async (variantId: number, delta: number): Promise<void> => {
    const of = { tenant, variantId, location: PLACE, delta, note: 'counted', now: clock.now() };
    if ((await adjust(app.store, of)) === null) throw new Error(`nothing to take from ${variantId}`);
  };
  // Who is the first to speak about a level speaks for it.
  await read(BEFORE_ADJUSTING);
  const known = await app.store.rows<{ sku: string; id: number }>(sql`select sku, id from variant`);
  for (const { sku, id } of known) if (isOurs(simple.indexOf(sku))) await count(id, 1);
  await settle();
  const skus = (await levels()).map(
    ({ sku, id, quantity, authority }): Sku => ({
      ...{ sku, variantId: id, authority: authority ?? 'here', truth: quantity, drift: new Map() },
    }),
  );
  return {
    async change(number) {
      const one = skus[random.whole(0, skus.length - 1)];
      if (!one) return;
      const side = random.pick([one.authority, one.authority, ...SHOPS] as const);
      // No two changes say the same figure.
      const quantity = 1000 + number;
      if (side === 'here') await count(one.variantId, quantity - one.truth);
      else await systems[side].act({ kind: 'restock', sku: one.sku, quantity });
      if (side === one.authority) {
        one.truth = quantity;
        one.drift.clear();
      } else if (side !== 'here') one.drift.set(side, quantity);
    },
    async problems() {
      const here = new Map((await levels()).map((level) => [level.sku, level.quantity]));
      const there = {
        shopify: shopifyStock(systems.shopify.save()),
        woocommerce: wooStock(systems.woocommerce.save()),
      };
      return skus.flatMap(({ sku, authority, truth, drift }) => {
        const isRight = (shop: Shop) => {
          const figure = there[shop].get(sku);
          return figure === truth || (figure !== undefined && figure === drift.get(shop));
        };
        return here.get(sku) === truth && SHOPS.every(isRight)
          ? []
          : `${sku} should be ${truth} (${authority}): here ${here.get(sku)}, Shopify ${there.shopify.get(sku)}, WooCommerce ${there.woocommerce.get(sku)}`;
      });
    },
  };
}

const objectsIn = (json: Json | undefined): JsonObject[] =>
  (Array.isArray(json) ? json : []).flatMap((one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one) ? [one] : [],
  );

/** Newest values of the records that a system keeps in a table. */
function kept(saved: Json, table: string): JsonObject[] {
  const [tables] = objectsIn([
    typeof saved === 'object' && saved !== null && !Array.isArray(saved) ? (saved['tables'] ?? null) : null,
  ]);
  const records = tables?.[table];
  return (Array.isArray(records) ? records : []).flatMap((versions) =>
    objectsIn([objectsIn(versions).at(-1)?.['values'] ?? null]),
  );
}

const shopifyStock = (saved: Json): ReadonlyMap<string, number> =>
  new Map(
    kept(saved, 'inventory').map(({ sku, levels }) => [String(sku), Number(objectsIn(levels)[0]?.['available'])]),
  );

const wooStock = (saved: Json): ReadonlyMap<string, number> =>
  new Map(
    [...kept(saved, 'products'), ...kept(saved, 'variations')].map(({ sku, stock_quantity }) => [
      String(sku),
      Number(stock_quantity),
    ]),
  );
