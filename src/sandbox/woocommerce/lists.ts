/** Lists: parameters checked, records filtered, ordered and cut into pages the way WordPress does it, its surprises included. */
import type { SystemRequest } from '../server.ts';
import { badParameter, type ShopAnswer, wordList } from './answers.ts';
import { globalRefund, globalVariation, pick, SHAPES, type Shape, variationAsProduct } from './shapes.ts';
import type { Entry, Kind, Shop } from './shop.ts';
import { filterTime, gmtTime, wallTime } from './times.ts';
import { numberOf, textOf } from './values.ts';

const POST_STATES = ['any', 'future', 'trash', 'draft', 'pending', 'private', 'publish'];
const PRODUCT_ORDERS = ['date', 'id', 'include', 'title', 'slug', 'modified', 'popularity', 'rating', 'post__in'];
const POST_ORDERS = ['date', 'id', 'include', 'title', 'slug', 'modified'];

export type ListSpec = {
  readonly kind: Kind;
  readonly shape: Shape;
  readonly orderby: readonly string[];
  readonly defaultOrder: 'date' | 'name';
  /** Words the status may be; absent: there is no such parameter. */
  readonly states?: readonly string[];
  /** Takes `modified_after` and its kin. */
  readonly hasTimes: boolean;
  /** What a page past the end counts: everything, or nothing. */
  readonly countsPastEnd: boolean;
  /** Parameters that get into the links of a page although nobody sent them. */
  readonly linked: Readonly<Record<string, string>>;
  readonly isOther?: (entry: Entry, query: URLSearchParams) => boolean;
};

const posts = { orderby: POST_ORDERS, defaultOrder: 'date', hasTimes: true, countsPastEnd: true, linked: {} } as const;
const people = { defaultOrder: 'name', hasTimes: false, countsPastEnd: true, linked: {} } as const;

export const LISTS: Readonly<Record<string, ListSpec>> = {
  products: { ...posts, kind: 'products', shape: SHAPES.products, orderby: PRODUCT_ORDERS, states: POST_STATES },
  variations: {
    ...posts,
    kind: 'variations',
    shape: globalVariation,
    orderby: [...POST_ORDERS, 'menu_order'],
    states: POST_STATES,
  },
  orders: {
    ...posts,
    kind: 'orders',
    shape: SHAPES.orders,
    states: [
      ...['any', 'trash', 'auto-draft', 'pending', 'processing', 'on-hold', 'completed', 'cancelled', 'refunded'],
      ...['failed', 'checkout-draft'],
    ],
    countsPastEnd: false,
    linked: { 'status[0]': 'any', dp: '2', context: 'view' },
    isOther: ({ values }, query) =>
      (query.has('customer') && textOf(values.customer_id) !== query.get('customer')) ||
      (query.has('created_via') && values.created_via !== query.get('created_via')),
  },
  refunds: { ...posts, kind: 'refunds', shape: globalRefund, linked: { dp: '2' } },
  coupons: {
    ...posts,
    kind: 'coupons',
    shape: SHAPES.coupons,
    isOther: ({ values }, query) => query.has('code') && textOf(values.code) !== query.get('code')?.toLowerCase(),
  },
  customers: {
    ...people,
    kind: 'customers',
    shape: SHAPES.customers,
    orderby: ['id', 'include', 'name', 'registered_date'],
    isOther: ({ values }, query) => {
      const role = query.get('role') ?? 'customer';
      const email = query.get('email');
      return (
        (role !== 'all' && values.role !== role) ||
        (email !== null && textOf(values.email).toLowerCase() !== email.toLowerCase())
      );
    },
  },
  'products/categories': {
    ...people,
    kind: 'categories',
    shape: SHAPES.categories,
    orderby: ['id', 'include', 'name', 'slug', 'term_group', 'description', 'count'],
  },
  webhooks: {
    ...posts,
    kind: 'webhooks',
    shape: SHAPES.webhooks,
    orderby: ['date', 'id', 'title'],
    hasTimes: false,
    isOther: ({ values }, query) =>
      (query.get('status') ?? 'all') !== 'all' && textOf(values.status) !== query.get('status'),
  },
};

/** A page of a list. @param parent only the records of this one (`products/7/variations`) */
export function answerList(shop: Shop, spec: ListSpec, request: SystemRequest, parent: string | null): ShopAnswer {
  const { query } = request;
  const refusal = refuse(shop, spec, query);
  const allow = ['variations', 'refunds'].includes(spec.kind) && parent === null ? 'GET' : 'GET, POST';
  if (refusal) return { ...refusal, headers: { allow } };
  const found = ordered(spec, query, matching(shop, spec, query, parent));
  const perPage = Number(query.get('per_page') ?? '10');
  const page = Number(query.get('page') ?? '1');
  const offset = query.has('offset') ? Number(query.get('offset')) : (page - 1) * perPage;
  const entries = found.slice(offset, offset + perPage);
  const isPastEnd = entries.length === 0 && found.length > 0;
  // Past its end a list counts again without a page, but not where an offset led there.
  const total = isPastEnd && (!spec.countsPastEnd || query.has('offset')) ? 0 : found.length;
  const pages = Math.ceil(total / perPage);
  const fields = words(query, '_fields');
  const shapeOf = (entry: Entry): Shape =>
    spec.kind === 'products' && 'parent_id' in entry.values && entry.values.type === 'variation'
      ? variationAsProduct
      : parent === null
        ? spec.shape
        : SHAPES[spec.kind];
  return {
    status: 200,
    body: entries.map((entry) => pick(shapeOf(entry)(shop, entry), fields)),
    headers: {
      'x-wp-total': String(total),
      'x-wp-totalpages': String(pages),
      ...pageLinks(shop, spec, request, { page, pages, isPastEnd }),
      allow,
    },
  };
}

function refuse(shop: Shop, spec: ListSpec, query: URLSearchParams): ShopAnswer | null {
  const outOfBounds = (name: string, reason: string) => badParameter(name, reason, 'rest_out_of_bounds');
  const notIn = (name: string, word: string, allowed: readonly string[]) =>
    badParameter(name, `${word} is not one of ${wordList(allowed)}`, 'rest_not_in_enum');
  const perPage = Number(query.get('per_page') ?? '10');
  const page = Number(query.get('page') ?? '1');
  if (!(perPage >= 1 && perPage <= 100))
    return outOfBounds('per_page', 'per_page must be between 1 (inclusive) and 100 (inclusive)');
  if (!(page >= 1)) return outOfBounds('page', 'page must be greater than or equal to 1');
  const orderby = query.get('orderby');
  if (orderby !== null && !spec.orderby.includes(orderby)) return notIn('orderby', 'orderby', spec.orderby);
  const order = query.get('order');
  if (order !== null && !['asc', 'desc'].includes(order)) return notIn('order', 'order', ['asc', 'desc']);
  const states = spec.states;
  if (states && words(query, 'status').some((state) => !states.includes(state)))
    return notIn('status', spec.kind === 'orders' ? 'status[0]' : 'status', states);
  if (spec.hasTimes) {
    for (const name of ['modified_after', 'modified_before', 'after', 'before']) {
      const value = query.get(name);
      if (value !== null && filterTime(value, shop.zone) === null)
        return badParameter(name, 'Invalid date.', 'rest_invalid_date');
    }
  }
  return null;
}

/** A list parameter, in whichever way PHP takes it: `a=1,2`, `a[]=1&a[]=2`. */
function words(query: URLSearchParams, name: string): string[] {
  return [...query]
    .filter(([key]) => key === name || key.startsWith(`${name}[`))
    .flatMap(([, value]) => value.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function matching(shop: Shop, spec: ListSpec, query: URLSearchParams, parent: string | null): Entry[] {
  const skus = spec.kind === 'products' ? words(query, 'sku') : [];
  const entries = skus.length > 0 ? [...shop.all('products'), ...shop.all('variations')] : shop.all(spec.kind);
  const states = words(query, 'status');
  const include = words(query, 'include');
  const exclude = words(query, 'exclude');
  const type = query.get('type');
  const within = spec.hasTimes ? timeFilters(shop, query) : () => true;
  return entries.filter(
    (entry) =>
      (parent === null || textOf(entry.values.parent_id) === parent) &&
      (!spec.states || hasState(entry, states)) &&
      (spec.states !== undefined || spec.kind !== 'coupons' || entry.values.status !== 'trash') &&
      (include.length === 0 || include.includes(entry.id)) &&
      !exclude.includes(entry.id) &&
      (skus.length === 0 || skus.includes(textOf(entry.values.sku))) &&
      (type === null || spec.kind !== 'products' || entry.values.type === type) &&
      !spec.isOther?.(entry, query) &&
      within(entry),
  );
}

/** `any` means neither trash nor what was never finished. */
function hasState({ values }: Entry, states: readonly string[]): boolean {
  const state = textOf(values.status);
  if (states.length === 0 || states.includes('any')) return !['trash', 'auto-draft', 'checkout-draft'].includes(state);
  return states.includes(state);
}

/** Both bounds are exclusive, and texts are compared with the column of the shop's own or of Greenwich time. */
function timeFilters(shop: Shop, query: URLSearchParams): (entry: Entry) => boolean {
  const isGmt = ['true', '1'].includes(query.get('dates_are_gmt') ?? '');
  const column = (ms: number) => (isGmt ? gmtTime(ms) : wallTime(ms, shop.zone));
  const bound = (name: string) => filterTime(query.get(name) ?? '', shop.zone);
  const [modifiedAfter, modifiedBefore, after, before] = [
    bound('modified_after'),
    bound('modified_before'),
    bound('after'),
    bound('before'),
  ];
  return ({ updatedAt, createdAt }) =>
    (modifiedAfter === null || column(updatedAt) > modifiedAfter) &&
    (modifiedBefore === null || column(updatedAt) < modifiedBefore) &&
    (after === null || column(createdAt) > after) &&
    (before === null || column(createdAt) < before);
}

function ordered(spec: ListSpec, query: URLSearchParams, entries: Entry[]): Entry[] {
  const by = query.get('orderby') ?? spec.defaultOrder;
  const sign = (query.get('order') ?? (spec.defaultOrder === 'name' ? 'asc' : 'desc')) === 'asc' ? 1 : -1;
  const name = ({ values }: Entry) => textOf(values.username ?? values.name ?? values.code).toLowerCase();
  const compare = (a: Entry, b: Entry): number => {
    if (by === 'date' || by === 'registered_date') return a.createdAt - b.createdAt || numberOf(a.id) - numberOf(b.id);
    // Records of one second come in the order of their ids, whichever way the list runs.
    if (by === 'modified') return a.updatedAt - b.updatedAt || sign * (numberOf(a.id) - numberOf(b.id));
    if (by === 'id' || by === 'include') return numberOf(a.id) - numberOf(b.id);
    return name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0;
  };
  return entries.sort((a, b) => sign * compare(a, b));
}

type Paging = { readonly page: number; readonly pages: number; readonly isPastEnd: boolean };

/** Neither first nor last; the whole query again, secrets and used nonces included. */
function pageLinks(shop: Shop, spec: ListSpec, request: SystemRequest, { page, pages, isPastEnd }: Paging) {
  const linked = isPastEnd && !spec.countsPastEnd ? { 'status[0]': 'any' } : spec.linked;
  const address = (number: number): string => {
    const pairs = [...request.query].map(([name, value]): [string, string] => {
      if (name === 'page') return [name, String(number)];
      if (name === 'status' && spec.kind === 'orders') return ['status[0]', value];
      return [name, name === 'dates_are_gmt' && value === 'true' ? '1' : value];
    });
    const names = new Set(pairs.map(([name]) => name));
    for (const [name, value] of Object.entries(linked)) if (!names.has(name)) pairs.push([name, value]);
    if (!names.has('page')) pairs.push(['page', String(number)]);
    // An answer without a body's worth of defaults names the page first.
    if (isPastEnd && !spec.countsPastEnd) pairs.sort(([a], [b]) => Number(b === 'page') - Number(a === 'page'));
    const query = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&');
    return `${shop.home}${request.path}?${query}`;
  };
  const links = [
    ...(page > 1 ? [`<${address(Math.min(page - 1, pages))}>; rel="prev"`] : []),
    ...(page < pages ? [`<${address(page + 1)}>; rel="next"`] : []),
  ];
  return links.length === 0 ? {} : { link: links.join(', ') };
}
