import { secret, z } from '../../src/connector/index.ts';

const path = z.string().regex(/^\/\S*[^\s/]$/, 'a path such as /crm/v3/objects');

/** What all streams and writes need, campaigns left out: not every account has them. */
const DEFAULT_SCOPES = [
  ...['oauth', 'crm.objects.contacts.read', 'crm.objects.contacts.write'],
  ...['crm.objects.companies.read', 'crm.objects.companies.write', 'crm.objects.deals.read'],
  ...['crm.objects.line_items.read', 'e-commerce', 'forms'],
];

/** Settings of a HubSpot connection. */
export const config = z.strictObject({
  auth: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('access_token'),
      accessToken: secret('service key or token of a private app, pat-…'),
    }),
    z.strictObject({
      kind: z.literal('oauth'),
      clientId: z.string().min(1).describe('client id of the app'),
      clientSecret: secret('client secret of the app'),
      scopes: z.array(z.string().min(1)).default(DEFAULT_SCOPES).describe('scopes that a login asks for'),
      refreshToken: secret('refresh token of the installation; not needed after a login').optional(),
    }),
  ]),
  app: z
    .strictObject({
      id: z.int().positive().describe('id of the app'),
      developerApiKey: secret('API key of the developer account the app is in'),
    })
    .optional()
    .describe('app whose webhooks are to be set up; without it polling alone finds all changes'),
  portalId: z
    .int()
    .positive()
    .optional()
    .describe('id of the account; needed for webhooks, which one app receives for all its accounts'),
  webhookSecret: secret('client secret of the app that sends webhooks; default: that of auth').optional(),
  previousWebhookSecret: secret('webhook secret that is being rotated out').optional(),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .transform((url) => url.replace(/\/+$/, ''))
    .default('https://api.hubapi.com')
    .describe('address of the API'),
  objectsPath: path.default('/crm/v3/objects').describe('path of CRM objects; /crm/objects/2026-09 for the dated API'),
  propertiesPath: path.default('/crm/v3/properties').describe('path of the definitions of properties'),
  associationsPath: path.default('/crm/v4/associations').describe('path of associations'),
  campaignsPath: path.default('/marketing/v3/campaigns').describe('path of marketing campaigns'),
  formsPath: path.default('/marketing/v3/forms').describe('path of forms'),
  submissionsPath: path.default('/form-integrations/v1/submissions/forms').describe('path of form submissions'),
  detailsPath: path.default('/account-info/v3/details').describe('path of what an account says about itself'),
  authorizeUrl: z
    .url({ protocol: /^https?$/ })
    .default('https://app.hubspot.com/oauth/authorize')
    .describe('page where a person grants access'),
  tokenPath: path.default('/oauth/v1/token').describe('path tokens are asked at'),
  properties: z
    .partialRecord(
      z.enum(['contacts', 'companies', 'deals', 'products', 'line_items']),
      z.array(z.string().regex(/^[a-z]\w*$/)),
    )
    .optional()
    .describe('further properties to read, by stream'),
  uniqueProperties: z
    .partialRecord(z.enum(['contacts', 'companies']), z.string().regex(/^[a-z]\w*$/))
    .optional()
    .describe('property with unique values that records are found and upserted by when they are written, by stream'),
  callsPerTenSeconds: z.int().min(1).default(100).describe('100 Free and Starter, 190 Professional and Enterprise'),
  timeoutMs: z.int().min(1000).default(30_000).describe('longest wait for an answer'),
});

export type HubSpotConfig = z.infer<typeof config>;

/** Secrets a webhook may be signed with, current first. */
export function webhookSecrets({ auth, webhookSecret, previousWebhookSecret }: HubSpotConfig): readonly string[] {
  const current = webhookSecret ?? (auth.kind === 'oauth' ? auth.clientSecret : undefined);
  return [current, previousWebhookSecret].filter((secret) => secret !== undefined);
}
