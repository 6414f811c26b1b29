/** Stock into a shop: quantities that may be sold, compared with what was there, many at once. */
import { createHash } from 'node:crypto';
import type { JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { pick, type Shop } from './client.ts';
import type { ShopifyConfig } from './config.ts';
import { isObject } from './nodes.ts';
import { groupErrors, outcomeOfError, rejected } from './user-errors.ts';

/** Vendor's most for one list of inputs. */
export const MOST_QUANTITIES = 250;

type Version = ShopifyConfig['apiVersion'];

const ANSWER = `{
    inventoryAdjustmentGroup { id }
    userErrors { field message code }
  }`;

/** From 2026-01 on a key makes the call safe to repeat, from 2026-04 on it must be there. */
export function setStockMutation(version: Version): string {
  return version === '2025-10'
    ? `mutation TributaryStock($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) ${ANSWER}
}`
    : `mutation TributaryStock($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) ${ANSWER}
}`;
}

export const LEVEL = `query TributaryLevel($item: ID!, $location: ID!) {
  inventoryItem(id: $item) {
    inventoryLevel(locationId: $location) { id updatedAt quantities(names: ["available"]) { name quantity } }
  }
}`;

type Place = {
  readonly intent: WriteIntent;
  readonly item: string;
  readonly location: string;
  readonly quantity: number;
};

/**
 * One outcome for each. A refused one does not take the others along: they are sent again without it.
 * @param intents at most `MOST_QUANTITIES`
 */
export async function writeStock(
  shop: Shop,
  version: Version,
  intents: readonly WriteIntent[],
): Promise<WriteOutcome[]> {
  const outcomes = new Map<WriteIntent, WriteOutcome>();
  const places = intents.flatMap((intent): Place[] => {
    const place = placeOf(intent);
    if (!('state' in place)) return [place];
    outcomes.set(intent, place);
    return [];
  });
  for (let left: readonly Place[] = places; left.length > 0; ) left = await sendBatch(shop, version, left, outcomes);
  return intents.map((intent) => outcomes.get(intent) ?? { state: 'unknown', message: 'Shopify told nothing of it.' });
}

function placeOf(intent: WriteIntent): Place | WriteOutcome {
  const [, item, location] = /^(\d+)\/(\d+)$/.exec(intent.id ?? '') ?? [];
  const { quantity } = intent.values;
  if (intent.action !== 'update' && intent.action !== 'upsert')
    return rejected('UNSUPPORTED', `stock can only be set, not ${intent.action}d`, []);
  if (item === undefined || location === undefined)
    return rejected('BAD_ID', 'stock is written to <inventory item>/<location>', ['id']);
  if (typeof quantity !== 'number' || !Number.isSafeInteger(quantity))
    return rejected('BAD_VALUE', 'the quantity is no whole number', ['quantity']);
  return { intent, item, location, quantity };
}

type Outcomes = Map<WriteIntent, WriteOutcome>;

/** Nothing of a refused batch was done. @returns what is to be sent again */
async function sendBatch(
  shop: Shop,
  version: Version,
  batch: readonly Place[],
  outcomes: Outcomes,
): Promise<readonly Place[]> {
  const key = version === '2025-10' ? {} : { key: keyOf(batch) };
  const { data } = await shop.call({
    query: setStockMutation(version),
    variables: { input: inputOf(version, batch), ...key },
    cost: 10,
    trafficClass: 'write',
  });
  const errors = groupErrors(pick(pick(data, 'inventorySetQuantities'), 'userErrors'), ['input', 'quantities']);
  const named = batch.filter((_, at) => errors.byIndex.has(at));
  if (named.length > 0) {
    for (const [at, outcome] of errors.byIndex) if (batch[at]) outcomes.set(batch[at].intent, outcome);
    return batch.filter((place) => !named.includes(place));
  }
  const [error] = [...errors.byIndex.values(), ...errors.others];
  if (error && batch.length > 1) await sendSingly(shop, version, batch, outcomes);
  else
    for (const { intent, quantity } of batch)
      outcomes.set(intent, error ?? { state: 'ok', id: intent.id ?? '', version: null, stored: { quantity } });
  return [];
}

/** For an error that names no place. What one of them meets is told of that one: those before it are done. */
async function sendSingly(shop: Shop, version: Version, batch: readonly Place[], outcomes: Outcomes): Promise<void> {
  for (const place of batch) {
    try {
      await sendBatch(shop, version, [place], outcomes);
    } catch (error) {
      outcomes.set(place.intent, outcomeOfError(error));
    }
  }
}

function inputOf(version: Version, batch: readonly Place[]): JsonObject {
  const compared = batch.some(({ intent }) => expectedOf(intent) !== null);
  // 2026-01 knows both words; which of them counts beside the other is not told, so that only the old ones are said.
  const isOld = version === '2025-10' || version === '2026-01';
  return {
    name: 'available',
    reason: 'correction',
    ...(isOld ? { ignoreCompareQuantity: !compared } : {}),
    quantities: batch.map(({ intent, item, location, quantity }) => ({
      inventoryItemId: `gid://shopify/InventoryItem/${item}`,
      locationId: `gid://shopify/Location/${location}`,
      quantity,
      ...(isOld
        ? { compareQuantity: expectedOf(intent) }
        : // Must be there; null compares with nothing.
          { changeFromQuantity: expectedOf(intent) }),
    })),
  };
}

function expectedOf({ expected }: WriteIntent): number | null {
  return typeof expected?.['quantity'] === 'number' ? expected['quantity'] : null;
}

/** The intent's own key, or one that stands for just these. */
function keyOf(batch: readonly Place[]): string {
  const keys = batch.map(({ intent }) => intent.idempotencyKey);
  return keys.length === 1 ? (keys[0] ?? '') : createHash('sha256').update(keys.join('\n')).digest('hex').slice(0, 48);
}

/** What is there now; what was asked for counts as carried out. */
export async function findStock(shop: Shop, intent: WriteIntent): Promise<WriteOutcome | null> {
  const place = placeOf(intent);
  if ('state' in place) return null;
  const { data } = await shop.call({
    query: LEVEL,
    variables: {
      item: `gid://shopify/InventoryItem/${place.item}`,
      location: `gid://shopify/Location/${place.location}`,
    },
    cost: 3,
    trafficClass: 'write',
  });
  const level = pick(pick(data, 'inventoryItem'), 'inventoryLevel');
  const quantities = pick(level, 'quantities');
  const available = (Array.isArray(quantities) ? quantities : []).find((one) => pick(one, 'name') === 'available');
  if (!isObject(level) || pick(available, 'quantity') !== place.quantity) return null;
  return { state: 'ok', id: intent.id ?? '', version: null, stored: { quantity: place.quantity } };
}
