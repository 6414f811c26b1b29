/** What is read hostilely: each vendor system with its connector, and the streams that have mappings. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import template from '../../connectors/_template/index.ts';
import { findConnectors } from '../../connectors/index.ts';
import type { Connector, JsonObject } from '../../src/connector/contract.ts';
import { openAcme } from '../../src/sandbox/_template/index.ts';
import { openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import { openSalesforce } from '../../src/sandbox/salesforce/index.ts';
import { openShopify } from '../../src/sandbox/shopify/index.ts';
import type { SystemOptions, VendorSystem } from '../../src/sandbox/system.ts';
import { openWooCommerce } from '../../src/sandbox/woocommerce/index.ts';
import { FEED_STREAM, openFeedFolder } from './hostile-feed.ts';

export type Target = {
  readonly connector: Connector;
  open(
    options: SystemOptions,
    seed: number,
  ): Promise<VendorSystem & { readonly tricks?: Readonly<Record<string, number>> }>;
  /** Mappings of its own, by name. */
  readonly mappings: Readonly<Record<string, string>>;
  /** What tributary.yaml says of each stream, where that is more than a name. */
  readonly settings: JsonObject;
  /** How late a change may come, by what its streams declare. */
  readonly bearsMs: number;
  /** Optional fields that an answer may lack. */
  readonly optional: readonly string[];
};

const SHIPPED = join(import.meta.dirname, '../../mappings');

const ACME_THINGS = `about: Things are products
outputs:
  product:
    match: sku
    fields: { sku: sku, name: name | required }
  variant:
    match: sku
    fields: { product: { output: product }, sku: sku }
`;

const { connectors } = await findConnectors();
const MOST_BORNE_MS = 10 * 60_000;

function target(
  name: string,
  open: Target['open'],
  more: Partial<Pick<Target, 'connector' | 'mappings' | 'optional' | 'settings'>> = {},
): Target {
  const connector = more.connector ?? connectors.get(name);
  if (!connector) throw new Error(`there is no connector ${name}`);
  const keysets = (connector.streams ?? []).filter(({ cursor }) => cursor === 'keyset');
  const bearsMs = Math.min(MOST_BORNE_MS, ...keysets.map((one) => one.visibilityLagMs + one.overlapMs));
  return { connector, open, mappings: {}, optional: [], settings: {}, bearsMs, ...more };
}

/** By name. */
export const TARGETS: Readonly<Record<string, Target>> = {
  acme: target('acme', openAcme, {
    connector: template,
    mappings: { 'acme-things': ACME_THINGS },
    optional: ['quantity'],
  }),
  shopify: target('shopify', openShopify),
  // Plugins add and hide fields of a shop's answers.
  woocommerce: target('woocommerce', openWooCommerce, {
    optional: ['short_description', 'permalink', 'low_stock_amount'],
  }),
  salesforce: target('salesforce', openSalesforce, { optional: ['Phone', 'Title'] }),
  hubspot: target('hubspot', openHubSpot, { optional: ['url', 'createdAt'] }),
  feed: target('feed', openFeedFolder, { settings: FEED_STREAM }),
};

/** All connectors, the made-up one included. */
export const ALL_CONNECTORS: ReadonlyMap<string, Connector> = new Map([...connectors, [template.name, template]]);

/** Streams that the system changes and a mapping reads. */
export function streamsOf({ connector, mappings, settings }: Target, system: VendorSystem): string[] {
  return system.streams.filter((stream) => {
    const name = `${connector.name}-${stream}`;
    return 'mapping' in settings || name in mappings || existsSync(join(SHIPPED, `${name}.yaml`));
  });
}
