/** What the app may do in this shop. */
import type { TrafficClass } from '../../src/connector/index.ts';
import { pick, type Shop } from './client.ts';

export const SCOPES_QUERY = 'query TributaryScopes { currentAppInstallation { accessScopes { handle } } }';

/** What an app must be allowed to read for each stream: where a field of a record is denied, none of it is read. */
export const READ_SCOPES: Readonly<Record<string, readonly string[]>> = {
  products: ['read_products'],
  inventory: ['read_inventory', 'read_products'],
  locations: ['read_locations'],
  orders: ['read_orders', 'read_customers', 'read_products'],
  customers: ['read_customers'],
  marketing_events: ['read_marketing_events'],
};

/** What it must be allowed to write. */
export const WRITE_SCOPES: Readonly<Record<string, string>> = {
  inventory: 'write_inventory',
  orders: 'write_orders',
  marketing_events: 'write_marketing_events',
};

/** All that is asked for when somebody logs in. */
export const ALL_SCOPES: readonly string[] = [
  ...new Set(Object.values(READ_SCOPES).flat()),
  'read_all_orders',
  ...Object.values(WRITE_SCOPES),
];

/** Whether a record that is not shown is gone. Without read_all_orders only orders of the last 60 days are shown. */
export async function seesAll(shop: Shop, stream: string, trafficClass: TrafficClass): Promise<boolean> {
  if (stream !== 'orders') return true;
  const { data } = await shop.call({ query: SCOPES_QUERY, cost: 2, trafficClass });
  return handlesOf(pick(pick(data, 'currentAppInstallation'), 'accessScopes')).has('read_all_orders');
}

export function handlesOf(scopes: unknown): ReadonlySet<string> {
  return new Set(Array.isArray(scopes) ? scopes.map((scope) => String(pick(scope, 'handle'))) : []);
}
