import { secret, z } from '../../src/connector/index.ts';

const FIELD = /^[A-Za-z]\w*(\.[A-Za-z]\w*)*$/;
const address = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ''));

/** Settings of a Salesforce connection. */
export const config = z.strictObject({
  instanceUrl: address.describe('My Domain address of the org, https://<domain>.my.salesforce.com'),
  loginUrl: address.optional().describe('where tokens are asked for. Default: instanceUrl'),
  auth: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('client_credentials'),
      clientId: z.string().min(1).describe('consumer key of the external client app'),
      clientSecret: secret('consumer secret of the app'),
    }),
    z.strictObject({
      kind: z.literal('jwt'),
      clientId: z.string().min(1).describe('consumer key of the app'),
      username: z.string().min(1).describe('user the program works as'),
      privateKey: secret('private key in PEM whose certificate the app knows'),
    }),
    z.strictObject({
      kind: z.literal('refresh_token'),
      clientId: z.string().min(1).describe('consumer key of the app'),
      clientSecret: secret('consumer secret of the app').optional(),
      refreshToken: secret('refresh token of the web login'),
    }),
    z.strictObject({
      kind: z.literal('oauth').describe('web login by `connections authorize`, with PKCE'),
      clientId: z.string().min(1).describe('consumer key of the app'),
      clientSecret: secret('consumer secret of the app').optional(),
    }),
    z.strictObject({
      kind: z.literal('password'),
      clientId: z.string().min(1).describe('consumer key of the app'),
      clientSecret: secret('consumer secret of the app'),
      username: z.string().min(1).describe('user the program works as'),
      password: secret('password, with the security token behind it where the org wants one'),
    }),
  ]),
  apiVersion: z
    .string()
    .regex(/^\d{2,3}\.0$/, 'an API version such as 65.0')
    .default('65.0')
    .describe('version of the REST and Bulk API'),
  objects: z
    .record(
      z.string().regex(/^[A-Za-z]\w*$/),
      z.strictObject({
        fields: z.array(z.string().regex(FIELD)).default([]),
        without: z.array(z.string().regex(FIELD)).default([]),
      }),
    )
    .default({})
    .describe(
      'by API name of the object: fields to read as well, and declared ones the user may not see: Lead: { fields: [Score__c], without: [Rating] }',
    ),
  externalIdField: z
    .string()
    .regex(/^[A-Za-z]\w*$/)
    .optional()
    .describe('custom external id field (text, unique) that upserts are made by, on Lead, Contact and Campaign'),
  bulkFrom: z
    .int()
    .min(1)
    .default(10_000)
    .describe('rows from which a whole object is read by the Bulk API instead of page by page'),
  timeoutMs: z.int().min(1000).default(60_000).describe('longest wait for an answer'),
});

export type SalesforceConfig = z.infer<typeof config>;
