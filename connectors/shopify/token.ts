import type { ConnectionContext, IssuedToken, TokenGrant } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { ShopifyConfig } from './config.ts';

/** The token to call with: the permanent one, or the shared one that lasts a day. */
export function accessToken(config: ShopifyConfig, context: ConnectionContext, rejected?: string): Promise<string> {
  return config.auth.kind === 'access_token' ? Promise.resolve(config.auth.accessToken) : context.token(rejected);
}

/**
 * Client credentials grant: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `ERR_CONNECTOR_UNREACHABLE`
 */
export async function issueToken(config: ShopifyConfig, grant: TokenGrant): Promise<IssuedToken | null> {
  const { auth } = config;
  if (auth.kind === 'access_token') return null;
  const response = await post(config, grant, {
    client_id: auth.clientId,
    client_secret: auth.clientSecret,
    grant_type: 'client_credentials',
  });
  const body: unknown = await response.json().catch(() => null);
  const token = typeof body === 'object' && body !== null ? { ...body } : {};
  if (!response.ok || !('access_token' in token) || typeof token.access_token !== 'string')
    throw refused(response.status);
  const seconds = 'expires_in' in token && typeof token.expires_in === 'number' ? token.expires_in : null;
  return {
    accessToken: token.access_token,
    refreshToken: null,
    expiresAt: seconds === null ? null : new Date(grant.clock.now().getTime() + seconds * 1000),
  };
}

async function post(
  config: ShopifyConfig,
  grant: TokenGrant,
  body: Readonly<Record<string, string>>,
): Promise<Response> {
  try {
    return await (grant.fetch ?? fetch)(`${config.baseUrl ?? `https://${config.shop}`}/admin/oauth/access_token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.any([grant.signal, AbortSignal.timeout(config.timeoutMs)]),
    });
  } catch (cause) {
    if (grant.signal.aborted) throw grant.signal.reason;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Shopify did not answer when asked for a token.', { cause });
  }
}

function refused(status: number): TributaryError {
  if (status >= 500 || status === 429)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Shopify issued no token (HTTP ${status}).`, {
      evidence: { status },
    });
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Shopify refused the client credentials (HTTP ${status}).`, {
    evidence: { status },
  });
}
