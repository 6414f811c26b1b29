import { type ConnectionContext, type IssuedToken, type TokenGrant, z } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { ShopifyConfig } from './config.ts';

type Caller = Pick<TokenGrant, 'clock' | 'signal' | 'fetch'>;

/** The token to call with: the permanent one, or the shared one that lasts a day. */
export function accessToken(config: ShopifyConfig, context: ConnectionContext, rejected?: string): Promise<string> {
  return config.auth.kind === 'access_token' ? Promise.resolve(config.auth.accessToken) : context.token(rejected);
}

/**
 * A new token: by the client credentials grant, or by the refresh token of a login. Client credentials: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/client-credentials-grant
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `ERR_CONNECTOR_UNREACHABLE`
 */
export async function issueToken(config: ShopifyConfig, grant: TokenGrant): Promise<IssuedToken | null> {
  const { auth } = config;
  if (auth.kind === 'access_token') return null;
  const client = { client_id: auth.clientId, client_secret: auth.clientSecret };
  if (auth.kind === 'oauth') {
    if (grant.refreshToken !== null)
      return askToken(config, grant, { ...client, grant_type: 'refresh_token', refresh_token: grant.refreshToken });
    throw new TributaryError(
      'ERR_CONNECTOR_CREDENTIALS',
      'Nobody has logged in to this shop, or the login has ended.',
      {
        remedy: 'Run `tributary connections authorize <name>`.',
      },
    );
  }
  return askToken(config, grant, { ...client, grant_type: 'client_credentials' });
}

/** Asks the shop's token endpoint, whatever the grant. @throws TributaryError */
export async function askToken(
  config: ShopifyConfig,
  grant: Caller,
  asked: Readonly<Record<string, string>>,
): Promise<IssuedToken> {
  const response = await post(config, grant, asked);
  const body = tokenAnswer.safeParse(await response.json().catch(() => null));
  if (!response.ok) throw refused(response, grant.clock.now());
  if (!body.success)
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Shopify answered the wish for a token with something else.');
  const { access_token: accessToken, refresh_token: refreshToken, expires_in: seconds } = body.data;
  return {
    accessToken,
    refreshToken: refreshToken ?? null,
    expiresAt: seconds === undefined ? null : new Date(grant.clock.now().getTime() + seconds * 1000),
  };
}

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().optional(),
  expires_in: z.number().optional(),
});

async function post(config: ShopifyConfig, grant: Caller, body: Readonly<Record<string, string>>): Promise<Response> {
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

function refused({ status, headers }: Response, now: Date): TributaryError {
  const evidence = { status };
  if (status === 429 || status === 430) {
    const seconds = Number(headers.get('retry-after') ?? 1);
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'Shopify asked for a pause before it issues a token.', {
      evidence,
      notBefore: new Date(now.getTime() + (Number.isFinite(seconds) ? Math.max(1, seconds) : 1) * 1000),
    });
  }
  if (status >= 500)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Shopify issued no token (HTTP ${status}).`, { evidence });
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Shopify refused the client credentials (HTTP ${status}).`, {
    evidence,
  });
}
