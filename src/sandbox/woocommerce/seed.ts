/** The made-up outdoor shop as WooCommerce holds it. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { World, WorldOrder, WorldPerson, WorldProduct } from '../world.ts';
import { blankOrder, blankProduct, blankVariation, COUPON, line } from './blanks.ts';
import { addRefund } from './orders.ts';
import type { Shop } from './shop.ts';
import { gmtTime } from './times.ts';
import { centsOf, moneyOf, numberOf, textOf } from './values.ts';

const DAY_MS = 86_400_000;

/** Fills an empty shop with the world. */
export function seed(shop: Shop, world: World): void {
  const times = { at: world.at, createdAt: new Date(world.at.getTime() - 30 * DAY_MS) };
  const categories = seedCategories(shop, world, times);
  for (const product of world.products) seedProduct(shop, product, categories.get(product.category) ?? 0, times);
  shop.add('customers', { ...person('admin', null), role: 'administrator', isNeverModified: true }, times);
  const buyers = new Map(
    world.people.map((one) => [one.email, shop.add('customers', person(one.email, one), times)] as const),
  );
  shop.add('coupons', { ...COUPON, code: 'welcome5', amount: '5.00', discount_type: 'fixed_cart' }, times);
  for (const campaign of world.campaigns) {
    const values: JsonObject = {
      ...COUPON,
      ...{ code: campaign.name.toLowerCase().replaceAll(' ', '-'), amount: '10.00', discount_type: 'percent' },
      ...{ description: campaign.name, date_expires_gmt: gmtTime(campaign.endsAt.getTime()) },
    };
    shop.add('coupons', values, { at: world.at, createdAt: campaign.startsAt });
  }
  for (const [at, order] of world.orders.entries()) {
    const id = seedOrder(shop, order, numberOf(buyers.get(order.buyer.email)));
    if (at % 7 === 3) addRefund(shop, id, { amount: '1.50', reason: 'a scratch' }, { at: order.placedAt });
  }
}

type SeedTimes = { readonly at: Date; readonly createdAt: Date };

/** Each path once, with the categories above it. */
function seedCategories(shop: Shop, world: World, times: SeedTimes): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const path of new Set(world.products.map((product) => product.category))) {
    const steps = path.split(' > ');
    for (const [at, name] of steps.entries()) {
      const here = steps.slice(0, at + 1).join(' > ');
      if (ids.has(here)) continue;
      const values: JsonObject = {
        ...{ name, slug: name.toLowerCase(), parent: ids.get(steps.slice(0, at).join(' > ')) ?? 0 },
        ...{ description: '', display: 'default', image: null, menu_order: 0 },
      };
      ids.set(here, Number(shop.add('categories', values, times)));
    }
  }
  return ids;
}

function seedProduct(shop: Shop, product: WorldProduct, category: number, times: SeedTimes): void {
  const [first] = product.variants;
  const isSimple = product.variants.length === 1 && Object.keys(first?.options ?? {}).length === 0;
  const common: JsonObject = {
    ...blankProduct(product.name),
    ...{ slug: product.handle, sku: product.sku, description: `<p>${product.description}</p>\n` },
    ...{ category_ids: [category], weight: String(product.weightGrams / 1000) },
    brands: [{ id: 1, name: product.brand, slug: product.brand.toLowerCase() }],
  };
  if (isSimple && first) {
    const own = { regular_price: first.price, global_unique_id: first.gtin };
    const stock = { manage_stock: true, stock_quantity: first.stock.web ?? 0 };
    shop.add('products', { ...common, ...own, ...stock }, times);
    return;
  }
  const names = [...new Set(product.variants.flatMap((variant) => Object.keys(variant.options)))];
  const attributes: Json = names.map((name, position) => ({
    ...{ id: 0, name, slug: name, position, visible: true, variation: true },
    options: product.variants.map((variant) => variant.options[name] ?? ''),
  }));
  const parent = shop.add('products', { ...common, type: 'variable', attributes }, times);
  for (const [at, variant] of product.variants.entries()) {
    const chosen: Json = names.map((name) => ({
      ...{ id: 0, name, slug: name.toLowerCase(), option: variant.options[name] ?? '' },
    }));
    const values: JsonObject = {
      ...blankVariation(Number(parent)),
      ...{ sku: variant.sku, global_unique_id: variant.gtin, regular_price: variant.price, menu_order: at + 1 },
      ...{ manage_stock: true, stock_quantity: variant.stock.web ?? 0, attributes: chosen },
    };
    shop.add('variations', values, times);
  }
}

function address(one: WorldPerson | null): JsonObject {
  return {
    first_name: one?.firstName ?? '',
    last_name: one?.lastName ?? '',
    company: one?.company ?? '',
    address_1: one?.street ?? '',
    address_2: '',
    city: one?.city ?? '',
    state: '',
    postcode: one?.postalCode ?? '',
    country: one?.country ?? '',
  };
}

function person(username: string, one: WorldPerson | null): JsonObject {
  return {
    email: one?.email ?? 'admin@example.test',
    first_name: one?.firstName ?? '',
    last_name: one?.lastName ?? '',
    ...{ role: 'customer', username },
    billing: { ...address(one), email: one?.email ?? '', phone: one?.phone ?? '' },
    shipping: { ...address(one), phone: '' },
    ...{ is_paying_customer: false, meta_data: [] },
  };
}

function seedOrder(shop: Shop, order: WorldOrder, customer: number): string {
  const buyer = address(order.buyer);
  const lines = order.lines.flatMap(({ sku, quantity }) => line(shop, { sku, quantity }));
  const total = lines.reduce((sum, one) => sum + centsOf(one.total), 0);
  const gmt = gmtTime(order.placedAt.getTime());
  const values: JsonObject = {
    ...blankOrder(shop),
    ...{ status: 'completed', customer_id: customer, total: moneyOf(total), line_items: lines },
    ...{ payment_method: 'bacs', payment_method_title: 'Direct Bank Transfer', created_via: 'checkout' },
    ...{ date_paid_gmt: gmt, date_completed_gmt: gmt },
    billing: { ...buyer, email: order.buyer.email, phone: order.buyer.phone },
    shipping: { ...buyer, phone: '' },
  };
  return shop.add('orders', values, { at: order.placedAt, createdAt: order.placedAt });
}

/** The record that carries a SKU, a variation before a product. */
export function bySku(
  shop: Shop,
  sku: string,
): { readonly kind: 'products' | 'variations'; readonly id: string } | null {
  for (const kind of ['variations', 'products'] as const) {
    const found = shop.all(kind).find((one) => textOf(one.values.sku) === sku && one.values.status !== 'trash');
    if (found) return { kind, id: found.id };
  }
  return null;
}
