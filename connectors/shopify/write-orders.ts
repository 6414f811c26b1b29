/** Orders into a shop. The intent's key is kept as the order's source identifier, so that a lost answer can be looked up. */
import type { ConnectionContext, Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { pick, type Shop } from './client.ts';
import { findId } from './ids.ts';
import { isObject, listOf } from './nodes.ts';
import { pageCost } from './shapes.ts';
import { firstError, rejected } from './user-errors.ts';

const MADE = 'id name email note currencyCode updatedAt sourceIdentifier';

export const CREATE_ORDER = `mutation TributaryOrder($order: OrderCreateOrderInput!, $options: OrderCreateOptionsInput) {
  orderCreate(order: $order, options: $options) { order { ${MADE} } userErrors { field message code } }
}`;

export const ORDER_BY_KEY = `query TributaryOrderByKey($query: String!) {
  orders(first: 2, query: $query) { nodes { ${MADE} } pageInfo { hasNextPage endCursor } }
}`;

export const VARIANTS_BY_SKU = `query TributaryVariantsBySku($first: Int!, $query: String!) {
  productVariants(first: $first, query: $query) { nodes { id sku } pageInfo { hasNextPage endCursor } }
}`;

/** Lines an order may have here: their SKUs are looked up by one query. */
const MOST_LINES = 100;
/** The search behind `source_identifier` trails writes. */
const SEARCH_LAG_MS = 30_000;

export async function writeOrder(shop: Shop, intent: WriteIntent): Promise<WriteOutcome> {
  if (intent.action === 'update' || intent.action === 'delete')
    return rejected('UNSUPPORTED', `orders can only be created, not ${intent.action}d`, []);
  const { lines } = intent.values;
  const wanted = Array.isArray(lines) ? lines.filter(isObject) : [];
  if (wanted.length === 0) return rejected('REQUIRED', 'an order needs lines', ['lines']);
  if (wanted.length > MOST_LINES) return rejected('TOO_MANY', `an order may have ${MOST_LINES} lines here`, ['lines']);
  const variants = await variantsOf(shop, wanted);
  const { data } = await shop.call({
    query: CREATE_ORDER,
    variables: {
      order: orderOf(intent, wanted, variants),
      options: optionsOf(intent.values['inventoryBehaviour']),
    },
    cost: 10,
    trafficClass: 'write',
  });
  const answer = pick(data, 'orderCreate');
  return firstError(pick(answer, 'userErrors')) ?? outcomeOf(pick(answer, 'order')) ?? LOST;
}

const LOST: WriteOutcome = { state: 'unknown', message: 'Shopify answered without the order and without an error.' };

const optionsOf = (behaviour: Json | undefined): JsonObject | null =>
  typeof behaviour === 'string' ? { inventoryBehaviour: behaviour } : null;

/** SKU to gid, of those that just one variant has. */
async function variantsOf(shop: Shop, lines: readonly JsonObject[]): Promise<ReadonlyMap<string, string>> {
  const skus = [...new Set(lines.flatMap(({ sku }) => (typeof sku === 'string' && sku !== '' ? [sku] : [])))];
  if (skus.length === 0) return new Map();
  const first = 250;
  const query = skus.map((sku) => `sku:${quoted(sku)}`).join(' OR ');
  const { data } = await shop.call({
    query: VARIANTS_BY_SKU,
    variables: { first, query },
    cost: pageCost(first, 0),
    trafficClass: 'write',
  });
  const found = new Map<string, string[]>();
  for (const node of listOf(pick(data, 'productVariants')).nodes) {
    const [sku, id] = [String(node?.['sku']), String(node?.['id'])];
    found.set(sku, [...(found.get(sku) ?? []), id]);
  }
  return new Map(
    skus.flatMap((sku): [string, string][] => {
      const [only, other] = found.get(sku) ?? [];
      return only !== undefined && other === undefined ? [[sku, only]] : [];
    }),
  );
}

/** A value as search takes it whole. */
const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

function orderOf(
  { values, idempotencyKey }: WriteIntent,
  lines: readonly JsonObject[],
  variants: ReadonlyMap<string, string>,
): JsonObject {
  const currency = typeof values['currency'] === 'string' ? values['currency'] : null;
  const simple = [
    'name',
    'email',
    'phone',
    'note',
    'processedAt',
    'financialStatus',
    'tags',
    'shippingAddress',
    'billingAddress',
  ];
  const given = simple.flatMap((name): [string, Json][] => {
    const value = values[name];
    return value === undefined || value === null ? [] : [[name, value]];
  });
  return {
    ...Object.fromEntries(given),
    ...(currency === null ? {} : { currency }),
    sourceIdentifier: idempotencyKey,
    sourceName: 'tributary',
    lineItems: lines.map((line) => lineOf(line, currency, variants)),
  };
}

function lineOf(
  { sku, title, quantity, price }: JsonObject,
  currency: string | null,
  variants: ReadonlyMap<string, string>,
): JsonObject {
  const variantId = typeof sku === 'string' ? variants.get(sku) : undefined;
  const amount = typeof price === 'string' || typeof price === 'number' ? String(price) : null;
  return {
    quantity: Number(quantity ?? 1),
    // A line of something the shop does not have keeps its name and SKU as texts.
    ...(variantId === undefined
      ? { title: String(title ?? sku ?? ''), ...(typeof sku === 'string' ? { sku } : {}) }
      : { variantId }),
    ...(amount === null || currency === null ? {} : { priceSet: { shopMoney: { amount, currencyCode: currency } } }),
  };
}

function outcomeOf(order: unknown): WriteOutcome | null {
  const id = isObject(order) ? findId(order) : null;
  if (!isObject(order) || id === null) return null;
  return { state: 'ok', id, version: Date.parse(String(order['updatedAt'])), stored: valuesOfOrder(order) };
}

/** What an order says of the fields that may be written. */
export function valuesOfOrder({ name, email, note, currencyCode }: JsonObject): JsonObject {
  return { name: name ?? null, email: email ?? null, note: note ?? null, currency: currencyCode ?? null };
}

export async function findOrder(
  shop: Shop,
  { clock, signal }: ConnectionContext,
  intent: WriteIntent,
): Promise<WriteOutcome | null> {
  const look = async () => {
    const query = `source_identifier:${quoted(intent.idempotencyKey)}`;
    const { data } = await shop.call({
      query: ORDER_BY_KEY,
      variables: { query },
      cost: pageCost(2, 0),
      trafficClass: 'write',
    });
    const { nodes } = listOf(pick(data, 'orders'));
    return outcomeOf(nodes.find((node) => node?.['sourceIdentifier'] === intent.idempotencyKey) ?? null);
  };
  const found = await look();
  if (found) return found;
  await clock.sleep(SEARCH_LAG_MS, signal);
  return look();
}
