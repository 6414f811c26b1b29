/** Fills an empty shop from the world. */
import type { World, WorldProduct, WorldVariant } from '../world.ts';
import type { Level, OrderLine, Shop, Variant } from './shop.ts';

/** The shop's places: the world's keys of stock, which are also their names. */
export const PLACES = ['berlin', 'hamburg'] as const;
const CITIES: Readonly<Record<string, string>> = { berlin: 'Berlin', hamburg: 'Hamburg' };

export function seed(shop: Shop, world: World): void {
  const at = world.at.getTime();
  const places = new Map<string, number>();
  for (const name of PLACES) {
    const id = shop.nextNumber();
    places.set(name, id);
    shop.put('locations', id, { name, isActive: true, city: CITIES[name] ?? name }, { at });
  }
  // Places that were closed: lists leave them out unless they are asked for them.
  for (const [name, city] of [
    ['bremen', 'Bremen'],
    ['kiel', 'Kiel'],
  ] as const)
    shop.put('locations', shop.nextNumber(), { name, isActive: false, city }, { at });
  for (const [index, product] of world.products.entries())
    addProduct(shop, product, places, at + index * 1000 - 3_600_000);
  const buyers = seedCustomers(shop, world);
  seedOrders(shop, world, buyers);
  seedCampaigns(shop, world);
}

function addProduct(shop: Shop, product: WorldProduct, places: ReadonlyMap<string, number>, at: number): void {
  const productId = shop.nextNumber();
  const variants = product.variants.map((variant, index): Variant => {
    const [id, itemId] = [shop.nextNumber(), shop.nextNumber()];
    const levels = levelsOf(variant, places, at);
    shop.put('inventory', itemId, { sku: variant.sku, variantId: id, productId, cost: null, levels }, { at });
    return variantOf(product, variant, { id, itemId, position: index + 1, at });
  });
  shop.put(
    'products',
    productId,
    {
      ...{ title: product.name, handle: product.handle, vendor: product.brand, status: 'ACTIVE', tags: [] },
      descriptionHtml: `<p>${product.description}</p>`,
      productType: product.category.split(' > ').at(-1) ?? '',
      category: product.category,
      variants,
    },
    { at },
  );
}

function variantOf(
  product: WorldProduct,
  variant: WorldVariant,
  { id, itemId, position, at }: { id: number; itemId: number; position: number; at: number },
): Variant {
  const options = Object.entries(variant.options).map(([name, value]) => ({ name, value }));
  return {
    ...{ id, itemId, position, sku: variant.sku, barcode: variant.gtin, price: variant.price, compareAtPrice: null },
    title: options.map(({ value }) => value).join(' / ') || 'Default Title',
    // A product with one form has an option all the same.
    options: options.length > 0 ? options : [{ name: 'Title', value: 'Default Title' }],
    weightGrams: product.weightGrams,
    createdAt: at,
    updatedAt: at,
  };
}

function levelsOf(variant: WorldVariant, places: ReadonlyMap<string, number>, at: number): Level[] {
  return [...places].flatMap(([place, locationId]) => {
    const available = variant.stock[place];
    return available === undefined ? [] : [{ locationId, available, committed: 0, updatedAt: at }];
  });
}

function seedCustomers(shop: Shop, world: World): ReadonlyMap<string, number> {
  const ids = new Map<string, number>();
  for (const [index, person] of world.people.entries()) {
    const id = shop.nextNumber();
    ids.set(person.email, id);
    const { firstName, lastName, email, phone, company, street, city, postalCode: zip } = person;
    shop.put(
      'customers',
      id,
      { firstName, lastName, email, phone, note: null, company, street, city, zip, isSubscribed: index % 2 === 0 },
      { at: world.at.getTime() + index * 1000 - 7_200_000 },
    );
  }
  return ids;
}

function seedOrders(shop: Shop, world: World, buyers: ReadonlyMap<string, number>): void {
  const known = variantsBySku(shop);
  for (const [index, order] of world.orders.entries()) {
    const at = order.placedAt.getTime();
    const lines = order.lines.flatMap(({ sku, quantity }): OrderLine[] => {
      const found = known.get(sku);
      return found ? [{ ...found, id: shop.nextNumber(), quantity }] : [];
    });
    const { email, street, city, postalCode, firstName, lastName } = order.buyer;
    shop.put(
      'orders',
      shop.nextNumber(),
      {
        ...{
          name: `#${order.number}`,
          email,
          customerId: buyers.get(email) ?? null,
          processedAt: at,
          cancelledAt: null,
        },
        ...{
          financialStatus: 'PAID',
          fulfillmentStatus: index % 3 === 0 ? 'UNFULFILLED' : 'FULFILLED',
          currency: 'EUR',
        },
        ...{ tags: [], note: null, sourceName: 'web', sourceIdentifier: null, lines },
        shippingAddress: { firstName, lastName, address1: street, city, zip: postalCode, countryCodeV2: 'DE' },
        utm:
          index % 4 === 0
            ? { campaign: slug(world.campaigns[0]?.name ?? ''), source: 'newsletter', medium: 'email' }
            : null,
      },
      { at },
    );
  }
}

/** What an order line says about its variant, by SKU. */
export function variantsBySku(shop: Shop): ReadonlyMap<string, Omit<OrderLine, 'id' | 'quantity'>> {
  const known = new Map<string, Omit<OrderLine, 'id' | 'quantity'>>();
  for (const { id: productId, data } of shop.all('products')) {
    for (const { id: variantId, sku, title, price } of data.variants) {
      const variantTitle = title === 'Default Title' ? null : title;
      known.set(sku, { sku, title: data.title, variantTitle, variantId, productId, price });
    }
  }
  return known;
}

function seedCampaigns(shop: Shop, world: World): void {
  for (const { name, startsAt, endsAt, budget } of world.campaigns) {
    const id = shop.nextNumber();
    shop.put(
      'campaigns',
      id,
      {
        ...{ title: name, remoteId: `seed-${slug(name)}`, tactic: 'NEWSLETTER', channel: 'EMAIL', status: 'ACTIVE' },
        ...{ startedAt: startsAt.getTime(), endedAt: null, scheduledToEndAt: endsAt.getTime() },
        url: `https://shop.example.com/${slug(name)}`,
        budget: { amount: budget, currencyCode: 'EUR' },
        utm: { campaign: slug(name), source: 'newsletter', medium: 'email' },
      },
      { at: world.at.getTime() },
    );
  }
  const at = world.at.getTime();
  // Made by the shop's own tools: no app gave it a name.
  const own = { title: 'Shop launch', remoteId: null, tactic: 'AD', channel: 'SEARCH', status: 'INACTIVE', url: null };
  const ended = { startedAt: at - 90 * DAY_MS, endedAt: at - 60 * DAY_MS, scheduledToEndAt: null };
  shop.put('campaigns', shop.nextNumber(), { ...own, ...ended, budget: null, utm: null }, { at });
}

const DAY_MS = 86_400_000;
const slug = (name: string): string => name.toLowerCase().replaceAll(' ', '-');
