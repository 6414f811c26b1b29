/** The lists of the API: what each may be searched by and sorted by. */
import type { GraphQLResolveInfo } from 'graphql';
import { type Args, connection, type Entry, type Execution, type View } from './connection.ts';
import { compileSearch, type SearchFields } from './search.ts';
import type { Campaign, Customer, Item, Location, Order, Product, Row, ShopEvent, Variant } from './shop.ts';
import {
  customerView,
  eventView,
  itemView,
  locationView,
  marketingActivityView,
  marketingEventView,
  orderView,
  productView,
  variantView,
} from './views.ts';

export type ListOf<T> = {
  readonly fields: SearchFields<Row<T>>;
  readonly sorts: Readonly<Record<string, (row: Row<T>) => string | number>>;
  readonly usualSort: string;
  view(row: Row<T>, execution: Execution): View;
};

const base = {
  id: { kind: 'id', of: (row: Row<unknown>) => [row.id] },
  created_at: { kind: 'time', of: (row: Row<unknown>) => [row.createdAt] },
  updated_at: { kind: 'time', of: (row: Row<unknown>) => [row.updatedAt] },
} as const;
const byTime = {
  CREATED_AT: (row: Row<unknown>) => row.createdAt,
  UPDATED_AT: (row: Row<unknown>) => row.updatedAt,
} as const;

export const products: ListOf<Product> = {
  fields: {
    ...base,
    title: { kind: 'text', of: ({ data }) => [data.title] },
    handle: { kind: 'text', of: ({ data }) => [data.handle] },
    status: { kind: 'text', of: ({ data }) => [data.status] },
    vendor: { kind: 'text', of: ({ data }) => [data.vendor] },
    product_type: { kind: 'text', of: ({ data }) => [data.productType] },
    tag: { kind: 'text', of: ({ data }) => data.tags },
    sku: { kind: 'text', of: ({ data }) => data.variants.map(({ sku }) => sku) },
  },
  sorts: { ...byTime, TITLE: ({ data }) => data.title, VENDOR: ({ data }) => data.vendor },
  usualSort: 'ID',
  view: (row, execution) => productView(execution, row),
};

type VariantOfProduct = { readonly variant: Variant; readonly product: Row<Product> };

export const variants: ListOf<VariantOfProduct> = {
  fields: {
    ...{ id: base.id, updated_at: base.updated_at },
    sku: { kind: 'text', of: ({ data }) => [data.variant.sku] },
    product_id: { kind: 'id', of: ({ data }) => [data.product.id] },
    product_ids: { kind: 'id', of: ({ data }) => [data.product.id] },
  },
  sorts: {},
  usualSort: 'ID',
  view: ({ data }, execution) => variantView(execution, data.variant, data.product),
};

export const items: ListOf<Item> = {
  fields: { ...base, sku: { kind: 'text', of: ({ data }) => [data.sku] } },
  sorts: {},
  usualSort: 'ID',
  view: (row, execution) => itemView(execution, row),
};

/** No filter by time of change. */
export const locations: ListOf<Location> = {
  fields: {
    ...{ id: base.id, created_at: base.created_at },
    city: { kind: 'text', of: ({ data }) => [data.city] },
  },
  sorts: { NAME: ({ data }) => data.name },
  usualSort: 'NAME',
  view: (row) => locationView(row),
};

export const orders: ListOf<Order> = {
  fields: {
    ...base,
    processed_at: { kind: 'time', of: ({ data }) => [data.processedAt] },
    name: { kind: 'text', of: ({ data }) => [data.name] },
    email: { kind: 'text', of: ({ data }) => [data.email] },
    tag: { kind: 'text', of: ({ data }) => data.tags },
    source_identifier: { kind: 'text', of: ({ data }) => [data.sourceIdentifier] },
    sku: { kind: 'text', of: ({ data }) => data.lines.map(({ sku }) => sku) },
  },
  sorts: { ...byTime, PROCESSED_AT: ({ data }) => data.processedAt },
  usualSort: 'PROCESSED_AT',
  view: (row, execution) => orderView(execution, row),
};

export const customers: ListOf<Customer> = {
  fields: {
    ...base,
    // Documented as "matching a whole day".
    updated_at: { kind: 'day', of: (row) => [row.updatedAt] },
    customer_date: base.created_at,
    email: { kind: 'text', of: ({ data }) => [data.email] },
    first_name: { kind: 'text', of: ({ data }) => [data.firstName] },
    last_name: { kind: 'text', of: ({ data }) => [data.lastName] },
    phone: { kind: 'text', of: ({ data }) => [data.phone] },
  },
  sorts: { ...byTime, NAME: ({ data }) => data.lastName },
  usualSort: 'ID',
  view: (row, execution) => customerView(execution, row),
};

export const marketingEvents: ListOf<Campaign> = {
  fields: { id: base.id, started_at: { kind: 'time', of: ({ data }) => [data.startedAt] } },
  sorts: { STARTED_AT: ({ data }) => data.startedAt },
  usualSort: 'ID',
  view: (row) => marketingEventView(row),
};

export const marketingActivities: ListOf<Campaign> = {
  fields: { ...base, title: { kind: 'text', of: ({ data }) => [data.title] } },
  sorts: byTime,
  usualSort: 'CREATED_AT',
  view: (row) => marketingActivityView(row),
};

export const events: ListOf<ShopEvent> = {
  fields: {
    ...{ id: base.id, created_at: base.updated_at },
    action: { kind: 'text', of: ({ data }) => [data.action] },
    subject_type: { kind: 'text', of: ({ data }) => [data.subjectType] },
  },
  sorts: byTime,
  usualSort: 'ID',
  view: (row) => eventView(row),
};

/** Rows a search leaves; what it did not understand is told beside the answer. */
export function searched<T>(
  execution: Execution,
  rows: Iterable<Row<T>>,
  of: ListOf<T>,
  args: Args,
  info: GraphQLResolveInfo,
): Row<T>[] {
  const { query } = args;
  if (typeof query !== 'string' || query.trim() === '') return [...rows];
  const { matches, warnings, parsed } = compileSearch(query, of.fields, execution.shop.now());
  if (warnings.length > 0) execution.searches.push({ path: [info.path.key], query, parsed, warnings });
  return [...rows].filter(matches);
}

export function listed<T>(
  execution: Execution,
  rows: Iterable<Row<T>>,
  of: ListOf<T>,
  args: Args,
  info: GraphQLResolveInfo,
): View {
  const sort = of.sorts[String(args['sortKey'] ?? of.usualSort)] ?? ((row: Row<T>) => row.id);
  const entries = searched(execution, rows, of, args, info).map(
    (row): Entry => ({ id: row.id, sort: sort(row), view: () => of.view(row, execution) }),
  );
  return connection(entries, args, execution);
}
