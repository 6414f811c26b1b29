/** Everything that changes a shop: what it does to records and times, and which webhooks tell of it. */
import type { JsonObject } from '../../connector/contract.ts';
import { variantsBySku } from './seed.ts';
import { type Campaign, gid, type Item, iso, type OrderLine, type Product, type Shop, type Times } from './shop.ts';

type Levels = readonly { readonly locationId: number; readonly available: number; readonly committed?: number }[];

/**
 * Sets levels of an item. The level and the product move ("the inventory adjustment is counted as an update"), the item
 * itself does not.
 */
export function changeLevels(shop: Shop, itemId: number, changed: Levels): void {
  const item = shop.latest('inventory', itemId);
  const row = shop.get('inventory', itemId);
  if (!item || !row) return;
  const now = shop.now();
  const levels = item.levels.map((level) => {
    const found = changed.find(({ locationId }) => locationId === level.locationId);
    return found
      ? { ...level, available: found.available, committed: found.committed ?? level.committed, updatedAt: now }
      : level;
  });
  // Seen at once, under the item's old time.
  shop.put('inventory', itemId, { ...item, levels }, { at: row.updatedAt, visibleAt: now, createdAt: row.createdAt });
  for (const { locationId, available } of changed)
    shop.listener('inventory_levels/update', {
      ...{ inventory_item_id: itemId, location_id: locationId, available, updated_at: iso(now) },
      admin_graphql_api_id: gid('InventoryLevel', `${locationId}?inventory_item_id=${itemId}`),
    });
  touchProduct(shop, item.productId);
}

/** Gives a product a new time, with other data where there are some. */
export function touchProduct(shop: Shop, id: number, change: Partial<Product> = {}, times?: Times): void {
  const product = shop.latest('products', id);
  if (!product) return;
  shop.put('products', id, { ...product, ...change }, times);
  shop.listener('products/update', productPayload(shop, id));
}

export function deleteProduct(shop: Shop, id: number, times?: Times): void {
  const product = shop.latest('products', id);
  if (!product) return;
  shop.remove('products', id, times);
  for (const { itemId } of product.variants) {
    shop.remove('inventory', itemId, times);
    shop.listener('inventory_items/delete', { id: itemId, admin_graphql_api_id: gid('InventoryItem', itemId) });
  }
  tellDelete(shop, 'PRODUCT', gid('Product', id), times);
  shop.listener('products/delete', { id, admin_graphql_api_id: gid('Product', id) });
}

/** The event that names a delete. */
export function tellDelete(shop: Shop, subjectType: string, subjectId: string, times?: Times): void {
  shop.put('events', shop.nextNumber(), { action: 'destroy', subjectType, subjectId }, times);
}

export type OrderWish = {
  readonly email: string | null;
  readonly name: string | null;
  readonly note: string | null;
  readonly currency: string;
  readonly financialStatus: string;
  readonly tags: readonly string[];
  readonly sourceIdentifier: string | null;
  readonly sourceName: string;
  readonly processedAt: number | null;
  readonly shippingAddress: JsonObject | null;
  readonly lines: readonly {
    readonly sku: string | null;
    readonly title: string | null;
    readonly quantity: number;
    readonly variantId: number | null;
    readonly price: string | null;
  }[];
};

/** @returns its number */
export function makeOrder(
  shop: Shop,
  wish: OrderWish,
  options: { readonly movesStock: boolean; readonly times?: Times },
): number {
  const known = variantsBySku(shop);
  const byId = new Map([...known.values()].map((one) => [one.variantId, one]));
  const lines = wish.lines.map(({ sku, title, quantity, variantId, price }): OrderLine => {
    const found = variantId === null ? undefined : byId.get(variantId);
    const blank = {
      sku,
      title: title ?? '',
      variantTitle: null,
      variantId: null,
      productId: null,
      price: price ?? '0.00',
    };
    return { ...(found ?? blank), ...(price === null ? {} : { price }), id: shop.nextNumber(), quantity };
  });
  const id = shop.nextNumber();
  const customer = [...shop.all('customers')].find(({ data }) => wish.email !== null && data.email === wish.email);
  const { lines: _, processedAt, name, ...rest } = wish;
  shop.put(
    'orders',
    id,
    {
      ...rest,
      ...{
        name: name ?? `#${nextOrderNumber(shop)}`,
        customerId: customer?.id ?? null,
        cancelledAt: null,
        lines,
        utm: null,
      },
      ...{ fulfillmentStatus: 'UNFULFILLED', processedAt: processedAt ?? options.times?.at ?? shop.now() },
    },
    options.times,
  );
  shop.listener('orders/create', {
    id,
    admin_graphql_api_id: gid('Order', id),
    name: name ?? null,
    updated_at: iso(shop.now()),
  });
  if (options.movesStock) for (const line of lines) if (line.sku !== null) takeStock(shop, line.sku, line.quantity);
  return id;
}

/** Is there a place for each line that has what it wants? */
export function isInStock(shop: Shop, { lines }: OrderWish): boolean {
  return lines.every(({ variantId, quantity }) => {
    const item = [...shop.all('inventory')].find(({ data }) => data.variantId === variantId);
    return variantId === null || item?.data.levels.some(({ available }) => available >= quantity) === true;
  });
}

function nextOrderNumber(shop: Shop): number {
  const numbers = [...shop.all('orders')].map(({ data }) => Number(/\d+/.exec(data.name)?.[0] ?? 0));
  return Math.max(1000, ...numbers) + 1;
}

function takeStock(shop: Shop, sku: string, quantity: number): void {
  const found = itemBySku(shop, sku);
  const levels = found?.data.levels ?? [];
  // From where there is enough, else from where there is most.
  const level =
    levels.find(({ available }) => available >= quantity) ?? [...levels].sort((a, b) => b.available - a.available)[0];
  if (!found || !level) return;
  const { locationId, available, committed } = level;
  changeLevels(shop, found.id, [{ locationId, available: available - quantity, committed: committed + quantity }]);
}

/** @throws RangeError naming some of what there is */
export function itemNamed(shop: Shop, sku: string): { readonly id: number; readonly data: Item } {
  const found = itemBySku(shop, sku);
  if (found) return found;
  const some = [...shop.all('inventory')].slice(0, 5).map(({ data }) => data.sku);
  throw new RangeError(`the Shopify shop has no SKU ${sku}; it has ${some.join(', ')} …`);
}

const itemBySku = (shop: Shop, sku: string) => [...shop.all('inventory')].find(({ data }) => data.sku === sku);

function productPayload(shop: Shop, id: number): JsonObject {
  const { title, handle, status, variants } = shop.latest('products', id) ?? {};
  return {
    ...{ id, admin_graphql_api_id: gid('Product', id), title: title ?? '', handle: handle ?? '' },
    ...{ status: (status ?? 'ACTIVE').toLowerCase(), updated_at: iso(shop.now()) },
    variants: (variants ?? [])
      .slice(0, 100)
      .map(({ id: variant, sku, price }) => ({ id: variant, product_id: id, sku, price })),
  };
}

type Refusal = { readonly field: readonly string[]; readonly message: string; readonly code: string };

/** Makes or changes the campaign of a remote id. */
export function putCampaign(shop: Shop, input: Readonly<Record<string, unknown>>): number | Refusal {
  const text = (name: string) => (typeof input[name] === 'string' ? input[name] : null);
  const remoteId = text('remoteId') ?? '';
  const known = [...shop.all('campaigns')].find(({ data }) => data.remoteId === remoteId);
  const utm = utmOf(input['utm']);
  if (!utm && text('urlParameterValue') === null && !known)
    return {
      field: ['input'],
      message: 'Non-hierarchical marketing activities must have UTM parameters or a URL parameter value.',
      code: 'NON_HIERARCHIAL_REQUIRES_UTM_URL_PARAMETER',
    };
  if (known && utm && JSON.stringify(utm) !== JSON.stringify(known.data.utm))
    return { field: ['input', 'utm'], message: 'UTM parameters cannot be modified.', code: 'IMMUTABLE_UTM_PARAMETERS' };
  if (!known && [...shop.all('campaigns')].some(({ data }) => data.utm && data.utm.campaign === utm?.campaign))
    return {
      field: ['input', 'utm', 'campaign'],
      message: 'Marketing activity with this utm campaign already exists.',
      code: 'MARKETING_ACTIVITY_WITH_UTM_CAMPAIGN_ALREADY_EXISTS',
    };
  const id = known?.id ?? shop.nextNumber();
  const time = (name: string) => (typeof input[name] === 'string' ? Date.parse(input[name]) : null);
  const data: Campaign = {
    ...{
      title: text('title') ?? '',
      remoteId,
      tactic: text('tactic') ?? 'NEWSLETTER',
      channel: text('marketingChannelType') ?? 'EMAIL',
    },
    ...{ status: text('status') ?? 'ACTIVE', url: text('remoteUrl'), utm: utm ?? known?.data.utm ?? null },
    startedAt: time('start') ?? time('scheduledStart') ?? known?.data.startedAt ?? shop.now(),
    endedAt: time('end'),
    scheduledToEndAt: time('scheduledEnd'),
    budget: budgetOf(input['budget']) ?? known?.data.budget ?? null,
  };
  shop.put('campaigns', id, data);
  return id;
}

/** A campaign as it would be put again. */
export function inputOfCampaign(data: Campaign): Readonly<Record<string, unknown>> {
  const time = (ms: number | null) => (ms === null ? undefined : new Date(ms).toISOString());
  return {
    ...{ title: data.title, remoteId: data.remoteId, tactic: data.tactic, marketingChannelType: data.channel },
    ...{ status: data.status, remoteUrl: data.url, start: time(data.startedAt), end: time(data.endedAt) },
    scheduledEnd: time(data.scheduledToEndAt),
  };
}

function utmOf(value: unknown): Campaign['utm'] {
  if (typeof value !== 'object' || value === null) return null;
  const read = (name: string) => String(Reflect.get(value, name) ?? '');
  return { campaign: read('campaign'), source: read('source'), medium: read('medium') };
}

function budgetOf(value: unknown): Campaign['budget'] {
  const total: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'total') : null;
  if (typeof total !== 'object' || total === null) return null;
  return { amount: String(Reflect.get(total, 'amount')), currencyCode: String(Reflect.get(total, 'currencyCode')) };
}

/** @returns its number; `null`: there is none */
export function deleteCampaign(shop: Shop, id: number | null, remoteId: string | null): number | null {
  const found = [...shop.all('campaigns')].find(
    (row) => row.id === id || (remoteId !== null && row.data.remoteId === remoteId),
  );
  if (!found) return null;
  shop.remove('campaigns', found.id);
  return found.id;
}
