/** New records with what WooCommerce fills in by itself. */
import type { JsonObject } from '../../connector/contract.ts';
import type { Shop } from './shop.ts';
import { centsOf, moneyOf, objectsOf, textOf } from './values.ts';

export const slugOf = (name: string): string =>
  name
    .normalize('NFD')
    .replace(/[̀-ͯ]/g, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const goods: JsonObject = {
  ...{ regular_price: '', sale_price: '', date_on_sale_from_gmt: null, date_on_sale_to_gmt: null, on_sale: false },
  ...{ purchasable: true, virtual: false, downloadable: false, downloads: [], download_limit: -1, download_expiry: -1 },
  ...{ tax_status: 'taxable', tax_class: '', manage_stock: false, stock_quantity: null, backorders: 'no' },
  ...{ low_stock_amount: null, weight: '', dimensions: { length: '', width: '', height: '' } },
  ...{ shipping_class: '', shipping_class_id: 0, menu_order: 0, meta_data: [], sku: '', global_unique_id: '' },
};

export const blankProduct = (name: string): JsonObject => ({
  ...{ name, slug: slugOf(name), type: 'simple', status: 'publish', featured: false, catalog_visibility: 'visible' },
  ...{ description: '', short_description: '', total_sales: 0, external_url: '', button_text: '' },
  ...{ sold_individually: false, shipping_required: true, shipping_taxable: true, reviews_allowed: true },
  ...{ average_rating: '0.00', rating_count: 0, upsell_ids: [], cross_sell_ids: [], parent_id: 0, purchase_note: '' },
  ...{ category_ids: [], brands: [], tags: [], images: [], attributes: [], default_attributes: [] },
  ...{ grouped_products: [], post_password: '' },
  ...goods,
});

export const blankVariation = (parent: number): JsonObject => ({
  ...{ type: 'variation', description: '', status: 'publish', parent_id: parent, image: null, gallery_image_ids: [] },
  attributes: [],
  ...goods,
});

/** A new coupon without its code. */
export const COUPON: JsonObject = {
  ...{ amount: '0.00', status: 'publish', discount_type: 'fixed_cart', description: '', date_expires_gmt: null },
  ...{ usage_count: 0, individual_use: false, product_ids: [], excluded_product_ids: [], usage_limit: null },
  ...{ usage_limit_per_user: null, limit_usage_to_x_items: null, free_shipping: false, product_categories: [] },
  ...{ excluded_product_categories: [], exclude_sale_items: false, minimum_amount: '0.00', maximum_amount: '0.00' },
  ...{ email_restrictions: [], used_by: [], meta_data: [] },
};

const noAddress: JsonObject = {
  ...{ first_name: '', last_name: '', company: '', address_1: '', address_2: '', city: '', state: '', postcode: '' },
  country: '',
};

export const blankOrder = (shop: Shop): JsonObject => ({
  ...{ parent_id: 0, status: 'pending', currency: shop.currency, version: '11.0.1', prices_include_tax: true },
  ...{ discount_total: '0.00', discount_tax: '0.00', shipping_total: '0.00', shipping_tax: '0.00', cart_tax: '0.00' },
  ...{ total: '0.00', total_tax: '0.00', customer_id: 0, order_key: `wc_order_${keyOf(shop)}` },
  billing: { ...noAddress, email: '', phone: '' },
  shipping: { ...noAddress, phone: '' },
  ...{ payment_method: '', payment_method_title: '', transaction_id: '', customer_ip_address: '' },
  ...{ customer_user_agent: '', created_via: 'rest-api', customer_note: '', cart_hash: '', meta_data: [] },
  ...{ date_completed_gmt: null, date_paid_gmt: null },
  ...{ line_items: [], tax_lines: [], shipping_lines: [], fee_lines: [], coupon_lines: [] },
});

const keyOf = (shop: Shop): string => Math.floor(shop.random() * 36 ** 8).toString(36);

export type Wanted = {
  readonly sku?: string;
  readonly productId?: string;
  readonly variationId?: string;
  readonly quantity: number;
  readonly total?: string;
};

/** A line of an order. What the shop does not know becomes an empty line, not an error. */
export function line(shop: Shop, wanted: Wanted): JsonObject[] {
  const sellable = [...shop.all('variations'), ...shop.all('products')];
  const isIt = (entry: { id: string; values: JsonObject }): boolean =>
    wanted.sku !== undefined
      ? textOf(entry.values.sku) === wanted.sku
      : entry.id === (wanted.variationId ?? wanted.productId);
  const found = sellable.find(isIt);
  const isVariation = found?.values.type === 'variation';
  const parent = isVariation ? textOf(found.values.parent_id) : '';
  const parentName = parent === '' ? null : textOf(shop.table('products').latest(parent)?.name);
  const attributes = isVariation ? objectsOf(found.values.attributes) : [];
  const unit = centsOf(textOf(found?.values.sale_price) || found?.values.regular_price);
  const total = wanted.total ?? moneyOf(unit * wanted.quantity);
  const meta = attributes.map((one) => ({
    ...{ id: shop.nextId('meta'), key: textOf(one.slug), value: textOf(one.option) },
    ...{ display_key: textOf(one.name), display_value: textOf(one.option) },
  }));
  return [
    {
      id: shop.nextId('item'),
      name: parentName ?? textOf(found?.values.name),
      product_id: Number(isVariation ? parent : (found?.id ?? 0)),
      variation_id: isVariation ? Number(found.id) : 0,
      quantity: wanted.quantity,
      ...{ tax_class: '', subtotal: total, subtotal_tax: '0.00', total, total_tax: '0.00', taxes: [] },
      meta_data: meta,
      sku: found ? textOf(found.values.sku) : null,
      global_unique_id: found ? textOf(found.values.global_unique_id) : null,
      price: centsOf(total) / 100 / Math.max(1, wanted.quantity),
      image: { id: found && !isVariation ? '' : 0, src: '' },
      parent_name: parentName,
    },
  ];
}
