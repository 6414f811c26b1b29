/** Writing: which stream takes what, and what a record says about the same fields. */
import {
  type Json,
  unsupported,
  type WriteIntent,
  type WriteOutcome,
  type WriteTarget,
} from '../../src/connector/index.ts';
import { isObject, type Shop } from './client.ts';
import { findOrder, orderValues, writeOrders } from './write-orders.ts';
import { findStock, keyOf, stockOf, writeStock } from './write-stock.ts';

/** One outcome for each intent, in order. @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `_UNSUPPORTED` */
export async function write(shop: Shop, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const outcomes = new Map<WriteIntent, WriteOutcome>();
  for (const [stream, group] of Map.groupBy(intents, (intent) => intent.stream)) {
    const done = await writeInto(shop, stream, group);
    for (const [at, intent] of group.entries()) {
      const outcome = done[at];
      if (outcome) outcomes.set(intent, outcome);
    }
  }
  return intents.map((intent) => outcomes.get(intent) ?? { state: 'unknown', message: 'The shop said nothing of it.' });
}

function writeInto(shop: Shop, stream: string, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  if (stream === 'orders') return writeOrders(shop, intents);
  if (stream === 'products' || stream === 'variations') return writeStock(shop, stream, intents);
  throw unsupported('woocommerce', `write into ${stream}`);
}

export function find(shop: Shop, intent: WriteIntent): Promise<WriteOutcome | null> {
  return intent.stream === 'orders' ? findOrder(shop, intent) : findStock(shop, intent);
}

/** Targets of a decoded record: its stock where it has a count of its own, an order's fields. */
export function writable(stream: string, record: Json): readonly WriteTarget[] {
  if (!isObject(record)) return [];
  const id = String(record.id);
  if (stream === 'orders') return [{ id, values: orderValues(record), madeBy: keyOf(record) }];
  const values = stockOf(record);
  if ((stream !== 'products' && stream !== 'variations') || !('stock_quantity' in values)) return [];
  return [{ id: stream === 'variations' ? `${String(record.parent_id)}/${id}` : id, values }];
}
