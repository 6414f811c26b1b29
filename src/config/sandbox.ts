import type { JsonObject } from '../connector/contract.ts';
import { type FileSettings, fileSchema } from './schema.ts';

/** Folder that the sandbox reads feeds from. */
export const SANDBOX_FEEDS = '.tributary/feeds';

/** How the sandbox's vendor systems are reached, by name, as `.tributary/sandbox.json` has them. */
export type SandboxAddresses = Readonly<Record<string, { readonly url: string; readonly settings: JsonObject }>>;

/** Webhooks bring most changes sooner, where a system has them. */
const POLL = '20s';

/** Streams that are read of each system, and what more its connection says. */
const CONNECTIONS: Readonly<Record<string, { readonly streams: readonly string[]; readonly more: object }>> = {
  shopify: {
    streams: ['products', 'inventory', 'locations', 'orders', 'customers', 'marketing_events'],
    more: { stock_authority: true },
  },
  woocommerce: { streams: ['products', 'variations', 'orders', 'customers'], more: { stock_authority: true } },
  salesforce: {
    streams: ['leads', 'contacts', 'opportunities', 'campaigns', 'campaign_members', 'products'],
    more: {
      stock_authority: false,
      direction: 'both',
      writes: { leads: { mapping: 'lead-to-salesforce', every: POLL } },
    },
  },
  hubspot: {
    streams: ['contacts', 'deals', 'products', 'form_submissions', 'campaigns'],
    more: {
      stock_authority: false,
      direction: 'both',
      writes: { contacts: { mapping: 'lead-to-hubspot', every: POLL } },
    },
  },
};

/** Whoever drops a file names it as they like: what came last is the newest. */
const DROPPED = { order: 'modified', every: 'real_time' } as const;

/**
 * What tributary.yaml would say: feeds dropped into a folder, read as soon as they are there, and the vendor systems. While the
 * suppliers' server runs the folder is read through it.
 */
export const sandboxSettings = (systems: SandboxAddresses = {}): FileSettings =>
  fileSchema.parse({
    connections: {
      feeds: {
        ...(systems['feeds']?.settings ?? { connector: 'feed', path: SANDBOX_FEEDS }),
        stock_authority: true,
        streams: {
          products: { files: 'products-*.csv', kind: 'snapshot', mapping: 'products-flat-csv', ...DROPPED },
          inventory: { files: 'inventory-*.csv', kind: 'delta', mapping: 'inventory-csv', ...DROPPED },
          shopify: { files: 'shopify-*.csv', kind: 'snapshot', mapping: 'shopify-products-csv', ...DROPPED },
          woocommerce: {
            ...{ files: 'woocommerce-*.csv', kind: 'snapshot', mapping: 'woocommerce-products-csv', ...DROPPED },
          },
        },
      },
      ...Object.fromEntries(
        Object.entries(CONNECTIONS).flatMap(([name, { streams, more }]) => {
          const settings = systems[name]?.settings;
          const read = Object.fromEntries(streams.map((stream) => [stream, { every: POLL }]));
          return settings ? [[name, { ...settings, ...more, streams: read }]] : [];
        }),
      ),
    },
  });
