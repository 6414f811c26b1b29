/** What people do in the shop, and what tests change in it. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { Change, SandboxAction } from '../system.ts';
import { blankOrder, blankProduct, blankVariation } from './blanks.ts';
import { customerOf, plainOf } from './goods.ts';
import { addRefund, orderOf } from './orders.ts';
import { discard } from './routes.ts';
import { bySku } from './seed.ts';
import type { Entry, Kind, Shop, Times } from './shop.ts';
import { objectOf, textOf } from './values.ts';

/** Field that holds the marker of a record, by stream. */
const MARKED: Readonly<Record<string, { readonly kind: Kind; readonly field: string }>> = {
  products: { kind: 'products', field: 'name' },
  variations: { kind: 'variations', field: 'description' },
  orders: { kind: 'orders', field: 'customer_note' },
  refunds: { kind: 'refunds', field: 'reason' },
  customers: { kind: 'customers', field: 'first_name' },
  categories: { kind: 'categories', field: 'name' },
  coupons: { kind: 'coupons', field: 'description' },
};
export const MARKED_STREAMS = Object.keys(MARKED);

const HIDDEN = ['trash', 'checkout-draft', 'auto-draft'];
/** What has no trash, or none that a reader can look into. */
const GONE_FOR_GOOD: readonly Kind[] = ['refunds', 'customers', 'categories', 'coupons'];

function markedIn(stream: string) {
  const found = MARKED[stream];
  if (!found) throw new RangeError(`there is no stream ${stream}; there are ${MARKED_STREAMS.join(', ')}`);
  return found;
}

/** Markers of all records that are there, by id. */
export function truthOf(shop: Shop, stream: string): ReadonlyMap<string, string> {
  const { kind, field } = markedIn(stream);
  return new Map(
    shop
      .all(kind)
      .filter((entry) => !HIDDEN.includes(textOf(entry.values.status)))
      .map((entry) => [entry.id, textOf(entry.values[field])]),
  );
}

export const markerIn = (stream: string, record: Json): string => textOf(objectOf(record)[markedIn(stream).field]);

/** Carries a change out; gives the id it was made under. */
export function applyChange(shop: Shop, change: Change): string {
  const { kind, field } = markedIn(change.stream);
  const times: Times = change.stamp ?? {};
  if (change.kind === 'delete') {
    discard(shop, kind, change.id, GONE_FOR_GOOD.includes(kind), times);
    return change.id;
  }
  if (change.kind === 'update') {
    shop.change(kind, change.id, { [field]: change.marker }, times);
    return change.id;
  }
  if (kind === 'refunds') {
    const order = shop.all('orders').find((one) => !HIDDEN.includes(textOf(one.values.status)));
    return addRefund(shop, order?.id ?? '0', { amount: '0.01', reason: change.marker }, times);
  }
  const id = shop.add(kind, { ...blankOf(shop, kind), [field]: change.marker }, times);
  const parent = kind === 'variations' ? textOf(shop.table(kind).latest(id)?.parent_id) : '';
  // A new variation moves its product.
  if (parent !== '') shop.change('products', parent, {}, times);
  return id;
}

function blankOf(shop: Shop, kind: Kind): JsonObject {
  const number = shop.nextId('made');
  if (kind === 'products') return { ...blankProduct(`Made ${number}`), sku: `MADE-${number}`, regular_price: '5.00' };
  if (kind === 'variations') {
    const parent = shop.all('products').find((one) => one.values.type === 'variable' && one.values.status !== 'trash');
    return { ...blankVariation(Number(parent?.id ?? 0)), sku: `MADE-${number}`, regular_price: '5.00' };
  }
  if (kind === 'orders') return blankOrder(shop);
  const email = `made${number}@example.com`;
  const written =
    kind === 'customers'
      ? customerOf(shop, { email, username: email }, null)
      : plainOf(shop, kind, kind === 'coupons' ? { code: `made-${number}` } : { name: `Made ${number}` }, null);
  return 'values' in written ? written.values : {};
}

/** @throws RangeError when nothing carries the SKU */
export function act(shop: Shop, action: SandboxAction): void {
  const found = bySku(shop, action.sku);
  if (!found) throw new RangeError(`the shop has no ${action.sku}; it has ${someSkus(shop).join(', ')} …`);
  const { kind, id } = found;
  const quantity = action.quantity ?? 1;
  if (action.kind === 'restock') shop.change(kind, id, { manage_stock: true, stock_quantity: quantity });
  if (action.kind === 'delete') discard(shop, kind, id, false);
  if (action.kind === 'edit') {
    const price = (5 + Math.floor(shop.random() * 400)).toFixed(2);
    shop.change(kind, id, { regular_price: price });
  }
  if (action.kind === 'buy') buy(shop, action.sku, quantity);
}

function buy(shop: Shop, sku: string, quantity: number): void {
  const people: Entry[] = shop.all('customers').filter((one) => one.values.role === 'customer');
  const buyer = people[Math.floor(shop.random() * people.length)];
  const body: JsonObject = {
    ...{ customer_id: Number(buyer?.id ?? 0), set_paid: true, created_via: 'checkout', payment_method: 'bacs' },
    ...{ payment_method_title: 'Direct Bank Transfer', line_items: [{ sku, quantity }] },
    billing: objectOf(buyer?.values.billing),
    shipping: objectOf(buyer?.values.shipping),
  };
  const written = orderOf(shop, body, null);
  if ('values' in written) shop.add('orders', written.values);
}

const someSkus = (shop: Shop): string[] =>
  [...shop.all('products'), ...shop.all('variations')].slice(0, 5).map((one) => textOf(one.values.sku));
