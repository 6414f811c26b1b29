import type {
  AuthorizeRequest,
  CodeGrant,
  ConnectionContext,
  IssuedToken,
  TokenGrant,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { HubSpotConfig } from './config.ts';

/** The token to call with: the permanent one, or the shared one that lasts half an hour. */
export function accessToken(config: HubSpotConfig, context: ConnectionContext, rejected?: string): Promise<string> {
  return config.auth.kind === 'access_token' ? Promise.resolve(config.auth.accessToken) : context.token(rejected);
}

/**
 * Refreshes an OAuth installation: https://developers.hubspot.com/docs/api-reference/legacy/auth-oauth-v1/guide
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `ERR_CONNECTOR_UNREACHABLE`
 */
export async function issueToken(config: HubSpotConfig, grant: TokenGrant): Promise<IssuedToken | null> {
  const { auth } = config;
  if (auth.kind === 'access_token') return null;
  const refreshToken = grant.refreshToken ?? auth.refreshToken;
  // Nobody has logged in yet.
  if (refreshToken === undefined) return null;
  return ask(config, grant, {
    ...{ grant_type: 'refresh_token', refresh_token: refreshToken },
    ...{ client_id: auth.clientId, client_secret: auth.clientSecret },
  });
}

/** HubSpot knows no PKCE: the state is what ties the callback to who began. */
export function authorizeUrl(config: HubSpotConfig, { redirectUri, state }: AuthorizeRequest): string {
  const { clientId, scopes } = appOf(config);
  const query = new URLSearchParams({ client_id: clientId, redirect_uri: redirectUri, scope: scopes.join(' '), state });
  return `${config.authorizeUrl}?${query}`;
}

/** Trades the code of the callback for a token. @throws TributaryError as `issueToken` */
export function exchange(config: HubSpotConfig, grant: CodeGrant): Promise<IssuedToken> {
  const auth = appOf(config);
  return ask(
    config,
    { ...grant, refreshToken: null },
    {
      ...{ grant_type: 'authorization_code', code: grant.code, redirect_uri: grant.redirectUri },
      ...{ client_id: auth.clientId, client_secret: auth.clientSecret },
    },
  );
}

function appOf({ auth }: HubSpotConfig): Extract<HubSpotConfig['auth'], { kind: 'oauth' }> {
  if (auth.kind === 'oauth') return auth;
  throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', 'A connection with an access token needs no login.', {
    remedy: 'Set auth: { kind: oauth, clientId, clientSecret } to log in on the web.',
  });
}

async function ask(config: HubSpotConfig, grant: TokenGrant, form: Record<string, string>): Promise<IssuedToken> {
  const response = await post(config, grant, form);
  const body: unknown = await response.json().catch(() => null);
  const answer = typeof body === 'object' && body !== null ? { ...body } : {};
  if (!response.ok || !('access_token' in answer) || typeof answer.access_token !== 'string')
    throw refused(response.status);
  const rotated = 'refresh_token' in answer && typeof answer.refresh_token === 'string' ? answer.refresh_token : null;
  const seconds = 'expires_in' in answer && typeof answer.expires_in === 'number' ? answer.expires_in : null;
  return {
    accessToken: answer.access_token,
    refreshToken: rotated ?? grant.refreshToken,
    expiresAt: seconds === null ? null : new Date(grant.clock.now().getTime() + seconds * 1000),
  };
}

async function post(config: HubSpotConfig, grant: TokenGrant, form: Record<string, string>): Promise<Response> {
  try {
    return await (grant.fetch ?? fetch)(`${config.baseUrl}${config.tokenPath}`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      redirect: 'manual',
      signal: AbortSignal.any([grant.signal, AbortSignal.timeout(config.timeoutMs)]),
    });
  } catch (cause) {
    if (grant.signal.aborted) throw grant.signal.reason;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'HubSpot did not answer when asked for a token.', { cause });
  }
}

function refused(status: number): TributaryError {
  if (status >= 500 || status === 429)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `HubSpot issued no token (HTTP ${status}).`, {
      evidence: { status },
    });
  return new TributaryError(
    'ERR_CONNECTOR_CREDENTIALS',
    `HubSpot refused the refresh token or the code (HTTP ${status}).`,
    {
      evidence: { status },
    },
  );
}
