/**
 * Login of a person who owns the shop: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AuthorizeRequest, CodeGrant, IssuedToken } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { ShopifyConfig } from './config.ts';
import { ALL_SCOPES } from './scopes.ts';
import { askToken } from './token.ts';

/** Where to send the person. */
export function authorizeUrl(config: ShopifyConfig, request: AuthorizeRequest): string {
  const { clientId } = appOf(config);
  const url = new URL(`${config.baseUrl ?? `https://${config.shop}`}/admin/oauth/authorize`);
  url.search = new URLSearchParams({
    client_id: clientId,
    scope: ALL_SCOPES.join(','),
    redirect_uri: request.redirectUri,
    state: request.state,
    code_challenge: request.codeChallenge,
    code_challenge_method: 'S256',
  }).toString();
  return url.href;
}

/**
 * Trades the code for a token, which ends and is renewed.
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS` when the way back was not signed by Shopify, or is of another shop
 */
export async function exchange(config: ShopifyConfig, grant: CodeGrant): Promise<IssuedToken> {
  const { clientId, clientSecret } = appOf(config);
  if (!isSignedQuery(grant.query, clientSecret) || grant.query['shop']?.toLowerCase() !== config.shop)
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The way back from the login was not signed by this shop.', {
      remedy: 'Start the login again, and check the client secret of the app.',
    });
  return askToken(config, grant, {
    client_id: clientId,
    client_secret: clientSecret,
    code: grant.code,
    code_verifier: grant.codeVerifier,
    expiring: '1',
  });
}

function appOf({ auth }: ShopifyConfig): { readonly clientId: string; readonly clientSecret: string } {
  if (auth.kind !== 'access_token') return auth;
  throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', 'A connection with a permanent token needs no login.', {
    remedy: 'Set auth.kind to oauth, with the client id and secret of the app.',
  });
}

/** Hex HMAC-SHA256 of the parameters without `hmac`, in order of their names. */
function isSignedQuery(query: Readonly<Record<string, string>>, secret: string): boolean {
  const { hmac, ...signed } = query;
  const text = Object.entries(signed)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('&');
  const wanted = createHmac('sha256', secret).update(text).digest();
  const given = Buffer.from(hmac ?? '', 'hex');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
