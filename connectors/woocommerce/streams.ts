import { declareFields, type StreamDeclaration, type WriteDeclaration } from '../../src/connector/index.ts';

const MINUTE_MS = 60_000;

/** Filters take whole seconds and exclude the one named, so each read starts at least a second back. */
const changing = {
  mode: 'complete',
  cursor: 'keyset',
  visibilityLagMs: 2_000,
  overlapMs: MINUTE_MS,
  key: ['id'],
  // Trash is listed with a fresh time; what was removed for good is only missing from a full read.
  deletes: ['tombstone', 'absence'],
} as const;

/** No change filter at all: read whole each time. */
const whole = {
  mode: 'complete',
  cursor: 'none',
  visibilityLagMs: 0,
  overlapMs: 0,
  blindFields: [],
  key: ['id'],
  deletes: ['absence'],
} as const;

const times = { date_created_gmt: 'timestamp', date_modified_gmt: 'timestamp?' } as const;

const sellable = {
  id: 'integer',
  sku: 'text?',
  global_unique_id: 'text?',
  name: 'text',
  type: 'text',
  status: 'text',
  description: 'text',
  permalink: 'text',
  price: 'decimal?',
  regular_price: 'decimal?',
  sale_price: 'decimal?',
  date_on_sale_from_gmt: 'timestamp?',
  date_on_sale_to_gmt: 'timestamp?',
  on_sale: 'boolean',
  purchasable: 'boolean',
  stock_quantity: 'integer?',
  stock_status: 'text',
  backorders: 'text',
  low_stock_amount: 'integer?',
  weight: 'decimal?',
  'dimensions.length': 'decimal?',
  'dimensions.width': 'decimal?',
  'dimensions.height': 'decimal?',
  parent_id: 'integer?',
  menu_order: 'integer',
  'meta_data[].key': 'text',
  'meta_data[].value': 'json?',
  ...times,
} as const;

const stock = {
  actions: ['update'],
  fields: declareFields({ stock_quantity: 'integer' }),
  requiredOnCreate: [],
  matchBy: [],
  batch: 100,
} satisfies Omit<WriteDeclaration, 'id'>;

const address = (prefix: string) => ({
  [`${prefix}.first_name`]: 'text?' as const,
  [`${prefix}.last_name`]: 'text?' as const,
  [`${prefix}.company`]: 'text?' as const,
  [`${prefix}.address_1`]: 'text?' as const,
  [`${prefix}.address_2`]: 'text?' as const,
  [`${prefix}.city`]: 'text?' as const,
  [`${prefix}.state`]: 'text?' as const,
  [`${prefix}.postcode`]: 'text?' as const,
  [`${prefix}.country`]: 'text?' as const,
  [`${prefix}.phone`]: 'text?' as const,
});

const products: StreamDeclaration = {
  ...changing,
  writes: { ...stock, id: '<product>' },
  name: 'products',
  about: 'products; those of type variable keep their sellable forms in variations',
  // Editing a category does not move the products in it (measured on 11.0.1). The others are kept the same way in
  // WordPress, so they are not trusted either: a sweep too many costs calls, one too few costs truth.
  blindFields: ['categories', 'tags', 'brands', 'shipping_class', 'average_rating', 'rating_count', 'total_sales'],
  volatilePaths: ['related_ids', 'price_html', '_links'],
  childStreams: ['variations'],
  fields: declareFields({
    ...sellable,
    slug: 'text',
    short_description: 'text',
    featured: 'boolean',
    catalog_visibility: 'text',
    manage_stock: 'boolean',
    shipping_class: 'text?',
    average_rating: 'decimal',
    rating_count: 'integer',
    total_sales: 'integer?',
    categories: 'list',
    'categories[].id': 'integer',
    'categories[].name': 'text',
    tags: 'list',
    'tags[].name': 'text',
    'brands[].name': 'text',
    'images[].src': 'text',
    'images[].alt': 'text?',
    'attributes[].id': 'integer',
    'attributes[].name': 'text',
    'attributes[].options': 'list',
    'attributes[].variation': 'boolean',
    variations: 'list',
  }),
};

const variations: StreamDeclaration = {
  ...changing,
  writes: { ...stock, id: '<product>/<variation>' },
  name: 'variations',
  about: 'sellable forms of variable products',
  // What a variation has none of is its product's, and changes with that without its own time.
  blindFields: [
    ...['name', 'permalink', 'weight', 'dimensions', 'shipping_class', 'manage_stock', 'stock_quantity'],
    ...['stock_status', 'backorders'],
  ],
  volatilePaths: ['_links', 'price_html'],
  volatileContext: ['inherits'],
  fields: declareFields({
    ...sellable,
    shipping_class: 'text?',
    // true, false, or "parent": the stock is the product's and must not be counted again.
    manage_stock: 'json',
    'image.src': 'text?',
    'attributes[].id': 'integer',
    'attributes[].name': 'text',
    'attributes[].option': 'text',
  }),
};

const orders: StreamDeclaration = {
  ...changing,
  name: 'orders',
  about: 'orders with lines, fees, shipping and the sums of their refunds',
  writes: {
    actions: ['create', 'update'],
    fields: declareFields({
      payment_method_title: 'text?',
      payment_method: 'text?',
      transaction_id: 'text?',
      customer_note: 'text?',
      customer_id: 'integer',
      status: 'text',
      currency: 'text',
      billing: 'json',
      shipping: 'json',
      // Objects {sku} or {product_id, variation_id}, with quantity and total; only when an order is made.
      line_items: 'list',
      set_paid: 'boolean',
    }),
    requiredOnCreate: ['line_items'],
    matchBy: [],
    batch: 20,
    id: '<order>',
    // A gateway gives up after a minute, and PHP goes on, or only begins: requests wait in its queue.
    madeWithinMs: 5 * MINUTE_MS,
  },
  blindFields: [],
  volatilePaths: ['_links', 'currency_symbol'],
  fields: declareFields({
    id: 'integer',
    number: 'text',
    status: 'text',
    currency: 'text',
    prices_include_tax: 'boolean',
    customer_id: 'integer',
    customer_note: 'text?',
    total: 'decimal',
    total_tax: 'decimal',
    discount_total: 'decimal',
    shipping_total: 'decimal',
    payment_method: 'text?',
    payment_method_title: 'text?',
    transaction_id: 'text?',
    ...address('billing'),
    'billing.email': 'text?',
    ...address('shipping'),
    'line_items[].id': 'integer',
    'line_items[].product_id': 'integer',
    'line_items[].variation_id': 'integer',
    'line_items[].name': 'text',
    'line_items[].sku': 'text?',
    'line_items[].quantity': 'decimal',
    'line_items[].subtotal': 'decimal',
    'line_items[].total': 'decimal',
    'shipping_lines[].method_title': 'text?',
    'coupon_lines[].code': 'text',
    'fee_lines[].total': 'decimal',
    refunds: 'list',
    'refunds[].id': 'integer',
    'refunds[].total': 'decimal',
    'meta_data[].key': 'text',
    'meta_data[].value': 'json?',
    date_paid_gmt: 'timestamp?',
    date_completed_gmt: 'timestamp?',
    ...times,
  }),
};

const refunds: StreamDeclaration = {
  ...changing,
  name: 'refunds',
  about: 'refunds of all orders; amounts are positive here and negative inside an order',
  blindFields: [],
  volatilePaths: ['_links'],
  deletes: ['absence'],
  fields: declareFields({
    id: 'integer',
    parent_id: 'integer',
    amount: 'decimal',
    reason: 'text?',
    refunded_payment: 'boolean',
    'line_items[].id': 'integer',
    'line_items[].total': 'decimal',
    date_created_gmt: 'timestamp',
  }),
};

const customers: StreamDeclaration = {
  ...whole,
  name: 'customers',
  about: 'registered customers; guests exist only in their orders',
  volatilePaths: ['_links', 'avatar_url'],
  fields: declareFields({
    id: 'integer',
    email: 'text',
    first_name: 'text?',
    last_name: 'text?',
    role: 'text',
    username: 'text',
    is_paying_customer: 'boolean',
    ...address('billing'),
    'billing.email': 'text?',
    ...address('shipping'),
    'meta_data[].key': 'text',
    'meta_data[].value': 'json?',
    ...times,
  }),
};

const categories: StreamDeclaration = {
  ...whole,
  name: 'categories',
  about: 'product categories, each with its parent',
  volatilePaths: ['_links', 'count'],
  fields: declareFields({
    id: 'integer',
    name: 'text',
    slug: 'text',
    parent: 'integer',
    description: 'text?',
    menu_order: 'integer',
  }),
};

const coupons: StreamDeclaration = {
  ...changing,
  name: 'coupons',
  about: 'coupons; the nearest thing to a campaign that a shop has',
  // Their trash cannot be listed.
  deletes: ['absence'],
  blindFields: ['usage_count'],
  volatilePaths: ['_links', 'used_by'],
  fields: declareFields({
    id: 'integer',
    code: 'text',
    amount: 'decimal',
    status: 'text',
    discount_type: 'text',
    description: 'text?',
    date_expires_gmt: 'timestamp?',
    usage_count: 'integer',
    usage_limit: 'integer?',
    minimum_amount: 'decimal',
    maximum_amount: 'decimal',
    free_shipping: 'boolean',
    ...times,
  }),
};

/** Streams of a WooCommerce shop. */
export const streams: readonly StreamDeclaration[] = [
  products,
  variations,
  orders,
  refunds,
  customers,
  categories,
  coupons,
];
