/** Writing into a shop: each stream in its own way, one outcome for each intent. */
import type { ConnectionContext, Json, WriteIntent, WriteOutcome, WriteTarget } from '../../src/connector/index.ts';
import type { Shop } from './client.ts';
import type { ShopifyConfig } from './config.ts';
import { findId } from './ids.ts';
import { isObject } from './nodes.ts';
import { outcomeOfError, rejected } from './user-errors.ts';
import { findCampaign, valuesOfCampaign, writeCampaign } from './write-campaigns.ts';
import { findOrder, valuesOfOrder, writeOrder } from './write-orders.ts';
import { findStock, MOST_QUANTITIES, writeStock } from './write-stock.ts';

type Writing = { readonly shop: Shop; readonly config: ShopifyConfig; readonly context: ConnectionContext };

/**
 * One outcome for each intent, in order.
 * @throws TributaryError of the first call, when nothing was sent: a limit, refused credentials
 */
export async function write(writing: Writing, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const outcomes = new Map<WriteIntent, WriteOutcome>();
  for (const batch of batchesOf(intents)) {
    try {
      for (const [at, outcome] of (await send(writing, batch)).entries()) {
        const intent = batch[at];
        if (intent) outcomes.set(intent, outcome);
      }
    } catch (error) {
      const outcome = outcomeOfError(error);
      if (outcome.state === 'rejected' && outcomes.size === 0) throw error;
      for (const intent of batch) outcomes.set(intent, outcome);
    }
  }
  return intents.map((intent) => outcomes.get(intent) ?? { state: 'unknown', message: 'It was not sent.' });
}

/** Stock goes many at once, everything else one by one. */
function batchesOf(intents: readonly WriteIntent[]): WriteIntent[][] {
  const stock = intents.filter(({ stream }) => stream === 'inventory');
  const batches = intents.filter(({ stream }) => stream !== 'inventory').map((intent) => [intent]);
  for (let at = 0; at < stock.length; at += MOST_QUANTITIES) batches.push(stock.slice(at, at + MOST_QUANTITIES));
  return batches;
}

async function send({ shop, config }: Writing, batch: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const [first] = batch;
  if (!first) return [];
  if (first.stream === 'inventory') return writeStock(shop, config.apiVersion, batch);
  if (first.stream === 'orders') return [await writeOrder(shop, first)];
  if (first.stream === 'marketing_events') return [await writeCampaign(shop, first)];
  return [rejected('UNSUPPORTED', `nothing can be written into ${first.stream} of Shopify`, [])];
}

/** Looks an intent of unknown outcome up; `null`: it was not carried out. */
export async function find({ shop, context }: Writing, intent: WriteIntent): Promise<WriteOutcome | null> {
  if (intent.stream === 'inventory') return findStock(shop, intent);
  if (intent.stream === 'orders') return findOrder(shop, context, intent);
  return intent.stream === 'marketing_events' ? findCampaign(shop, intent) : null;
}

/** What a record that was read says about the fields that may be written. */
export function writable(stream: string, record: Json): readonly WriteTarget[] {
  const id = findId(record);
  if (!isObject(record) || id === null) return [];
  if (stream === 'orders') return [{ id, values: valuesOfOrder(record), madeBy: textOf(record['sourceIdentifier']) }];
  if (stream === 'marketing_events')
    return [{ id, values: valuesOfCampaign(record), madeBy: textOf(record['remoteId']) }];
  if (stream !== 'inventory') return [];
  const levels = Array.isArray(record['inventoryLevels']) ? record['inventoryLevels'].filter(isObject) : [];
  return levels.flatMap(({ location, quantities }): WriteTarget[] => {
    const place = isObject(location) ? findId(location) : null;
    const list = Array.isArray(quantities) ? quantities.filter(isObject) : [];
    const available = list.find(({ name }) => name === 'available')?.['quantity'];
    return place !== null && typeof available === 'number'
      ? [{ id: `${id}/${place}`, values: { quantity: available } }]
      : [];
  });
}

const textOf = (value: Json | undefined): string | undefined => (typeof value === 'string' ? value : undefined);
