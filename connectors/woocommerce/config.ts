import { secret, z } from '../../src/connector/index.ts';

/** Settings of a WooCommerce connection. */
export const config = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !url.includes('@'), 'no user name or password in the address')
    .transform((url) => url.replace(/\/+$/, ''))
    .describe('address of the shop: the Site Address in Settings → General, with its folder'),
  consumerKey: secret('REST API key, ck_…'),
  consumerSecret: secret('REST API secret, cs_…'),
  apiPath: z
    .string()
    .regex(
      /^\/[^?#]*(?:\?(?:[^#]*&)?rest_route=\/[^#&]*)?$/,
      'a path such as /wp-json/wc/v3, or /index.php?rest_route=/wc/v3',
    )
    .default('/wp-json/wc/v3')
    .describe('path prefix of the REST API; `/index.php?rest_route=/wc/v3` where permalinks are Plain'),
  homeUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe(
      'what the shop calls itself, when it is reached under another address; plain-http signatures are made for it',
    ),
  webhookSecret: secret('secret of the webhooks').optional(),
  previousWebhookSecret: secret('webhook secret that is being rotated out').optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .optional()
    .describe('currency of the prices. Default: the shop is asked'),
  weightUnit: z.enum(['g', 'kg', 'lb', 'oz']).optional().describe('unit of the weights. Default: the shop is asked'),
  concurrency: z
    .int()
    .min(1)
    .max(10)
    .default(2)
    .describe('requests in flight at most; a shop usually is one small server'),
  timeoutMs: z.int().min(1000).default(60_000).describe('longest wait for an answer'),
});

export type WooCommerceConfig = z.infer<typeof config>;
