import { declareFields, type StreamDeclaration } from '../../src/connector/index.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;

/**
 * Read by (updatedAt, id). The search behind `updated_at` trails writes by an amount nobody documents: lag and overlap
 * are chosen generously, and what is read twice costs a comparison only.
 */
const changing = {
  mode: 'complete',
  cursor: 'keyset',
  visibilityLagMs: 30 * SECOND_MS,
  overlapMs: 10 * MINUTE_MS,
  volatilePaths: [],
  key: ['id'],
  // Bulk results arrive as lines, children apart from their parents and in any order.
  children: true,
} as const;

const times = { createdAt: 'timestamp', updatedAt: 'timestamp' } as const;
const gid = { id: 'text', legacyResourceId: 'text' } as const;

// Paths name the decoded record: connections are plain lists, whether a page or a bulk result brought them.
const products: StreamDeclaration = {
  ...changing,
  name: 'products',
  about: 'products with their variants',
  deletes: ['tombstone', 'absence'],
  // Nobody documents that a change of stock or cost moves the product, so it is not trusted to.
  blindFields: ['totalInventory', 'variants[].inventoryQuantity', 'variants[].inventoryItem'],
  fields: declareFields({
    ...gid,
    ...times,
    handle: 'text',
    title: 'text',
    descriptionHtml: 'text',
    vendor: 'text',
    productType: 'text',
    status: 'text',
    tags: 'list',
    publishedAt: 'timestamp?',
    totalInventory: 'integer',
    tracksInventory: 'boolean',
    'category.id': 'text?',
    'category.fullName': 'text?',
    variants: 'list',
    'variants[].id': 'text',
    'variants[].legacyResourceId': 'text',
    'variants[].sku': 'text?',
    'variants[].barcode': 'text?',
    'variants[].title': 'text',
    'variants[].price': 'decimal',
    'variants[].compareAtPrice': 'decimal?',
    'variants[].position': 'integer',
    'variants[].taxable': 'boolean',
    'variants[].updatedAt': 'timestamp',
    'variants[].inventoryQuantity': 'integer?',
    'variants[].inventoryPolicy': 'text',
    'variants[].selectedOptions': 'list',
    'variants[].selectedOptions[].name': 'text',
    'variants[].selectedOptions[].value': 'text',
    'variants[].inventoryItem.id': 'text',
    'variants[].inventoryItem.tracked': 'boolean',
    'variants[].inventoryItem.unitCost.amount': 'decimal?',
    'variants[].inventoryItem.unitCost.currencyCode': 'text?',
    'variants[].inventoryItem.measurement.weight.value': 'decimal?',
    'variants[].inventoryItem.measurement.weight.unit': 'text?',
  }),
};

const inventory: StreamDeclaration = {
  ...changing,
  name: 'inventory',
  about: 'inventory items with a level per location',
  deletes: ['absence'],
  // Whether a changed level moves its item is not established: webhooks and a sweep carry the quantities.
  blindFields: ['inventoryLevels'],
  fields: declareFields({
    ...gid,
    updatedAt: 'timestamp',
    sku: 'text?',
    tracked: 'boolean',
    'variant.id': 'text?',
    inventoryLevels: 'list',
    'inventoryLevels[].id': 'text',
    'inventoryLevels[].updatedAt': 'timestamp',
    'inventoryLevels[].isActive': 'boolean',
    'inventoryLevels[].location.id': 'text',
    'inventoryLevels[].location.name': 'text',
    'inventoryLevels[].quantities': 'list',
    'inventoryLevels[].quantities[].name': 'text',
    'inventoryLevels[].quantities[].quantity': 'integer',
    'inventoryLevels[].quantities[].updatedAt': 'timestamp?',
  }),
};

const locations: StreamDeclaration = {
  ...changing,
  name: 'locations',
  about: 'places that hold stock, inactive ones too; no change filter, so read whole',
  cursor: 'none',
  visibilityLagMs: 0,
  overlapMs: 0,
  deletes: ['absence'],
  blindFields: [],
  fields: declareFields({
    ...gid,
    name: 'text',
    isActive: 'boolean',
    fulfillsOnlineOrders: 'boolean',
    'address.address1': 'text?',
    'address.city': 'text?',
    'address.countryCode': 'text?',
    updatedAt: 'timestamp',
  }),
};

const money = (path: string) => ({
  [`${path}.shopMoney.amount`]: 'decimal?' as const,
  [`${path}.shopMoney.currencyCode`]: 'text?' as const,
});

const orders: StreamDeclaration = {
  ...changing,
  name: 'orders',
  about: 'orders with their lines; those older than 60 days need the scope read_all_orders',
  // A full read may see only the last 60 days, so absence proves nothing.
  deletes: ['tombstone'],
  blindFields: ['customerJourneySummary'],
  fields: declareFields({
    ...gid,
    ...times,
    name: 'text',
    processedAt: 'timestamp',
    cancelledAt: 'timestamp?',
    cancelReason: 'text?',
    closedAt: 'timestamp?',
    test: 'boolean',
    sourceName: 'text?',
    email: 'text?',
    phone: 'text?',
    currencyCode: 'text',
    presentmentCurrencyCode: 'text',
    displayFinancialStatus: 'text?',
    displayFulfillmentStatus: 'text',
    tags: 'list',
    ...money('totalPriceSet'),
    'totalPriceSet.presentmentMoney.amount': 'decimal',
    'totalPriceSet.presentmentMoney.currencyCode': 'text',
    ...money('currentTotalPriceSet'),
    ...money('totalTaxSet'),
    ...money('totalDiscountsSet'),
    ...money('totalShippingPriceSet'),
    ...money('totalRefundedSet'),
    discountCodes: 'list',
    'customer.id': 'text?',
    'customer.defaultEmailAddress.emailAddress': 'text?',
    'customerJourneySummary.firstVisit.utmParameters.source': 'text?',
    'customerJourneySummary.firstVisit.utmParameters.medium': 'text?',
    'customerJourneySummary.firstVisit.utmParameters.campaign': 'text?',
    'customerJourneySummary.firstVisit.landingPage': 'text?',
    'customerJourneySummary.firstVisit.referrerUrl': 'text?',
    lineItems: 'list',
    'lineItems[].id': 'text',
    'lineItems[].sku': 'text?',
    'lineItems[].title': 'text',
    'lineItems[].variantTitle': 'text?',
    'lineItems[].quantity': 'integer',
    'lineItems[].currentQuantity': 'integer',
    'lineItems[].variant.id': 'text?',
    'lineItems[].product.id': 'text?',
    ...money('lineItems[].originalUnitPriceSet'),
    ...money('lineItems[].discountedTotalSet'),
  }),
};

const customers: StreamDeclaration = {
  ...changing,
  name: 'customers',
  about: 'customers with their consent for e-mail and text messages',
  deletes: ['tombstone', 'absence'],
  blindFields: ['numberOfOrders', 'amountSpent'],
  fields: declareFields({
    ...gid,
    ...times,
    firstName: 'text?',
    lastName: 'text?',
    displayName: 'text',
    state: 'text',
    tags: 'list',
    note: 'text?',
    numberOfOrders: 'integer',
    'amountSpent.amount': 'decimal',
    'amountSpent.currencyCode': 'text',
    verifiedEmail: 'boolean',
    'defaultEmailAddress.emailAddress': 'text?',
    'defaultEmailAddress.marketingState': 'text?',
    'defaultEmailAddress.marketingUpdatedAt': 'timestamp?',
    'defaultPhoneNumber.phoneNumber': 'text?',
    'defaultPhoneNumber.marketingState': 'text?',
    'defaultAddress.address1': 'text?',
    'defaultAddress.address2': 'text?',
    'defaultAddress.city': 'text?',
    'defaultAddress.provinceCode': 'text?',
    'defaultAddress.countryCodeV2': 'text?',
    'defaultAddress.zip': 'text?',
    'defaultAddress.company': 'text?',
  }),
};

const marketingEvents: StreamDeclaration = {
  ...changing,
  name: 'marketing_events',
  about: 'campaigns as the shop knows them; read whole',
  cursor: 'none',
  visibilityLagMs: 0,
  overlapMs: 0,
  deletes: ['absence'],
  blindFields: [],
  fields: declareFields({
    ...gid,
    'app.id': 'text',
    remoteId: 'text?',
    type: 'text',
    startedAt: 'timestamp',
    endedAt: 'timestamp?',
    scheduledToEndAt: 'timestamp?',
    utmCampaign: 'text?',
    utmMedium: 'text?',
    utmSource: 'text?',
  }),
};

/** Streams of a shop. */
export const streams: readonly StreamDeclaration[] = [
  products,
  inventory,
  locations,
  orders,
  customers,
  marketingEvents,
];

/** What an app must be allowed to read for each stream. */
export const SCOPES: Readonly<Record<string, string>> = {
  products: 'read_products',
  inventory: 'read_inventory',
  locations: 'read_locations',
  orders: 'read_orders',
  customers: 'read_customers',
  marketing_events: 'read_marketing_events',
};
