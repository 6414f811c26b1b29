import { generateKeyPairSync } from 'node:crypto';
import type { JsonObject } from '../../src/connector/index.ts';

/** Settings that each connector accepts, one for each way to log in. Every value is invented. */
export const SAMPLES: Readonly<Record<string, readonly JsonObject[]>> = {
  shopify: [
    {
      shop: 'example.myshopify.com',
      auth: { kind: 'client_credentials', clientId: 'id', clientSecret: 'shopify-client-secret' },
    },
    {
      shop: 'example.myshopify.com',
      auth: { kind: 'access_token', accessToken: 'shpat_sample', webhookSecret: 'shopify-webhook-secret' },
    },
  ],
  woocommerce: [
    {
      url: 'https://shop.example/wp/',
      consumerKey: 'ck_sample',
      consumerSecret: 'cs_sample',
      webhookSecret: 'woo-webhook-secret',
    },
  ],
  salesforce: [
    {
      instanceUrl: 'https://example.my.salesforce.com',
      auth: { kind: 'client_credentials', clientId: 'id', clientSecret: 'sf-client-secret' },
    },
    {
      instanceUrl: 'https://example.my.salesforce.com/',
      auth: { kind: 'jwt', clientId: 'id', username: 'bot@example.com', privateKey: rsaKey() },
      objects: { Lead: { fields: ['Score__c'] } },
    },
    {
      instanceUrl: 'https://example.my.salesforce.com',
      auth: { kind: 'refresh_token', clientId: 'id', refreshToken: 'sf-refresh-token' },
    },
  ],
  hubspot: [
    { auth: { kind: 'access_token', accessToken: 'pat-sample' }, portalId: 7, webhookSecret: 'hubspot-webhook-secret' },
    {
      auth: {
        kind: 'oauth',
        clientId: 'id',
        clientSecret: 'hubspot-client-secret',
        refreshToken: 'hubspot-refresh-token',
      },
      properties: { contacts: ['shoe_size'] },
    },
  ],
};

function rsaKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
