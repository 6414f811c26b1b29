/** The records of a shop as the API shows them. A field may be a function of its arguments, like a resolver. */
import { type Args, connection, type Entry, type Execution, type View } from './connection.ts';
import {
  type Campaign,
  type Customer,
  gid,
  type Hook,
  type Item,
  iso,
  type Level,
  type Location,
  type Order,
  type Product,
  type Row,
  type ShopEvent,
  type Variant,
} from './shop.ts';

const times = (row: { createdAt: number; updatedAt: number }): View => ({
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});
const identity = (type: string, id: number): View => ({
  __typename: type,
  id: gid(type, id),
  legacyResourceId: String(id),
});
const money = (amount: string | number, currencyCode: string): View => ({ amount: plainAmount(amount), currencyCode });
const moneyBag = (amount: string | number, currencyCode: string): View => ({
  shopMoney: money(amount, currencyCode),
  presentmentMoney: money(amount, currencyCode),
});
/** `19.9`, `5.0`: how Shopify writes amounts. */
const plainAmount = (amount: string | number): string => {
  const number = Math.round(Number(amount) * 100) / 100;
  return Number.isInteger(number) ? number.toFixed(1) : String(number);
};
export const CURRENCY = 'EUR';

const quantityOf = (item: Item | undefined): number =>
  item?.levels.reduce((sum, level) => sum + level.available, 0) ?? 0;

export function productView(execution: Execution, row: Row<Product>): View {
  const { data } = row;
  const item = (variant: Variant) => execution.shop.get('inventory', variant.itemId)?.data;
  const variants = () =>
    data.variants.map(
      (variant): Entry => ({
        id: variant.id,
        sort: variant.position,
        view: () => variantView(execution, variant, row),
      }),
    );
  return {
    ...identity('Product', row.id),
    ...times(row),
    ...{ title: data.title, handle: data.handle, descriptionHtml: data.descriptionHtml, vendor: data.vendor },
    ...{ productType: data.productType, status: data.status, tags: data.tags },
    publishedAt: data.status === 'ACTIVE' ? iso(row.createdAt) : null,
    totalInventory: () => data.variants.reduce((sum, variant) => sum + quantityOf(item(variant)), 0),
    tracksInventory: true,
    hasOnlyDefaultVariant: data.variants.length === 1,
    category: data.category === null ? null : categoryView(data.category),
    priceRangeV2: () => {
      const prices = data.variants.map(({ price }) => Number(price));
      return {
        minVariantPrice: money(Math.min(...prices), CURRENCY),
        maxVariantPrice: money(Math.max(...prices), CURRENCY),
      };
    },
    variants: (args: Args) => connection(variants(), args, execution),
    variantsCount: { count: data.variants.length, precision: 'EXACT' },
  };
}

const categoryView = (fullName: string): View => ({
  __typename: 'TaxonomyCategory',
  id: `gid://shopify/TaxonomyCategory/${fullName.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`,
  fullName,
  name: fullName.split(' > ').at(-1) ?? fullName,
});

export function variantView(execution: Execution, variant: Variant, product: Row<Product>): View {
  const item = execution.shop.get('inventory', variant.itemId);
  return {
    ...identity('ProductVariant', variant.id),
    ...times(variant),
    ...{ sku: variant.sku, barcode: variant.barcode, title: variant.title, price: variant.price },
    ...{ compareAtPrice: variant.compareAtPrice, position: variant.position, taxable: true },
    displayName: `${product.data.title} - ${variant.title}`,
    selectedOptions: variant.options,
    inventoryPolicy: 'DENY',
    inventoryQuantity: quantityOf(item?.data),
    inventoryItem: () => (item ? itemView(execution, item) : null),
    product: () => productView(execution, product),
  };
}

export function itemView(execution: Execution, row: Row<Item>): View {
  const { data } = row;
  const product = () => execution.shop.get('products', data.productId);
  // What was stocked at a location goes with it.
  const levels = data.levels.filter(({ locationId }) => execution.shop.get('locations', locationId) !== null);
  return {
    ...identity('InventoryItem', row.id),
    ...times(row),
    ...{ sku: data.sku, tracked: true, requiresShipping: true },
    unitCost: data.cost === null ? null : money(data.cost, CURRENCY),
    measurement: () => {
      const weight = product()?.data.variants.find(({ itemId }) => itemId === row.id)?.weightGrams ?? 0;
      return { id: gid('InventoryItemMeasurement', row.id), weight: { value: weight, unit: 'GRAMS' } };
    },
    variant: () => {
      const found = product();
      const variant = found?.data.variants.find(({ itemId }) => itemId === row.id);
      return found && variant ? variantView(execution, variant, found) : null;
    },
    inventoryLevels: (args: Args) =>
      connection(
        levels.map((level) => ({
          ...{ id: level.locationId, sort: level.locationId },
          view: () => levelView(execution, row, level),
        })),
        args,
        execution,
      ),
    inventoryLevel: (args: Args) => {
      const level = levels.find(({ locationId }) => gid('Location', locationId) === args['locationId']);
      return level ? levelView(execution, row, level) : null;
    },
  };
}

export function levelView(execution: Execution, item: Row<Item>, level: Level): View {
  return {
    __typename: 'InventoryLevel',
    id: gid('InventoryLevel', `${level.locationId}?inventory_item_id=${item.id}`),
    createdAt: iso(item.createdAt),
    updatedAt: iso(level.updatedAt),
    isActive: true,
    item: () => itemView(execution, item),
    location: () => {
      const found = execution.shop.get('locations', level.locationId);
      return found ? locationView(found) : null;
    },
    quantities: (args: Args) =>
      (Array.isArray(args['names']) ? args['names'] : []).map((name) => ({
        id: gid('InventoryQuantity', `${level.locationId}${item.id}?inventory_item_id=${item.id}&name=${name}`),
        name,
        quantity: quantityNamed(level, name),
        updatedAt: iso(level.updatedAt),
      })),
  };
}

function quantityNamed(level: Level, name: string): number {
  if (name === 'available') return level.available;
  if (name === 'committed') return level.committed;
  return name === 'on_hand' ? level.available + level.committed : 0;
}

export function locationView(row: Row<Location>): View {
  return {
    ...identity('Location', row.id),
    ...times(row),
    ...{ name: row.data.name, isActive: row.data.isActive, fulfillsOnlineOrders: true, shipsInventory: true },
    address: { address1: null, city: row.data.city, countryCode: 'DE', country: 'Germany', formatted: [row.data.city] },
  };
}

export function customerView(execution: Execution, row: Row<Customer>): View {
  const { data } = row;
  const orders = () => [...execution.shop.all('orders')].filter((order) => order.data.customerId === row.id);
  return {
    ...identity('Customer', row.id),
    ...times(row),
    ...{ firstName: data.firstName, lastName: data.lastName, displayName: `${data.firstName} ${data.lastName}` },
    ...{
      email: data.email,
      phone: data.phone,
      note: data.note,
      tags: [],
      state: 'DISABLED',
      locale: 'de',
      verifiedEmail: true,
    },
    numberOfOrders: () => String(orders().length),
    amountSpent: () =>
      money(
        orders().reduce((sum, order) => sum + totalOf(order.data), 0),
        CURRENCY,
      ),
    defaultEmailAddress: {
      emailAddress: data.email,
      marketingState: data.isSubscribed ? 'SUBSCRIBED' : 'NOT_SUBSCRIBED',
      marketingOptInLevel: 'SINGLE_OPT_IN',
      marketingUpdatedAt: data.isSubscribed ? iso(row.createdAt) : null,
    },
    defaultPhoneNumber:
      data.phone === ''
        ? null
        : { phoneNumber: data.phone, marketingState: 'NOT_SUBSCRIBED', marketingUpdatedAt: null },
    defaultAddress:
      data.street === ''
        ? null
        : {
            ...{ address1: data.street, address2: null, city: data.city, zip: data.zip, company: data.company },
            ...{ countryCodeV2: 'DE', country: 'Germany', province: null, provinceCode: null },
          },
  };
}

const totalOf = (order: Order): number =>
  order.lines.reduce((sum, line) => sum + Number(line.price) * line.quantity, 0);

export function orderView(execution: Execution, row: Row<Order>): View {
  const { data } = row;
  const customer = () => (data.customerId === null ? null : execution.shop.get('customers', data.customerId));
  const total = totalOf(data);
  const bag = (amount: number) => moneyBag(amount, data.currency);
  return {
    ...identity('Order', row.id),
    ...times(row),
    ...{ name: data.name, email: data.email, phone: null, note: data.note, tags: data.tags, test: false },
    ...{ sourceName: data.sourceName, sourceIdentifier: data.sourceIdentifier, currencyCode: data.currency },
    ...{ presentmentCurrencyCode: data.currency, displayFinancialStatus: data.financialStatus },
    ...{ displayFulfillmentStatus: data.fulfillmentStatus, discountCodes: [], closedAt: null },
    processedAt: iso(data.processedAt),
    cancelledAt: data.cancelledAt === null ? null : iso(data.cancelledAt),
    cancelReason: data.cancelledAt === null ? null : 'CUSTOMER',
    ...{ totalPriceSet: bag(total), currentTotalPriceSet: bag(data.cancelledAt === null ? total : 0) },
    ...{ totalTaxSet: bag(0), totalDiscountsSet: bag(0), totalShippingPriceSet: bag(0), totalRefundedSet: bag(0) },
    shippingAddress: data.shippingAddress,
    billingAddress: data.shippingAddress,
    customer: () => {
      const found = customer();
      return found ? customerView(execution, found) : null;
    },
    customerJourneySummary: {
      ready: true,
      firstVisit: data.utm
        ? {
            id: gid('CustomerVisit', row.id),
            utmParameters: { ...data.utm, content: null, term: null },
            landingPage: 'https://shop.example.com/',
            referrerUrl: null,
            source: data.utm.source,
          }
        : null,
    },
    lineItems: (args: Args) =>
      connection(
        data.lines.map((line) => ({ id: line.id, sort: line.id, view: () => lineView(execution, data, line) })),
        args,
        execution,
      ),
  };
}

function lineView(execution: Execution, order: Order, line: Order['lines'][number]): View {
  const product = line.productId === null ? null : execution.shop.get('products', line.productId);
  const variant = product?.data.variants.find(({ id }) => id === line.variantId);
  return {
    ...{ __typename: 'LineItem', id: gid('LineItem', line.id), sku: line.sku, title: line.title, name: line.title },
    ...{ variantTitle: line.variantTitle, quantity: line.quantity },
    currentQuantity: order.cancelledAt === null ? line.quantity : 0,
    // A line outlives what it sold.
    product: product ? productView(execution, product) : null,
    variant: product && variant ? variantView(execution, variant, product) : null,
    originalUnitPriceSet: moneyBag(line.price, order.currency),
    discountedTotalSet: moneyBag(Number(line.price) * line.quantity, order.currency),
  };
}

const APP: View = { id: gid('App', 1), title: 'Tributary' };

export function marketingEventView(row: Row<Campaign>): View {
  const { data } = row;
  return {
    ...identity('MarketingEvent', row.id),
    ...{ app: APP, remoteId: data.remoteId, type: data.tactic, marketingChannelType: data.channel },
    ...{ description: data.title, sourceAndMedium: 'Newsletter' },
    startedAt: iso(data.startedAt),
    endedAt: data.endedAt === null ? null : iso(data.endedAt),
    scheduledToEndAt: data.scheduledToEndAt === null ? null : iso(data.scheduledToEndAt),
    ...{
      utmCampaign: data.utm?.campaign ?? null,
      utmMedium: data.utm?.medium ?? null,
      utmSource: data.utm?.source ?? null,
    },
  };
}

export function marketingActivityView(row: Row<Campaign>): View {
  const { data } = row;
  return {
    ...identity('MarketingActivity', row.id),
    ...times(row),
    ...{ app: APP, title: data.title, tactic: data.tactic, marketingChannelType: data.channel, status: data.status },
    ...{ isExternal: true, sourceAndMedium: 'Newsletter', statusLabel: data.status, inMainWorkflowVersion: true },
    budget: data.budget === null ? null : { budgetType: 'LIFETIME', total: data.budget },
    utmParameters: data.utm,
    marketingEvent: () => marketingEventView(row),
  };
}

export function eventView(row: Row<ShopEvent>): View {
  return {
    ...{ __typename: 'BasicEvent', id: gid('BasicEvent', row.id), action: row.data.action, message: '' },
    ...{ subjectId: row.data.subjectId, subjectType: row.data.subjectType, createdAt: iso(row.updatedAt) },
    ...{ appTitle: null, attributeToApp: false, attributeToUser: true, criticalAlert: false },
  };
}

export function hookView(row: Row<Hook>, version: string): View {
  return {
    ...identity('WebhookSubscription', row.id),
    ...times(row),
    ...{
      topic: row.data.topic,
      uri: row.data.uri,
      callbackUrl: row.data.uri,
      format: 'JSON',
      includeFields: [],
      filter: null,
    },
    apiVersion: { handle: version, displayName: version, supported: true },
  };
}
