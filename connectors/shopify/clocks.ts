/** What time it is, for both sides. */
import type { ConnectionContext, ReadRequest } from '../../src/connector/index.ts';
import type { Shop } from './client.ts';

/** Epoch milliseconds now: ours and, where its answers tell it, Shopify's. */
export async function clocksOf(
  shop: Shop,
  context: ConnectionContext,
  request: ReadRequest,
): Promise<readonly number[]> {
  const { vendorTime } = await shop.call({ query: CLOCK, cost: 1, trafficClass: request.trafficClass });
  const now = context.clock.now().getTime();
  return vendorTime === null ? [now] : [now, vendorTime.getTime()];
}

export const CLOCK = 'query TributaryClock { shop { id } }';

/** Search knows whole seconds; rounded down, none is left out. */
export const seconds = (ms: number): string => `${new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
