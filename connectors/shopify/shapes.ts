/**
 * What is asked of Shopify for each stream: fields, nested list, cost. The same fields come by page, by id and by bulk query, so
 * that a record has the same bytes whichever way it came. Every query is checked against the published schemas by a test.
 */

export type Shape = {
  readonly stream: string;
  /** Type of the gid: `gid://shopify/Product/1`. */
  readonly type: string;
  /** Root field of lists. */
  readonly root: string;
  readonly fields: string;
  /** A nested list: its records arrive as children. */
  readonly child: { readonly field: string; readonly fields: string; readonly first: number } | null;
  /** Points one record costs, nested list included; see `pageCost`. */
  readonly nodeCost: number;
  /** Records of one page at most: keeps a query below the 1,000 points it may cost. */
  readonly mostPerPage: number;
  /** Whether the list can be sorted by time of change; otherwise it comes by id. */
  readonly sorts: boolean;
  /** Further arguments of the list. */
  readonly args?: string;
  /** What events call it where they tell of its deletes. */
  readonly subject: string | null;
  /** Read whole by a bulk query; others are short lists. */
  readonly isBulk: boolean;
};

const MONEY = 'shopMoney { amount currencyCode }';
const MONEY_BOTH = 'shopMoney { amount currencyCode } presentmentMoney { amount currencyCode }';
const QUANTITIES =
  '["available", "on_hand", "committed", "incoming", "reserved", "damaged", "safety_stock", "quality_control"]';
const ADDRESS = 'address1 address2 city provinceCode countryCodeV2 zip company';

const products: Shape = {
  ...{ stream: 'products', type: 'Product', root: 'products', subject: 'PRODUCT', isBulk: true, sorts: true },
  fields: `id legacyResourceId handle title descriptionHtml vendor productType status tags createdAt updatedAt publishedAt
    totalInventory tracksInventory category { id fullName } priceRangeV2 { minVariantPrice { currencyCode } }`,
  child: {
    field: 'variants',
    fields: `id legacyResourceId sku barcode title price compareAtPrice position taxable updatedAt inventoryQuantity
      inventoryPolicy selectedOptions { name value }
      inventoryItem { id tracked unitCost { amount currencyCode } measurement { weight { value unit } } }`,
    first: 100,
  },
  nodeCost: 49,
  mostPerPage: 50,
};

const inventory: Shape = {
  ...{ stream: 'inventory', type: 'InventoryItem', root: 'inventoryItems', subject: null, isBulk: true, sorts: false },
  fields: 'id legacyResourceId sku tracked updatedAt variant { id }',
  child: {
    field: 'inventoryLevels',
    fields: `id updatedAt location { id name } quantities(names: ${QUANTITIES}) { name quantity updatedAt }`,
    first: 50,
  },
  nodeCost: 24,
  mostPerPage: 100,
};

const locations: Shape = {
  ...{ stream: 'locations', type: 'Location', root: 'locations', subject: null, isBulk: false, sorts: false },
  fields: 'id legacyResourceId name isActive fulfillsOnlineOrders address { address1 city countryCode } updatedAt',
  child: null,
  nodeCost: 1,
  mostPerPage: 100,
  // Sorted by what cannot change while paging.
  args: 'includeInactive: true, includeLegacy: true, sortKey: ID',
};

const orders: Shape = {
  ...{ stream: 'orders', type: 'Order', root: 'orders', subject: 'ORDER', isBulk: true, sorts: true },
  fields: `id legacyResourceId name createdAt updatedAt processedAt cancelledAt cancelReason closedAt test sourceName
    sourceIdentifier email phone note currencyCode presentmentCurrencyCode displayFinancialStatus displayFulfillmentStatus
    tags discountCodes
    totalPriceSet { ${MONEY_BOTH} } currentTotalPriceSet { ${MONEY} } totalTaxSet { ${MONEY} }
    totalDiscountsSet { ${MONEY} } totalShippingPriceSet { ${MONEY} } totalRefundedSet { ${MONEY} }
    shippingAddress { ${ADDRESS} } billingAddress { ${ADDRESS} }
    customer { id defaultEmailAddress { emailAddress } }
    customerJourneySummary { firstVisit { landingPage referrerUrl utmParameters { source medium campaign content term } } }`,
  child: {
    field: 'lineItems',
    fields: `id sku title variantTitle quantity currentQuantity variant { id } product { id }
      originalUnitPriceSet { ${MONEY} } discountedTotalSet { ${MONEY} }`,
    first: 50,
  },
  nodeCost: 28,
  mostPerPage: 50,
};

const customers: Shape = {
  ...{ stream: 'customers', type: 'Customer', root: 'customers', subject: 'CUSTOMER', isBulk: true, sorts: true },
  fields: `id legacyResourceId firstName lastName displayName state createdAt updatedAt tags note numberOfOrders
    amountSpent { amount currencyCode } verifiedEmail
    defaultEmailAddress { emailAddress marketingState marketingUpdatedAt }
    defaultPhoneNumber { phoneNumber marketingState }
    defaultAddress { ${ADDRESS} }`,
  child: null,
  nodeCost: 2,
  mostPerPage: 100,
};

const marketingEvents: Shape = {
  ...{ stream: 'marketing_events', type: 'MarketingEvent', root: 'marketingEvents', subject: null, isBulk: false },
  sorts: false,
  fields: `id legacyResourceId app { id } remoteId type description marketingChannelType startedAt endedAt scheduledToEndAt
    utmCampaign utmMedium utmSource`,
  child: null,
  nodeCost: 1,
  mostPerPage: 100,
  args: 'sortKey: ID',
};

export const SHAPES: readonly Shape[] = [products, inventory, locations, orders, customers, marketingEvents];

/** How a stream is asked for. @throws RangeError when there is no such stream */
export function shapeOf(stream: string): Shape {
  const found = SHAPES.find((shape) => shape.stream === stream);
  if (!found) throw new RangeError(`Shopify has no stream ${stream}; it has ${SHAPES.map((shape) => shape.stream)}`);
  return found;
}

const PAGE_INFO = 'pageInfo { hasNextPage endCursor }';
const nestedPage = ({ child }: Shape, first = String(child?.first)): string =>
  child === null ? '' : `${child.field}(first: ${first}) { nodes { ${child.fields} } ${PAGE_INFO} }`;

/** `first`, `after`, `query`; changes in order of their time, where the list can be sorted by it. */
export function changesQuery(shape: Shape): string {
  return pageQuery(shape, 'Changes', shape.sorts ? 'sortKey: UPDATED_AT' : (shape.args ?? ''));
}

/** The same in order of ids. */
export function listQuery(shape: Shape): string {
  return pageQuery(shape, 'List', shape.sorts ? 'sortKey: ID' : (shape.args ?? ''));
}

function pageQuery(shape: Shape, purpose: string, args: string): string {
  return `query Tributary${shape.type}${purpose}($first: Int!, $after: String, $query: String) {
  ${shape.root}(first: $first, after: $after, query: $query${args === '' ? '' : `, ${args}`}) {
    nodes { ${shape.fields} ${nestedPage(shape)} }
    ${PAGE_INFO}
  }
}`;
}

/** `ids`: at most 250. */
export function idsQuery(shape: Shape): string {
  return `query Tributary${shape.type}ByIds($ids: [ID!]!) {
  nodes(ids: $ids) { ... on ${shape.type} { ${shape.fields} ${nestedPage(shape)} } }
}`;
}

/** `id`, `after`: further records of a nested list. Empty for streams without one. */
export function restQuery(shape: Shape): string {
  const { child, type } = shape;
  return `query Tributary${type}Rest($id: ID!, $after: String) {
  node(id: $id) { ... on ${type} { id ${nestedPage({ ...shape }, `${child?.first}, after: $after`)} } }
}`;
}

/** All of it. Connections by `edges`: bulk queries know nothing else. */
export function bulkQuery({ root, fields, child }: Shape): string {
  const nested = child === null ? '' : ` ${child.field} { edges { node { ${child.fields} } } }`;
  return `{ ${root} { edges { node { ${fields}${nested} } } } }`;
}

/** Inventory items of products that changed: what moves stock moves the product ("counted as an update"), not its items. */
export const ITEMS_OF_PRODUCTS = `query TributaryItemsOfProducts($first: Int!, $after: String, $query: String) {
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {
    nodes { id inventoryItem { ${inventory.fields} ${nestedPage(inventory)} } }
    ${PAGE_INFO}
  }
}`;

export const CHANGED_PRODUCTS = `query TributaryChangedProducts($first: Int!, $after: String, $query: String) {
  products(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id legacyResourceId updatedAt }
    ${PAGE_INFO}
  }
}`;

export const DELETES = `query TributaryDeletes($first: Int!, $after: String, $query: String) {
  events(first: $first, after: $after, query: $query, sortKey: CREATED_AT) {
    nodes { id action createdAt ... on BasicEvent { subjectId subjectType } }
    ${PAGE_INFO}
  }
}`;

/**
 * Points a page costs, as measured on recorded calls: a connection 2, then its nodes by the logarithm of their number.
 * @param nodeCost points of one node
 */
export function pageCost(first: number, nodeCost: number): number {
  return 2 + Math.max(1, Math.floor(2 * Math.log(first))) * (1 + nodeCost);
}
