import { secret, z } from '../../src/connector/index.ts';

/** Settings of a Shopify connection. */
export const config = z.strictObject({
  shop: z
    .string()
    .toLowerCase()
    .regex(/^[a-z0-9][a-z0-9-]*\.myshopify\.com$/, 'the permanent name of the shop, like example.myshopify.com'),
  auth: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('client_credentials'),
      clientId: z.string().min(1).describe('client id of the app'),
      clientSecret: secret('client secret of the app; signs its webhooks as well'),
    }),
    z.strictObject({
      kind: z.literal('oauth'),
      clientId: z.string().min(1).describe('client id of the app that somebody logs in to'),
      clientSecret: secret('client secret of the app; signs its webhooks and the way back from the login'),
    }),
    z.strictObject({
      kind: z.literal('access_token'),
      accessToken: secret('permanent Admin API token of a custom app made before 2026, shpat_…'),
      webhookSecret: secret('API secret key of the app; signs its webhooks').optional(),
    }),
  ]),
  previousWebhookSecret: secret('secret that is being rotated out').optional(),
  apiVersion: z
    .enum(['2025-10', '2026-01', '2026-04', '2026-07', '2026-10'])
    .default('2026-10')
    .describe('version of the Admin API; each is served for about a year'),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .optional()
    .describe('address called instead of https://<shop>, for a sandbox or a gateway'),
  pointsPerSecond: z
    .int()
    .min(1)
    .default(100)
    .describe('query cost that comes back per second: 100 Standard, 200 Advanced, 1000 Plus, 2000 Enterprise'),
  timeoutMs: z.int().min(1000).default(30_000).describe('longest wait for an answer'),
});

export type ShopifyConfig = z.infer<typeof config>;

/** Secrets a webhook may be signed with, current first. */
export function webhookSecrets({ auth, previousWebhookSecret }: ShopifyConfig): readonly string[] {
  const current = auth.kind === 'access_token' ? auth.webhookSecret : auth.clientSecret;
  return [current, previousWebhookSecret].filter((secret) => secret !== undefined);
}
