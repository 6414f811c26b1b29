/** The root fields of queries: lists with search and order, single records by id. */
import { GraphQLError, type GraphQLResolveInfo } from 'graphql';
import { type BulkOperations, bulkView } from './bulk.ts';
import { type Args, badRequest, connection, type Execution, type View } from './connection.ts';
import {
  customers,
  events,
  items,
  type ListOf,
  listed,
  locations,
  marketingActivities,
  marketingEvents,
  orders,
  products,
  searched,
  variants,
} from './lists.ts';
import { SERVED_VERSIONS } from './schema.ts';
import { gid, numberOf, type Row } from './shop.ts';
import {
  CURRENCY,
  customerView,
  hookView,
  itemView,
  levelView,
  locationView,
  marketingActivityView,
  marketingEventView,
  orderView,
  productView,
  variantView,
} from './views.ts';

export const SHOP_DOMAIN = 'tributary-sandbox.myshopify.com';

/** What an app of the sandbox may do. */
const GRANTED_SCOPES = [
  ...['read_products', 'read_inventory', 'write_inventory', 'read_locations', 'read_orders', 'read_all_orders'],
  ...['write_orders', 'read_customers', 'read_marketing_events', 'write_marketing_events'],
];

type Resolver = (args: Args, execution: Execution, info: GraphQLResolveInfo) => unknown;

export function rootQuery(execution: Execution, bulk: BulkOperations): View {
  const { shop } = execution;
  const list =
    <T>(of: ListOf<T>, rows: (args: Args) => Iterable<Row<T>>): Resolver =>
    (args, _, info) =>
      listed(execution, rows(args), of, args, info);
  const count =
    <T>(of: ListOf<T>, rows: () => Iterable<Row<T>>): Resolver =>
    (args, _, info) => ({ count: searched(execution, rows(), of, args, info).length, precision: 'EXACT' });
  const byId: Resolver = ({ id }) => nodeView(execution, bulk, id);
  return {
    shop: shopView(),
    currentAppInstallation: {
      id: gid('AppInstallation', 1),
      accessScopes: GRANTED_SCOPES.map((handle) => ({ handle, description: handle })),
    },
    publicApiVersions: SERVED_VERSIONS.map((handle) => ({
      ...{ handle, displayName: handle },
      supported: handle !== 'unstable',
    })),
    products: list(products, () => shop.all('products')),
    productsCount: count(products, () => shop.all('products')),
    productVariants: list(variants, () => variantRows(execution)),
    inventoryItems: list(items, () => shop.all('inventory')),
    locations: list(locations, (args) =>
      [...shop.all('locations')].filter(({ data }) => data.isActive || args['includeInactive'] === true),
    ),
    orders: list(orders, () => shop.all('orders')),
    ordersCount: count(orders, () => shop.all('orders')),
    customers: list(customers, () => shop.all('customers')),
    marketingEvents: list(marketingEvents, () => shop.all('campaigns')),
    marketingActivities: list(marketingActivities, (args) => {
      const remote: readonly unknown[] = Array.isArray(args['remoteIds']) ? args['remoteIds'] : [];
      return [...shop.all('campaigns')].filter(({ data }) => remote.length === 0 || remote.includes(data.remoteId));
    }),
    events: list(events, () => shop.all('events')),
    webhookSubscriptions: (args: Args) => {
      const rows = [...shop.all('hooks')].filter(({ data }) => args['uri'] === undefined || data.uri === args['uri']);
      const view = (row: (typeof rows)[number]) => () => hookView(row, execution.version);
      return connection(
        rows.map((row) => ({ id: row.id, sort: row.createdAt, view: view(row) })),
        args,
        execution,
      );
    },
    bulkOperations: (args: Args) => {
      const all = bulk.all().map((one) => ({ id: one.id, sort: one.createdAt, view: () => bulkView(one, execution) }));
      return connection(all, args, execution);
    },
    nodes: ({ ids }: Args) => nodesOf(execution, bulk, ids),
    ...{ node: byId, bulkOperation: byId, product: byId, productVariant: byId, inventoryItem: byId },
    ...{ location: byId, order: byId, customer: byId, marketingEvent: byId, marketingActivity: byId },
  };
}

function nodesOf(execution: Execution, bulk: BulkOperations, ids: unknown): readonly (View | null)[] {
  const list = Array.isArray(ids) ? ids : [];
  if (list.length > 250)
    throw badRequest(
      `The input array size of ${list.length} is greater than the maximum allowed of 250.`,
      'MAX_INPUT_SIZE_EXCEEDED',
    );
  return list.map((id) => nodeView(execution, bulk, id));
}

function nodeView(execution: Execution, bulk: BulkOperations, id: unknown): View | null {
  const [, type] = typeof id === 'string' ? (/^gid:\/\/shopify\/([A-Za-z]+)\/.+$/.exec(id) ?? []) : [];
  if (type === undefined) throw new GraphQLError('invalid id', { extensions: { code: 'RESOURCE_NOT_FOUND' } });
  const number = numberOf(type, id) ?? 0;
  const { shop } = execution;
  const found = <T>(row: Row<T> | null, view: (row: Row<T>) => View) => (row ? view(row) : null);
  switch (type) {
    case 'Product':
      return found(shop.get('products', number), (row) => productView(execution, row));
    case 'ProductVariant': {
      const row = variantRows(execution).find((one) => one.id === number);
      return row ? variantView(execution, row.data.variant, row.data.product) : null;
    }
    case 'InventoryItem':
      return found(shop.get('inventory', number), (row) => itemView(execution, row));
    case 'InventoryLevel': {
      const item = shop.get('inventory', Number(/inventory_item_id=(\d+)/.exec(String(id))?.[1]));
      const level = item?.data.levels.find(({ locationId }) => locationId === number);
      return item && level ? levelView(execution, item, level) : null;
    }
    case 'Location':
      return found(shop.get('locations', number), locationView);
    case 'Order':
      return found(shop.get('orders', number), (row) => orderView(execution, row));
    case 'Customer':
      return found(shop.get('customers', number), (row) => customerView(execution, row));
    case 'MarketingEvent':
      return found(shop.get('campaigns', number), marketingEventView);
    case 'MarketingActivity':
      return found(shop.get('campaigns', number), marketingActivityView);
    case 'BulkOperation': {
      const one = bulk.get(number);
      return one ? bulkView(one, execution) : null;
    }
    default:
      return null;
  }
}

const variantRows = ({ shop }: Execution) =>
  [...shop.all('products')].flatMap((product) =>
    product.data.variants.map((variant) => ({
      ...{ id: variant.id, createdAt: variant.createdAt, updatedAt: variant.updatedAt },
      data: { variant, product },
    })),
  );

function shopView(): View {
  return {
    ...{ id: gid('Shop', 1), name: 'Fernweh Outdoor', myshopifyDomain: SHOP_DOMAIN, currencyCode: CURRENCY },
    ...{ ianaTimezone: 'Europe/Berlin', email: 'shop@example.com', contactEmail: 'shop@example.com' },
    plan: { displayName: 'Basic', publicDisplayName: 'Basic', partnerDevelopment: false, shopifyPlus: false },
  };
}
