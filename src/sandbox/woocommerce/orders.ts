/** Orders: made, changed and refunded, with the stock they take and give back. */
import type { JsonObject } from '../../connector/contract.ts';
import { badParameter, shopError, wordList } from './answers.ts';
import { blankOrder, line } from './blanks.ts';
import { metaOf, type Written } from './goods.ts';
import type { Shop, Times } from './shop.ts';
import { gmtTime } from './times.ts';
import { centsOf, listOf, moneyOf, numberOf, objectOf, objectsOf, textOf } from './values.ts';

const STATES = [
  ...['auto-draft', 'pending', 'processing', 'on-hold', 'completed', 'cancelled', 'refunded', 'failed'],
  'checkout-draft',
];
/** States in which the goods are taken out of the stock. */
const TAKES_STOCK = ['processing', 'completed', 'on-hold'];
const GIVES_BACK = ['cancelled', 'pending'];
const TEXTS = ['currency', 'customer_note', 'payment_method', 'payment_method_title', 'transaction_id', 'created_via'];

export function orderOf(shop: Shop, body: JsonObject, id: string | null): Written {
  if (body.status !== undefined && !STATES.includes(textOf(body.status)))
    return { refused: badParameter('status', `status is not one of ${wordList(STATES)}`, 'rest_not_in_enum') };
  const before = id === null ? blankOrder(shop) : (shop.table('orders').latest(id) ?? {});
  const values: JsonObject = { ...before };
  for (const name of TEXTS) if (body[name] !== undefined) values[name] = textOf(body[name]);
  if (body.customer_id !== undefined) values.customer_id = numberOf(body.customer_id);
  for (const name of ['billing', 'shipping'])
    if (body[name] !== undefined) values[name] = { ...objectOf(before[name]), ...objectOf(body[name]) };
  if (body.meta_data !== undefined) values.meta_data = metaOf(shop, before.meta_data, body.meta_data);
  const wanted = objectsOf(body.line_items);
  if (wanted.some((one) => !['product_id', 'variation_id', 'sku', 'id'].some((name) => one[name] !== undefined)))
    return {
      refused: shopError(400, 'woocommerce_rest_required_product_reference', 'Product ID or SKU is required.'),
    };
  if (id === null) values.line_items = wanted.flatMap((one) => line(shop, wantedOf(one)));
  for (const name of ['shipping_lines', 'fee_lines', 'coupon_lines'])
    if (Array.isArray(body[name]))
      values[name] = objectsOf(body[name]).map((one) => ({ id: shop.nextId('item'), ...one }));
  values.shipping_total = moneyOf(sumOf(values.shipping_lines));
  values.total = moneyOf(sumOf(values.line_items) + sumOf(values.shipping_lines) + sumOf(values.fee_lines));
  const status = statusOf(body, before);
  if (id !== null && status === before.status) return { values };
  return { values: standing(shop, { ...values, status }) };
}

function wantedOf(one: JsonObject) {
  const sku = textOf(one.sku);
  return {
    ...(sku === '' ? {} : { sku }),
    ...(numberOf(one.product_id) > 0 ? { productId: textOf(one.product_id) } : {}),
    ...(numberOf(one.variation_id) > 0 ? { variationId: textOf(one.variation_id) } : {}),
    quantity: one.quantity === undefined ? 1 : numberOf(one.quantity),
    ...(one.total === undefined ? {} : { total: textOf(one.total) }),
  };
}

const sumOf = (lines: JsonObject[string] | undefined): number =>
  objectsOf(lines).reduce((sum, one) => sum + centsOf(one.total), 0);

function statusOf(body: JsonObject, before: JsonObject): string {
  const named = textOf(body.status) || textOf(before.status);
  return body.set_paid === true && named === 'pending' ? 'processing' : named;
}

/** Times of being paid and completed, and the stock: taken once, given back once. */
function standing(shop: Shop, values: JsonObject): JsonObject {
  const now = gmtTime(shop.now());
  const status = textOf(values.status);
  const dates: JsonObject = {
    ...(['processing', 'completed'].includes(status) && !values.date_paid_gmt ? { date_paid_gmt: now } : {}),
    ...(status === 'completed' && !values.date_completed_gmt ? { date_completed_gmt: now } : {}),
  };
  return { ...values, ...dates, line_items: objectsOf(values.line_items).map((one) => moved(shop, one, status)) };
}

function moved(shop: Shop, one: JsonObject, status: string): JsonObject {
  const isTaken = listOf(one.meta_data).some((meta) => objectOf(meta).key === '_reduced_stock');
  const quantity = numberOf(one.quantity);
  const others = objectsOf(one.meta_data).filter((meta) => meta.key !== '_reduced_stock');
  if (!isTaken && TAKES_STOCK.includes(status) && takeStock(shop, one, quantity)) {
    const value = String(quantity);
    const taken = { id: shop.nextId('meta'), key: '_reduced_stock', value };
    return { ...one, meta_data: [...others, { ...taken, display_key: '_reduced_stock', display_value: value }] };
  }
  if (isTaken && GIVES_BACK.includes(status)) {
    takeStock(shop, one, -quantity);
    return { ...one, meta_data: others };
  }
  return one;
}

/** From the variation, or from its product where that counts for all of them. */
function takeStock(shop: Shop, one: JsonObject, quantity: number): boolean {
  const places = [
    ['variations', textOf(one.variation_id)],
    ['products', textOf(one.product_id)],
  ] as const;
  for (const [kind, id] of places) {
    const values = shop.table(kind).latest(id);
    if (values?.manage_stock !== true) continue;
    shop.change(kind, id, { stock_quantity: numberOf(values.stock_quantity) - quantity });
    return true;
  }
  return false;
}

/** A refund of an order moves it; of the whole sum, it is refunded. */
export function addRefund(shop: Shop, order: string, body: JsonObject, times: Times = {}): string {
  const amount = moneyOf(centsOf(body.amount));
  const before = shop.all('refunds').filter((one) => textOf(one.values.parent_id) === order);
  const sum = before.reduce((cents, one) => cents + centsOf(one.values.amount), centsOf(amount));
  const isWhole = sum >= centsOf(shop.table('orders').latest(order)?.total);
  const values: JsonObject = {
    ...{ parent_id: Number(order), amount, reason: textOf(body.reason), refunded_by: 1, refunded_payment: false },
    meta_data: [{ id: shop.nextId('meta'), key: '_refund_type', value: isWhole ? 'full' : 'partial' }],
    line_items: objectsOf(body.line_items),
    ...{ shipping_lines: [], tax_lines: [], fee_lines: [] },
  };
  const id = shop.add('refunds', values, times);
  shop.change('orders', order, isWhole ? { status: 'refunded' } : {}, times);
  return id;
}
