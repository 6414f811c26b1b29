/** Writing products, variations, categories and coupons, with what WooCommerce does to the values on the way. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import { badParameter, type ShopAnswer, shopError, wordList } from './answers.ts';
import { blankProduct, blankVariation, COUPON, slugOf } from './blanks.ts';
import type { Kind, Shop } from './shop.ts';
import { listOf, numberOf, objectOf, objectsOf, textOf } from './values.ts';

/** What a body says: fields to keep, or the answer that refuses it. */
export type Written = { readonly values: JsonObject } | { readonly refused: ShopAnswer };

const TYPES = ['simple', 'grouped', 'external', 'variable'];
const TEXTS = [
  ...['name', 'slug', 'status', 'catalog_visibility', 'sku', 'global_unique_id', 'regular_price', 'sale_price'],
  ...['weight', 'tax_status', 'tax_class', 'backorders', 'external_url', 'button_text', 'purchase_note', 'type'],
  ...['date_on_sale_from_gmt', 'date_on_sale_to_gmt', 'shipping_class'],
];
const PLAIN = [
  'featured',
  'virtual',
  'downloadable',
  'sold_individually',
  'menu_order',
  'dimensions',
  'low_stock_amount',
];
const LISTS = ['tags', 'images', 'brands', 'default_attributes', 'upsell_ids', 'cross_sell_ids', 'grouped_products'];

export function productOf(shop: Shop, body: JsonObject, id: string | null): Written {
  if (body.type !== undefined && !TYPES.includes(textOf(body.type)))
    return { refused: badParameter('type', `type is not one of ${wordList(TYPES)}`, 'rest_not_in_enum') };
  const before = id === null ? blankProduct(textOf(body.name)) : (shop.table('products').latest(id) ?? {});
  const read = goodsOf(shop, body, before, id);
  if ('refused' in read) return read;
  const name = textOf(read.values.name);
  const categories = Array.isArray(body.categories)
    ? listOf(body.categories).map((one) => objectOf(one).id ?? 0)
    : null;
  return {
    values: {
      ...read.values,
      slug: textOf(read.values.slug) || slugOf(name),
      ...(categories ? { category_ids: categories } : {}),
      ...(Array.isArray(body.attributes) ? { attributes: body.attributes.map(attributeOf) } : {}),
    },
  };
}

export function variationOf(shop: Shop, body: JsonObject, parent: string, id: string | null): Written {
  const before = id === null ? blankVariation(Number(parent)) : (shop.table('variations').latest(id) ?? {});
  const read = goodsOf(shop, body, before, id);
  if ('refused' in read) return read;
  const attributes = Array.isArray(body.attributes)
    ? objectsOf(body.attributes).map((one) => ({
        ...{ id: numberOf(one.id), name: textOf(one.name), slug: slugOf(textOf(one.name)), option: textOf(one.option) },
      }))
    : null;
  return { values: { ...read.values, ...(attributes ? { attributes } : {}) } };
}

function goodsOf(shop: Shop, body: JsonObject, before: JsonObject, id: string | null): Written {
  const sku = textOf(body.sku);
  const other =
    sku === ''
      ? undefined
      : [...shop.all('products'), ...shop.all('variations')].find(
          (one) => one.id !== id && textOf(one.values.sku) === sku,
        );
  if (other) {
    const data = { resource_id: Number(other.id), unique_sku: `${sku}-1` };
    return { refused: shopError(400, 'product_invalid_sku', 'Invalid or duplicated SKU.', data) };
  }
  const values: JsonObject = { ...before };
  for (const name of TEXTS) if (body[name] !== undefined) values[name] = textOf(body[name]);
  for (const name of PLAIN) if (body[name] !== undefined) values[name] = body[name] ?? null;
  for (const name of LISTS) if (Array.isArray(body[name])) values[name] = body[name] ?? [];
  for (const name of ['description', 'short_description'])
    if (body[name] !== undefined) values[name] = filtered(textOf(body[name]));
  if (body.meta_data !== undefined) values.meta_data = metaOf(shop, before.meta_data, body.meta_data);
  if (typeof body.manage_stock === 'boolean') values.manage_stock = body.manage_stock;
  // A quantity for something that is not counted is dropped without a word.
  if (values.manage_stock !== true) values.stock_quantity = null;
  else if (body.stock_quantity !== undefined) values.stock_quantity = numberOf(body.stock_quantity);
  if (body.stock_status !== undefined && values.manage_stock !== true) values.stock_status = textOf(body.stock_status);
  return { values };
}

/** Scripts lose their tags, text becomes a paragraph. */
export function filtered(html: string): string {
  const clean = html.replace(/<\/?(script|style|iframe)[^>]*>/gi, '').trim();
  if (clean === '') return '';
  return clean.startsWith('<p>') ? `${clean}\n` : `<p>${clean}</p>\n`;
}

/** Options are kept as one text with bars between, so that one with a bar in it comes back as two. */
function attributeOf(value: Json): Json {
  const given = objectOf(value);
  const name = textOf(given.name);
  const options = listOf(given.options).flatMap((option) => textOf(option).split(' | '));
  return {
    ...{ id: numberOf(given.id), name, slug: name, position: numberOf(given.position) },
    ...{ visible: given.visible === true, variation: given.variation === true, options },
  };
}

/** Own keys are replaced, others stay; false is kept as an empty text. */
export function metaOf(shop: Shop, before: Json | undefined, given: Json): Json {
  const kept = objectsOf(before);
  for (const { key, value } of objectsOf(given)) {
    const shown: Json = value === false ? '' : (value ?? '');
    const at = kept.findIndex((one) => one.key === key);
    if (at >= 0) kept[at] = { ...kept[at], value: shown };
    else kept.push({ id: shop.nextId('meta'), key: textOf(key), value: shown });
  }
  return kept;
}

const CATEGORY_BLANK: JsonObject = { parent: 0, description: '', display: 'default', image: null, menu_order: 0 };

/** Coupons and categories are kept as they are given. */
export function plainOf(shop: Shop, kind: Kind, body: JsonObject, id: string | null): Written {
  const blank = kind === 'coupons' ? COUPON : CATEGORY_BLANK;
  const before = id === null ? blank : (shop.table(kind).latest(id) ?? {});
  const named = kind === 'categories' && id === null ? { slug: slugOf(textOf(body.name)) } : {};
  const code = kind === 'coupons' && body.code !== undefined ? { code: textOf(body.code).toLowerCase() } : {};
  const { id: _, ...given } = body;
  return { values: { ...before, ...named, ...given, ...code } };
}

export function customerOf(shop: Shop, body: JsonObject, id: string | null): Written {
  const email = textOf(body.email);
  const isTaken = shop
    .all('customers')
    .some((one) => one.id !== id && textOf(one.values.email).toLowerCase() === email.toLowerCase());
  if (email !== '' && isTaken) {
    const message = `An account is already registered with ${email}. Please log in or use a different email address.`;
    return { refused: shopError(400, 'registration-error-email-exists', message) };
  }
  const blank: JsonObject = {
    ...{ email, first_name: '', last_name: '', role: 'customer', username: textOf(body.username) || email },
    ...{ billing: {}, shipping: {}, is_paying_customer: false, meta_data: [] },
  };
  const before = id === null ? blank : (shop.table('customers').latest(id) ?? {});
  const { id: _, password: __, billing, shipping, isNeverModified: ___, ...given } = body;
  return {
    values: {
      ...before,
      ...given,
      isNeverModified: false,
      billing: { ...objectOf(before.billing), ...objectOf(billing) },
      shipping: { ...objectOf(before.shipping), ...objectOf(shipping) },
    },
  };
}
