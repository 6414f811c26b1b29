/** Writes stock: of products, and of variations with a count of their own. */
import type { Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { isObject, type Shop, send } from './client.ts';
import { list } from './list.ts';
import { kept, lost, postponed, refused, rejection, undecided } from './outcomes.ts';

const trafficClass = 'write';
const MOST_PER_CALL = 100;
/** Meta field of a product that names the write it last had from us. */
export const KEY = '_tributary_key';

/** Product, and variation where it is one. */
type Target = { readonly product: string; readonly variation: string | null };
type Wanted = { readonly intent: WriteIntent; readonly target: Target; readonly quantity: number };

/** `<product>` or `<product>/<variation>`. */
function targetOf(stream: string, id: string | null): Target | null {
  const [, product, variation] = /^(\d+)(?:\/(\d+))?$/.exec(id ?? '') ?? [];
  if (product === undefined || (stream === 'variations') !== (variation !== undefined)) return null;
  return { product, variation: variation ?? null };
}

const ownId = ({ product, variation }: Target): string => variation ?? product;

/** What the stock of a record says, as it is written. A variation that shares its product's has none of its own. */
export function stockOf(body: Json | undefined): JsonObject {
  return isObject(body) && body.manage_stock === true ? { stock_quantity: body.stock_quantity ?? null } : {};
}

/**
 * One outcome for each intent. What is there already is not written: even an empty PUT moves the time of a product.
 * @throws TributaryError as `call`, when nothing was sent yet
 */
export async function writeStock(
  shop: Shop,
  stream: 'products' | 'variations',
  intents: readonly WriteIntent[],
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Map<WriteIntent, WriteOutcome>();
  const wanted: Wanted[] = [];
  for (const intent of intents) {
    const target = targetOf(stream, intent.id);
    const quantity = intent.values.stock_quantity;
    if (target === null)
      outcomes.set(intent, refused('invalid_id', `${intent.id ?? 'no id'} names no place of stock in ${stream}.`));
    else if (typeof quantity !== 'number' || !Number.isSafeInteger(quantity))
      outcomes.set(intent, refused('invalid_value', 'stock_quantity must be a whole number.'));
    else wanted.push({ intent, target, quantity });
  }
  const due = await compare(shop, stream, wanted, outcomes);
  let sent = 0;
  for (const { path, group } of batchesOf(due)) {
    try {
      await send100(shop, path, group, outcomes);
      sent += 1;
    } catch (error) {
      if (sent === 0) throw error;
      for (const { intent } of group) if (!outcomes.has(intent)) outcomes.set(intent, postponed(error));
    }
  }
  return intents.map((intent) => outcomes.get(intent) ?? { state: 'unknown', message: 'The shop said nothing of it.' });
}

type Batch = { readonly path: string; readonly group: readonly Wanted[] };

/** Products go together, variations below their product. */
function batchesOf(due: readonly Wanted[]): Batch[] {
  const groups = Map.groupBy(due, ({ target }) => (target.variation === null ? '' : target.product));
  return [...groups].flatMap(([parent, all]) => {
    const path = parent === '' ? '/products/batch' : `/products/${parent}/variations/batch`;
    const starts = Array.from({ length: Math.ceil(all.length / MOST_PER_CALL) }, (_, no) => no * MOST_PER_CALL);
    return starts.map((at) => ({ path, group: all.slice(at, at + MOST_PER_CALL) }));
  });
}

/** What the shop has now decides what is due. */
async function compare(
  shop: Shop,
  stream: string,
  wanted: readonly Wanted[],
  outcomes: Map<WriteIntent, WriteOutcome>,
): Promise<Wanted[]> {
  if (wanted.length === 0) return [];
  const now = await current(
    shop,
    stream,
    wanted.map(({ target }) => ownId(target)),
  );
  return wanted.filter(({ intent, target, quantity }) => {
    const body = now.get(ownId(target));
    const why = obstacle(body, target);
    if (why !== null) outcomes.set(intent, why);
    else if (stockOf(body).stock_quantity === quantity)
      outcomes.set(intent, kept(intent.id ?? '', body ?? null, stockOf(body)));
    return !outcomes.has(intent);
  });
}

function obstacle(body: Json | undefined, target: Target): WriteOutcome | null {
  if (!isObject(body) || (target.variation !== null && String(body.parent_id) !== target.product))
    return refused('woocommerce_rest_product_invalid_id', 'There is no such product, or it is in the trash.');
  if (body.manage_stock === 'parent')
    return refused('stock_of_parent', 'The variation shares the stock of its product: write that.');
  if (body.manage_stock !== true)
    return refused('stock_not_managed', 'The shop does not count this: switch stock management on for the product.');
  return null;
}

async function current(shop: Shop, stream: string, ids: readonly string[]): Promise<ReadonlyMap<string, Json>> {
  const found = new Map<string, Json>();
  const _fields = 'id,parent_id,manage_stock,stock_quantity,date_modified_gmt,meta_data';
  for (let at = 0; at < ids.length; at += MOST_PER_CALL) {
    const include = ids.slice(at, at + MOST_PER_CALL).join(',');
    const query = { status: 'any', include, per_page: String(MOST_PER_CALL), _fields };
    const { rows } = await list(shop, { path: `/${stream}`, query, trafficClass });
    for (const row of rows) if (row) found.set(String(row.id), row.body);
  }
  return found;
}

/** At most a hundred at once. Refused as a whole, halves are tried, down to the one that is to blame. */
async function send100(
  shop: Shop,
  path: string,
  group: readonly Wanted[],
  outcomes: Map<WriteIntent, WriteOutcome>,
): Promise<void> {
  const update = group.map(({ intent, target, quantity }) => ({
    id: Number(ownId(target)),
    stock_quantity: quantity,
    meta_data: [{ key: KEY, value: intent.idempotencyKey }],
  }));
  const settle = (outcome: WriteOutcome): void => {
    for (const { intent } of group) outcomes.set(intent, outcome);
  };
  try {
    const answer = await send(shop, { method: 'POST', path, body: { update }, trafficClass });
    const all = undecided(shop, answer);
    if (all) return settle(all);
    const entries = isObject(answer.body) && Array.isArray(answer.body.update) ? answer.body.update : null;
    if (answer.status < 300 && entries) {
      for (const [at, one] of group.entries()) outcomes.set(one.intent, outcomeOf(one, entries[at]));
    } else if (group.length === 1) settle(rejection(answer.body));
    else {
      const half = Math.ceil(group.length / 2);
      await send100(shop, path, group.slice(0, half), outcomes);
      await send100(shop, path, group.slice(half), outcomes);
    }
  } catch (error) {
    settle(lost(error));
  }
}

/** Entries answer by their place. */
function outcomeOf({ intent, quantity }: Wanted, entry: Json | undefined): WriteOutcome {
  if (!isObject(entry)) return { state: 'unknown', message: 'The shop left it out of its answer.' };
  if (entry.error !== undefined) return rejection(entry.error);
  const stored = stockOf(entry);
  if (stored.stock_quantity === quantity) return kept(intent.id ?? '', entry, stored);
  return refused('not_kept', 'The shop took the quantity and kept another.');
}

/** The product names the write it had last; the wanted quantity is as good a proof. */
export async function findStock(shop: Shop, intent: WriteIntent): Promise<WriteOutcome | null> {
  const target = targetOf(intent.stream, intent.id);
  if (target === null) return null;
  const body = (await current(shop, intent.stream, [ownId(target)])).get(ownId(target));
  if (!isObject(body)) return null;
  const stored = stockOf(body);
  const isThere = keyOf(body) === intent.idempotencyKey || stored.stock_quantity === intent.values.stock_quantity;
  return isThere ? kept(intent.id ?? '', body, stored) : null;
}

/** Key of our write that a record bears. */
export function keyOf(record: Json): string | undefined {
  const metas = isObject(record) && Array.isArray(record.meta_data) ? record.meta_data.filter(isObject) : [];
  const value = metas.find((meta) => meta.key === KEY)?.value;
  return typeof value === 'string' ? value : undefined;
}
