import { declareFields, type StreamDeclaration } from '../../src/connector/index.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
/** "Event data is retained for 1 year": help of `created_at` in the query `events`, API 2026-10. */
const EVENTS_KEPT_MS = 365 * 24 * 60 * MINUTE_MS;

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
  tombstoneHorizonMs: EVENTS_KEPT_MS,
  // Stock is documented to move its product, cost and weight are not.
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
  // A changed level is not known to move its item. It moves its product, whose items are read again; the sweep finds the rest.
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

const address = (path: string) => ({
  [`${path}.address1`]: 'text?' as const,
  [`${path}.address2`]: 'text?' as const,
  [`${path}.city`]: 'text?' as const,
  [`${path}.provinceCode`]: 'text?' as const,
  [`${path}.countryCodeV2`]: 'text?' as const,
  [`${path}.zip`]: 'text?' as const,
  [`${path}.company`]: 'text?' as const,
});

const money = (path: string) => ({
  [`${path}.shopMoney.amount`]: 'decimal?' as const,
  [`${path}.shopMoney.currencyCode`]: 'text?' as const,
});

const orders: StreamDeclaration = {
  ...changing,
  name: 'orders',
  about: 'orders with their lines; those older than 60 days need the scope read_all_orders',
  // Absence counts only where the app has read_all_orders: otherwise a full read sees the last 60 days and is not complete.
  deletes: ['tombstone', 'absence'],
  tombstoneHorizonMs: EVENTS_KEPT_MS,
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
    sourceIdentifier: 'text?',
    note: 'text?',
    email: 'text?',
    phone: 'text?',
    ...address('shippingAddress'),
    ...address('billingAddress'),
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
    'customerJourneySummary.firstVisit.utmParameters.content': 'text?',
    'customerJourneySummary.firstVisit.utmParameters.term': 'text?',
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
  tombstoneHorizonMs: EVENTS_KEPT_MS,
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
    ...address('defaultAddress'),
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
    description: 'text?',
    marketingChannelType: 'text?',
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
