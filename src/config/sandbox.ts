import { type FileSettings, fileSchema } from './schema.ts';

/** Folder that the sandbox reads feeds from. */
export const SANDBOX_FEEDS = '.tributary/feeds';

/** What tributary.yaml would say: feeds dropped into a local folder, read as soon as they are there. */
export const sandboxSettings = (): FileSettings =>
  fileSchema.parse({
    connections: {
      feeds: {
        connector: 'feed',
        path: SANDBOX_FEEDS,
        streams: {
          products: { files: 'products-*.csv', kind: 'snapshot', mapping: 'products-flat-csv', every: 'real_time' },
          inventory: { files: 'inventory-*.csv', kind: 'delta', mapping: 'inventory-csv', every: 'real_time' },
          shopify: { files: 'shopify-*.csv', kind: 'snapshot', mapping: 'shopify-products-csv', every: 'real_time' },
          woocommerce: {
            files: 'woocommerce-*.csv',
            kind: 'snapshot',
            mapping: 'woocommerce-products-csv',
            every: 'real_time',
          },
        },
      },
    },
  });
