/** Records as the API shows them. What WordPress computes on each read (local times, prices, related products, links) is made here. */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { Entry, Kind, Shop } from './shop.ts';
import { gmtTime, wallTime } from './times.ts';
import { centsOf, listOf, moneyOf, numberOf, objectOf, objectsOf, textOf } from './values.ts';

/** Pages for shoppers have an address of their own: a product stays the same when this server has another port. */
const SITE = 'https://shop.outdoor.example';

const ITEM_METHODS: Json = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export type Shape = (shop: Shop, entry: Entry) => JsonObject;

function created(shop: Shop, { createdAt, updatedAt }: Entry): JsonObject {
  return {
    date_created: wallTime(createdAt, shop.zone),
    date_created_gmt: gmtTime(createdAt),
    date_modified: wallTime(updatedAt, shop.zone),
    date_modified_gmt: gmtTime(updatedAt),
  };
}

/** A time a record holds, kept in UTC: shown twice. */
function both(shop: Shop, values: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name): [string, Json][] => {
      const gmt = textOf(values[`${name}_gmt`]);
      const local = gmt === '' ? null : wallTime(Date.parse(`${gmt}Z`), shop.zone);
      return [
        [name, local],
        [`${name}_gmt`, gmt === '' ? null : gmt],
      ];
    }),
  );
}

function links(shop: Shop, collection: string, id: string, more: JsonObject = {}): JsonObject {
  const base = `${shop.home}/wp-json/wc/v3/${collection}`;
  return {
    _links: {
      self: [{ href: `${base}/${id}`, targetHints: { allow: ITEM_METHODS } }],
      collection: [{ href: base }],
      ...more,
    },
  };
}

/** Prices of what is sold: the sale price counts when there is one. */
function prices(values: JsonObject): JsonObject {
  const sale = textOf(values.sale_price);
  return { price: sale === '' ? textOf(values.regular_price) : sale, on_sale: sale !== '' };
}

function stock(values: JsonObject): JsonObject {
  const backorders = textOf(values.backorders) || 'no';
  const isAllowed = backorders !== 'no';
  const isManaged = values.manage_stock === true;
  const quantity = isManaged ? numberOf(values.stock_quantity) : null;
  const state = quantity === null || quantity > 0 ? 'instock' : isAllowed ? 'onbackorder' : 'outofstock';
  return {
    manage_stock: isManaged,
    stock_quantity: quantity,
    stock_status: isManaged ? state : textOf(values.stock_status) || 'instock',
    backorders,
    backorders_allowed: isAllowed,
    backordered: isManaged && state === 'onbackorder',
  };
}

/** Another choice on every read, as WooCommerce makes it. */
function related(shop: Shop, id: string): Json {
  const others = shop.all('products').filter((other) => other.id !== id);
  return Array.from({ length: Math.min(5, others.length) }, () =>
    Number(others[Math.floor(shop.random() * others.length)]?.id ?? 0),
  );
}

const categoriesOf = (shop: Shop, values: JsonObject): Json =>
  listOf(values.category_ids).flatMap((id) => {
    const category = shop.get('categories', textOf(id))?.values;
    return category ? [{ id: numberOf(id), name: textOf(category.name), slug: textOf(category.slug) }] : [];
  });

export const product: Shape = (shop, entry) => {
  const { id, values } = entry;
  const children = shop.all('variations').filter((one) => textOf(one.values.parent_id) === id);
  const alive = children.filter((one) => one.values.status !== 'trash');
  const lowest = alive.map((one) => centsOf(prices(one.values).price)).sort((a, b) => a - b)[0];
  const { category_ids: _, ...kept } = values;
  return {
    id: Number(id),
    ...kept,
    ...prices(values),
    ...(values.type === 'variable' ? { price: lowest === undefined ? '' : moneyOf(lowest) } : {}),
    ...stock(values),
    ...created(shop, entry),
    ...both(shop, values, ['date_on_sale_from', 'date_on_sale_to']),
    permalink:
      values.status === 'trash' ? `${SITE}/?post_type=product&p=${id}` : `${SITE}/product/${textOf(values.slug)}/`,
    categories: categoriesOf(shop, values),
    variations: alive.map((one) => Number(one.id)),
    has_options: values.type === 'variable',
    price_html: `<span class="woocommerce-Price-amount amount">${textOf(prices(values).price)}</span>`,
    related_ids: related(shop, id),
    ...links(shop, 'products', id),
  };
};

/** @param isGlobal in the list of all variations, whose links lead nowhere */
const variationShape =
  (isGlobal: boolean): Shape =>
  (shop, entry) => {
    const { id, values } = entry;
    const parent = textOf(values.parent_id);
    const parentValues = shop.get('products', parent)?.values ?? {};
    const attributes = objectsOf(values.attributes);
    const isParents = values.manage_stock !== true && parentValues.manage_stock === true;
    const own = stock(isParents ? parentValues : values);
    const up = `${shop.home}/wp-json/wc/v3/products/${isGlobal ? '0' : parent}`;
    return {
      id: Number(id),
      ...values,
      ...prices(values),
      ...own,
      manage_stock: isParents ? 'parent' : (own.manage_stock ?? false),
      ...created(shop, entry),
      ...both(shop, values, ['date_on_sale_from', 'date_on_sale_to']),
      // What a variation has none of is its product's, and its time does not move with it.
      sku: textOf(values.sku) || textOf(parentValues.sku),
      weight: textOf(values.weight) || textOf(parentValues.weight),
      name: attributes.map((one) => textOf(one.option)).join(', '),
      permalink: `${SITE}/product/${textOf(parentValues.slug)}/?${attributes
        .map((one) => `attribute_${textOf(one.slug)}=${encodeURIComponent(textOf(one.option).toLowerCase())}`)
        .join('&')}`,
      parent_id: Number(parent),
      ...links(shop, isGlobal ? 'variations' : `products/${parent}/variations`, id, { up: [{ href: up }] }),
    };
  };

export const variation = variationShape(false);
export const globalVariation = variationShape(true);

/** A variation asked for under its product's address: the shape of a product, with a total of sales that is a text. */
export const variationAsProduct: Shape = (shop, entry) => {
  const parent = textOf(entry.values.parent_id);
  const { image: _, gallery_image_ids: __, name: ___, ...shown } = variation(shop, entry);
  const parentValues = shop.get('products', parent)?.values ?? {};
  return {
    ...product(shop, { ...entry, values: { ...parentValues, type: 'variation' } }),
    ...shown,
    name: textOf(parentValues.name),
    total_sales: '0',
    ...{ categories: [], tags: [], images: [], variations: [], related_ids: [] },
    ...links(shop, 'products', entry.id, { up: [{ href: `${shop.home}/wp-json/wc/v3/products/${parent}` }] }),
  };
};

const order: Shape = (shop, entry) => {
  const { id, values } = entry;
  const customer = numberOf(values.customer_id);
  const refunds = shop.all('refunds').filter((one) => textOf(one.values.parent_id) === id);
  const more: JsonObject = {
    email_templates: [{ embeddable: true, href: `${shop.home}/wp-json/wc/v3/orders/${id}/actions/email_templates` }],
    ...(customer > 0 ? { customer: [{ href: `${shop.home}/wp-json/wc/v3/customers/${customer}` }] } : {}),
  };
  return {
    id: Number(id),
    ...values,
    number: id,
    ...created(shop, entry),
    ...both(shop, values, ['date_completed', 'date_paid']),
    refunds: refunds.reverse().map((one) => ({
      id: Number(one.id),
      reason: textOf(one.values.reason),
      total: `-${textOf(one.values.amount)}`,
      total_tax: '0.00',
    })),
    payment_url: `${shop.home}/checkout/order-pay/${id}/?pay_for_order=true&key=${textOf(values.order_key)}`,
    is_editable: ['pending', 'on-hold'].includes(textOf(values.status)),
    needs_payment: values.status === 'pending' && textOf(values.total) !== '0.00',
    needs_processing: true,
    currency_symbol: textOf(values.currency) === 'EUR' ? '€' : '$',
    ...links(shop, 'orders', id, more),
  };
};

/** In the list of all refunds, with its order. */
export const globalRefund: Shape = (shop, entry) => {
  const parent = textOf(entry.values.parent_id);
  const { date_modified: _, date_modified_gmt: __, ...times } = created(shop, entry);
  return {
    id: Number(entry.id),
    ...entry.values,
    parent_id: Number(parent),
    ...times,
    ...links(shop, `orders/${parent}/refunds`, entry.id, {
      up: [{ href: `${shop.home}/wp-json/wc/v3/orders/${parent}` }],
    }),
  };
};

/** Below its order, which it does not name again. */
const refund: Shape = (shop, entry) => {
  const { parent_id: _, ...shown } = globalRefund(shop, entry);
  return shown;
};

const customer: Shape = (shop, entry) => {
  const email = textOf(entry.values.email).toLowerCase();
  const { isNeverModified, ...values } = entry.values;
  return {
    id: Number(entry.id),
    ...created(shop, entry),
    ...(isNeverModified === true ? { date_modified: null, date_modified_gmt: null } : {}),
    ...values,
    avatar_url: `https://secure.gravatar.com/avatar/${createHash('sha256').update(email).digest('hex')}?s=96&d=mm&r=g`,
    ...links(shop, 'customers', entry.id),
  };
};

const category: Shape = (shop, { id, values }) => ({
  id: Number(id),
  ...values,
  count: shop.all('products').filter((one) => listOf(one.values.category_ids).some((own) => textOf(own) === id)).length,
  ...links(shop, 'products/categories', id),
});

const coupon: Shape = (shop, entry) => ({
  id: Number(entry.id),
  ...entry.values,
  ...created(shop, entry),
  ...both(shop, entry.values, ['date_expires']),
  ...links(shop, 'coupons', entry.id),
});

const webhook: Shape = (shop, entry) => {
  const { secret: _, failure_count: __, is_ping_due: ___, is_modified, ...values } = entry.values;
  return {
    id: Number(entry.id),
    ...values,
    ...created(shop, entry),
    ...(is_modified === true ? {} : { date_modified: null, date_modified_gmt: null }),
    ...links(shop, 'webhooks', entry.id),
  };
};

export const SHAPES: Readonly<Record<Kind, Shape>> = {
  products: product,
  variations: variation,
  orders: order,
  refunds: refund,
  customers: customer,
  categories: category,
  coupons: coupon,
  webhooks: webhook,
};

/** The fields asked for with `_fields` (`id`, `environment.version`); all when none are. */
export function pick(record: JsonObject, fields: readonly string[]): JsonObject {
  if (fields.length === 0) return record;
  const picked: JsonObject = {};
  for (const name of Object.keys(record)) {
    if (fields.includes(name)) picked[name] = record[name] ?? null;
    const below = fields.filter((field) => field.startsWith(`${name}.`)).map((field) => field.slice(name.length + 1));
    if (below.length > 0) picked[name] = pick(objectOf(record[name]), below);
  }
  return picked;
}
