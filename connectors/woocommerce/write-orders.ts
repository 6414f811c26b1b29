/** Makes orders and changes them, one call each, so that each answer belongs to one order. */
import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { isMissing, isObject, judge, type Shop, send } from './client.ts';
import { list } from './list.ts';
import { kept, lost, postponed, refused, rejection, undecided } from './outcomes.ts';
import { START, walk } from './walk.ts';
import { KEY, keyOf } from './write-stock.ts';

const trafficClass = 'write';

/** Fields of an order that can be changed, and read back. */
const CHANGEABLE = [
  ...['status', 'currency', 'customer_id', 'customer_note', 'payment_method', 'payment_method_title'],
  ...['transaction_id', 'billing', 'shipping'],
];

/** What an order says about the fields that may be written. */
export function orderValues(body: Json | undefined): JsonObject {
  if (!isObject(body)) return {};
  return Object.fromEntries(CHANGEABLE.filter((name) => name in body).map((name) => [name, body[name] ?? null]));
}

/** @throws TributaryError as `call`, when nothing was sent yet */
export async function writeOrders(shop: Shop, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const outcomes: WriteOutcome[] = [];
  for (const intent of intents) {
    try {
      outcomes.push(intent.id === null ? await create(shop, intent) : await update(shop, intent));
    } catch (error) {
      if (outcomes.length === 0) throw error;
      outcomes.push(postponed(error));
    }
  }
  return outcomes;
}

async function create(shop: Shop, intent: WriteIntent): Promise<WriteOutcome> {
  const lines = await linesOf(shop, intent.values.line_items);
  if (typeof lines === 'string') return refused('unknown_product', lines);
  const body: JsonObject = {
    ...cleared(intent.values),
    line_items: lines.map(({ sku: _, ...line }) => line),
    meta_data: [{ key: KEY, value: intent.idempotencyKey }],
  };
  try {
    const answer = await send(shop, { method: 'POST', path: '/orders', body, trafficClass });
    const outcome = undecided(shop, answer);
    if (outcome) return outcome;
    if (answer.status >= 300 || !isObject(answer.body)) return rejection(answer.body);
    return made(answer.body, lines);
  } catch (error) {
    // A cache before the shop says 503 with a pause, too, when the shop was only slow: it may still make the order.
    if (error instanceof TributaryError && error.evidence['status'] === 503)
      return { state: 'unknown', message: error.message };
    return lost(error);
  }
}

/** A shop takes orders of products it does not know, and leaves the line empty. */
function made(order: JsonObject, lines: readonly Line[]): WriteOutcome {
  const id = String(order.id);
  const got = Array.isArray(order.line_items) ? order.line_items : [];
  const isWhole = lines.every(({ product_id, quantity }, at) => {
    const line = got[at];
    return isObject(line) && line.product_id === product_id && Number(line.quantity) === quantity;
  });
  if (isWhole && got.length === lines.length) return kept(id, order, orderValues(order));
  return {
    ...{ state: 'rejected', code: 'lines_differ', fields: ['line_items'], retry: 'terminal', madeId: id },
    message: `The shop made order ${id} with other lines than it was told. Put them right there.`,
  };
}

async function update(shop: Shop, intent: WriteIntent): Promise<WriteOutcome> {
  const id = intent.id ?? '';
  const fixed = ['line_items', 'set_paid'].filter((name) => name in intent.values);
  if (fixed.length > 0)
    return { ...refused('not_changeable', `${fixed.join(', ')} can be set only when an order is made.`) };
  const answer = await send(shop, { path: `/orders/${encodeURIComponent(id)}`, trafficClass });
  if (answer.status >= 400 && answer.status < 500 && isObject(answer.body) && ![401, 403, 429].includes(answer.status))
    return rejection(answer.body);
  const { body: now } = judge(shop, answer);
  if (!isObject(now)) return refused('no_order', 'The shop answered with something else than an order.');
  if (now.status === 'trash') return refused('trashed', 'The order is in the trash of the shop.');
  const wanted = cleared(intent.values);
  const changes = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => !isKept(value, now[name])));
  // Even an empty PUT moves the time of an order.
  if (Object.keys(changes).length === 0) return kept(id, now, orderValues(now));
  try {
    const answer = await send(shop, { method: 'PUT', path: `/orders/${id}`, body: changes, trafficClass });
    const outcome = undecided(shop, answer);
    if (outcome) return outcome;
    if (answer.status >= 300 || !isObject(answer.body)) return rejection(answer.body);
    return kept(id, answer.body, orderValues(answer.body));
  } catch (error) {
    return lost(error);
  }
}

/** Objects are written in part: only the named fields count. */
function isKept(wanted: Json, now: Json | undefined): boolean {
  if (!isObject(wanted)) return isDeepStrictEqual(wanted, now);
  return isObject(now) && Object.entries(wanted).every(([name, value]) => isKept(value, now[name]));
}

/** WooCommerce empties a text with an empty text. */
function cleared(values: JsonObject): JsonObject {
  const plain = (value: Json): Json => (value === null ? '' : isObject(value) ? cleared(value) : value);
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, plain(value)]));
}

type Line = {
  readonly sku: string | null;
  readonly product_id: number;
  readonly variation_id?: number;
  readonly quantity: number;
  readonly subtotal?: string;
  readonly total?: string;
};

/** Lines by product and variation; those named by SKU are looked up. A text says what is wrong. */
async function linesOf(shop: Shop, given: Json | undefined): Promise<readonly Line[] | string> {
  const wanted = (Array.isArray(given) ? given : []).filter((line) => isObject(line));
  if (wanted.length === 0) return 'An order needs lines.';
  const named = wanted.flatMap(({ product_id, sku }) =>
    product_id === undefined && typeof sku === 'string' ? [sku] : [],
  );
  const known = await bySku(shop, [...new Set(named)]);
  const lines: Line[] = [];
  for (const line of wanted) {
    const sku = typeof line.sku === 'string' ? line.sku : null;
    const places = line.product_id === undefined ? known.get(sku ?? '') : [placeOf(line)];
    const quantity = Number(line.quantity);
    const [place, ...others] = places ?? [];
    if (!place) return `The shop has no product to be sold with the SKU ${sku ?? '(none)'}.`;
    if (others.length > 0) return `The shop has ${others.length + 1} products with the SKU ${sku}: which one is meant?`;
    if (!Number.isSafeInteger(quantity) || quantity < 1)
      return 'The quantity of a line must be a whole number above 0.';
    const total = typeof line.total === 'string' ? { subtotal: line.total, total: line.total } : {};
    lines.push({ sku, ...place, quantity, ...total });
  }
  return lines;
}

type PlaceInShop = { readonly product_id: number; readonly variation_id?: number };

function placeOf({ product_id, variation_id }: JsonObject): PlaceInShop {
  const variation = Number(variation_id ?? 0);
  return { product_id: Number(product_id), ...(variation > 0 ? { variation_id: variation } : {}) };
}

/**
 * The filter `sku` finds variations as well. SKUs with a comma in them cannot be told from two. What is only sold by its variations or
 * members has a SKU, too, and would be a line without stock.
 */
async function bySku(shop: Shop, skus: readonly string[]): Promise<ReadonlyMap<string, readonly PlaceInShop[]>> {
  const found = new Map<string, readonly PlaceInShop[]>();
  for (const sku of skus) {
    const query = { sku, per_page: '100', _fields: 'id,sku,type,parent_id' };
    const { rows } = await list(shop, { path: '/products', query, trafficClass });
    for (const row of rows) {
      if (!row || !isObject(row.body) || row.body.sku !== sku) continue;
      if (row.body.type === 'variable' || row.body.type === 'grouped') continue;
      const parent = Number(row.body.parent_id ?? 0);
      const isVariation = row.body.type === 'variation' && parent > 0;
      const place = isVariation ? { product_id: parent, variation_id: row.id } : { product_id: row.id };
      found.set(sku, [...(found.get(sku) ?? []), place]);
    }
  }
  return found;
}

/**
 * An order is found by the key it was made with. There is no filter for that, so all orders that came through the API are looked
 * through, thrown away ones too: what somebody removed must not be made again.
 */
export async function findOrder(shop: Shop, intent: WriteIntent): Promise<WriteOutcome | null> {
  if (intent.id !== null) {
    const answer = await send(shop, { path: `/orders/${encodeURIComponent(intent.id)}`, trafficClass });
    // Removed for good since: thrown, it would keep all other writes waiting for it.
    if (isMissing(answer)) return null;
    const { body } = judge(shop, answer);
    const isThere =
      isObject(body) && Object.entries(cleared(intent.values)).every(([name, value]) => isKept(value, body[name]));
    return isThere ? kept(intent.id, body, orderValues(body)) : null;
  }
  for (const status of ['any', 'trash']) {
    const query = { status, created_via: 'rest-api' };
    for await (const { rows } of walk(shop, { path: '/orders', query, trafficClass }, START, 100)) {
      const ours = rows.find(({ body }) => keyOf(body) === intent.idempotencyKey);
      if (ours) return kept(String(ours.id), ours.body, orderValues(ours.body));
    }
  }
  return null;
}
