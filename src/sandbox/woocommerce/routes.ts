/** Which address does what. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemRequest } from '../server.ts';
import { ALL_METHODS, type ShopAnswer, shopError } from './answers.ts';
import { customerOf, plainOf, productOf, variationOf, type Written } from './goods.ts';
import { hookOf } from './hooks.ts';
import { answerList, LISTS } from './lists.ts';
import { addRefund, orderOf } from './orders.ts';
import { pick, SHAPES, variationAsProduct } from './shapes.ts';
import type { Kind, Shop } from './shop.ts';
import { listOf, objectOf, objectsOf, textOf } from './values.ts';

const BASE = '/wp-json/wc/v3';
const MOST_IN_BATCH = 100;

type Resource = {
  readonly kind: Kind;
  /** Set for what lives below a product or an order. */
  readonly parent: string | null;
  readonly list: string;
};

export type RouteDeps = { readonly shop: Shop; readonly ping: (hook: string) => void };

/** Answers one call that was let in. */
export function answer(deps: RouteDeps, request: SystemRequest): ShopAnswer {
  if (!request.path.startsWith(`${BASE}/`)) return noRoute();
  const path = request.path.slice(BASE.length + 1);
  const fixed = fixedAnswer(deps.shop, path, request);
  if (fixed) return fixed;
  const body = bodyOf(request);
  if (body === null) {
    const data = { json_error_code: 4, json_error_message: 'Syntax error' };
    return shopError(400, 'rest_invalid_json', 'Invalid JSON body passed.', data, { allow: 'GET, POST' });
  }
  const found = resourceAt(path);
  if (!found) return noRoute();
  const { resource, rest } = found;
  if (rest === null) return collection(deps, resource, request, body);
  if (rest === 'batch' && request.method !== 'GET') return batch(deps, resource, body);
  return /^\d+$/.test(rest) ? single(deps, resource, rest, request, body) : noRoute();
}

const noRoute = (): ShopAnswer =>
  shopError(404, 'rest_no_route', 'No route was found matching the URL and request method.');

function fixedAnswer(shop: Shop, path: string, request: SystemRequest): ShopAnswer | null {
  if (request.method !== 'GET') return null;
  const fields = (request.query.get('_fields') ?? '').split(',').filter((field) => field !== '');
  const say = (body: JsonObject): ShopAnswer => ({ status: 200, body: pick(body, fields), headers: { allow: 'GET' } });
  if (path === 'data/currencies/current') {
    const isEuro = shop.currency === 'EUR';
    return say({
      code: shop.currency,
      name: isEuro ? 'Euro' : 'United States (US) dollar',
      symbol: isEuro ? '&euro;' : '&#36;',
      _links: {
        self: [
          {
            href: `${shop.home}${BASE}/data/currencies/${shop.currency}`,
            targetHints: { allow: ['GET'] },
          },
        ],
        collection: [{ href: `${shop.home}${BASE}/data/currencies` }],
      },
    });
  }
  if (path === 'settings/products/woocommerce_weight_unit')
    return say({ id: 'woocommerce_weight_unit', label: 'Weight unit', type: 'select', default: 'kg', value: 'kg' });
  if (path === 'system_status') {
    const environment = { home_url: shop.home, site_url: shop.home, version: '11.0.1', wp_version: '7.0.4' };
    return say({ environment: { ...environment, php_version: '8.2.35', default_timezone: 'UTC' } });
  }
  return null;
}

/** The stream a list was read of; `null`: it was something else. */
export function listStream(request: SystemRequest): string | null {
  const found = request.method === 'GET' ? resourceAt(request.path.slice(BASE.length + 1)) : null;
  return found?.rest === null ? found.resource.kind : null;
}

function resourceAt(path: string): { resource: Resource; rest: string | null } | null {
  const below = /^(products|orders)\/(\d+)\/(variations|refunds)(?:\/([^/]+))?$/.exec(path);
  if (below) {
    const [, , parent = '', list = '', rest] = below;
    const kind = list === 'variations' ? 'variations' : 'refunds';
    return { resource: { kind, parent, list }, rest: rest ?? null };
  }
  for (const [list, { kind }] of Object.entries(LISTS).reverse()) {
    if (path === list) return { resource: { kind, parent: null, list }, rest: null };
    const rest = path.startsWith(`${list}/`) ? path.slice(list.length + 1) : '';
    const hasSingles = list !== 'variations' && list !== 'refunds';
    if (hasSingles && rest !== '' && !rest.includes('/')) return { resource: { kind, parent: null, list }, rest };
  }
  return null;
}

/** JSON, or a form; `null`: neither. */
function bodyOf(request: SystemRequest): JsonObject | null {
  const text = request.body.toString('utf8');
  if (text === '') return {};
  if (request.headers['content-type']?.startsWith('application/x-www-form-urlencoded'))
    return Object.fromEntries(new URLSearchParams(text));
  try {
    const parsed: Json = JSON.parse(text);
    return objectOf(parsed);
  } catch {
    return null;
  }
}

function collection(deps: RouteDeps, resource: Resource, request: SystemRequest, body: JsonObject): ShopAnswer {
  const spec = LISTS[resource.list];
  if (!spec) return noRoute();
  if (request.method === 'GET') return answerList(deps.shop, spec, request, resource.parent);
  const isGlobal = resource.parent === null && ['variations', 'refunds'].includes(resource.kind);
  if (request.method !== 'POST' || isGlobal) return noRoute();
  const made = create(deps, resource, body);
  if ('refused' in made) return { ...made.refused, headers: { allow: 'GET, POST' } };
  const location = `${deps.shop.home}${request.path}/${made.id}`;
  return { status: 201, body: shown(deps.shop, resource.kind, made.id), headers: { location, allow: 'GET, POST' } };
}

function read(shop: Shop, resource: Resource, body: JsonObject, id: string | null): Written {
  const { kind, parent } = resource;
  if (kind === 'products') return productOf(shop, body, id);
  if (kind === 'variations') return variationOf(shop, body, parent ?? '', id);
  if (kind === 'orders') return orderOf(shop, body, id);
  if (kind === 'customers') return customerOf(shop, body, id);
  if (kind === 'webhooks') return hookOf(shop, body, id);
  return plainOf(shop, kind, body, id);
}

function create(deps: RouteDeps, resource: Resource, body: JsonObject): { id: string } | { refused: ShopAnswer } {
  const { shop } = deps;
  if (resource.kind === 'refunds') return { id: addRefund(shop, resource.parent ?? '', body) };
  const written = read(shop, resource, body, null);
  if ('refused' in written) return written;
  const id = shop.add(resource.kind, written.values);
  // Made through the API, an order is told of twice.
  if (resource.kind === 'orders') shop.onChange('orders', id, 'updated');
  if (resource.kind === 'webhooks') deps.ping(id);
  return { id };
}

const shown = (shop: Shop, kind: Kind, id: string): JsonObject => {
  const entry = shop.get(kind, id);
  return entry ? SHAPES[kind](shop, entry) : {};
};

const NOT_FOUND: Readonly<Record<Kind, readonly [code: string, message: string]>> = {
  products: ['woocommerce_rest_product_invalid_id', 'Invalid ID.'],
  variations: ['woocommerce_rest_product_variation_invalid_id', 'Invalid ID.'],
  orders: ['woocommerce_rest_shop_order_invalid_id', 'Invalid ID.'],
  refunds: ['woocommerce_rest_invalid_order_refund_id', 'Invalid order refund ID.'],
  customers: ['wc_user_invalid_id', 'Invalid user ID.'],
  categories: ['woocommerce_rest_term_invalid', 'Resource does not exist.'],
  coupons: ['woocommerce_rest_shop_coupon_invalid_id', 'Invalid ID.'],
  webhooks: ['woocommerce_rest_shop_webhook_invalid_id', 'Invalid ID.'],
};

function notFound(kind: Kind, status = 404): ShopAnswer {
  const [code, message] = NOT_FOUND[kind];
  const isBare = ['customers', 'categories', 'variations'].includes(kind);
  return shopError(status, code, message, {}, isBare ? {} : { allow: ALL_METHODS });
}

function belongs(shop: Shop, { kind, parent }: Resource, id: string): boolean {
  const entry = shop.get(kind, id);
  return entry !== null && (parent === null || textOf(entry.values.parent_id) === parent);
}

function single(deps: RouteDeps, resource: Resource, id: string, request: SystemRequest, body: JsonObject): ShopAnswer {
  const { shop } = deps;
  const { kind } = resource;
  const fields = (request.query.get('_fields') ?? '').split(',').filter((field) => field !== '');
  const headers = { allow: ALL_METHODS };
  if (kind === 'products' && request.method === 'GET') {
    const variation = shop.get('variations', id);
    if (variation) return { status: 200, body: pick(variationAsProduct(shop, variation), fields), headers };
  }
  if (!belongs(shop, resource, id)) return notFound(kind);
  if (request.method === 'GET') return { status: 200, body: pick(shown(shop, kind, id), fields), headers };
  if (request.method === 'DELETE') return remove(shop, resource, id, request.query.get('force') === 'true');
  const refused = update(deps, resource, id, body);
  return refused ?? { status: 200, body: shown(shop, kind, id), headers };
}

function update(deps: RouteDeps, resource: Resource, id: string, body: JsonObject): ShopAnswer | null {
  const written = read(deps.shop, resource, body, id);
  if ('refused' in written) return { ...written.refused, headers: { allow: ALL_METHODS } };
  deps.shop.change(resource.kind, id, written.values);
  if (resource.kind === 'webhooks' && body.delivery_url !== undefined) deps.ping(id);
  return null;
}

const TRASHED: Partial<Record<Kind, string>> = {
  products: 'product',
  variations: 'product_variation',
  orders: 'order',
};

/** Into the trash, or for good. The answer shows the record as it was before. */
export function remove(shop: Shop, resource: Resource, id: string, isForced: boolean): ShopAnswer {
  const { kind } = resource;
  const before = shown(shop, kind, id);
  const canTrash = TRASHED[kind] !== undefined || kind === 'coupons';
  if (!isForced && !canTrash) {
    const name = kind === 'customers' ? 'Customers' : kind === 'webhooks' ? 'Webhooks' : 'Resource';
    const message = `${name} ${name === 'Resource' ? 'does' : 'do'} not support trashing.`;
    return shopError(501, 'woocommerce_rest_trash_not_supported', message, {}, { allow: ALL_METHODS });
  }
  const isTrashed = shop.table(kind).latest(id)?.status === 'trash';
  if (!isForced && isTrashed) {
    const message = `The ${TRASHED[kind] ?? 'shop_coupon'} has already been deleted.`;
    return shopError(410, 'woocommerce_rest_already_trashed', message, {}, { allow: ALL_METHODS });
  }
  discard(shop, kind, id, isForced);
  return { status: 200, body: before, headers: { allow: ALL_METHODS } };
}

/** A product takes its variations with it. What was in the trash is gone without another delivery. */
export function discard(
  shop: Shop,
  kind: Kind,
  id: string,
  isForced: boolean,
  times: { at?: Date; visibleAt?: Date } = {},
): void {
  const latest = shop.table(kind).latest(id);
  const wasTrashed = latest?.status === 'trash';
  if (kind === 'products')
    for (const child of shop.all('variations').filter((one) => textOf(one.values.parent_id) === id))
      discard(shop, 'variations', child.id, isForced, times);
  shop.put(kind, id, isForced ? null : { ...latest, status: 'trash' }, times);
  if (!wasTrashed) shop.onChange(kind, id, 'deleted');
}

/** Up to 100 at once; each has its own error, which for a create says id 0. */
function batch(deps: RouteDeps, resource: Resource, body: JsonObject): ShopAnswer {
  const { shop } = deps;
  const headers = { allow: 'POST, PUT, PATCH' };
  const [creates, updates, deletes] = [objectsOf(body.create), objectsOf(body.update), listOf(body.delete)];
  if (creates.length + updates.length + deletes.length > MOST_IN_BATCH) {
    const message = `Unable to accept more than ${MOST_IN_BATCH} items for this request.`;
    return shopError(413, 'woocommerce_rest_request_entity_too_large', message, {}, headers);
  }
  const failed = (id: number, refused: ShopAnswer): Json => ({ id, error: refused.body });
  const done: JsonObject = {
    ...(creates.length > 0 && {
      create: creates.map((one) => {
        const made = create(deps, resource, one);
        return 'refused' in made ? failed(0, made.refused) : shown(shop, resource.kind, made.id);
      }),
    }),
    ...(updates.length > 0 && {
      update: updates.map((one) => {
        const id = textOf(one.id);
        if (!belongs(shop, resource, id)) return failed(Number(id), notFound(resource.kind, 400));
        const refused = update(deps, resource, id, one);
        return refused ? failed(Number(id), refused) : shown(shop, resource.kind, id);
      }),
    }),
    ...(deletes.length > 0 && {
      delete: deletes.map((one) => {
        const id = textOf(one);
        if (!belongs(shop, resource, id)) return failed(Number(id), notFound(resource.kind));
        return remove(shop, resource, id, true).body;
      }),
    }),
  };
  return { status: 200, body: Object.keys(done).length > 0 ? done : [], headers };
}
