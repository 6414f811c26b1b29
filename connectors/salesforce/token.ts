import { createSign } from 'node:crypto';
import type { AuthorizeRequest, CodeGrant, IssuedToken, TokenGrant } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { SalesforceConfig } from './config.ts';

/**
 * Asks for an access token in the way the settings name.
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flows.htm
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `ERR_CONNECTOR_UNREACHABLE`
 */
export async function issueToken(config: SalesforceConfig, grant: TokenGrant): Promise<IssuedToken> {
  return ask(config, grant, form(config, grant));
}

/**
 * Where a person logs in and grants access: the web server flow with PKCE.
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm
 */
export function authorizeUrl(
  config: SalesforceConfig,
  { redirectUri, state, codeChallenge }: AuthorizeRequest,
): string {
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: appOf(config).clientId, redirect_uri: redirectUri, state },
    ...{ code_challenge: codeChallenge, code_challenge_method: 'S256', scope: 'api refresh_token' },
  });
  return `${loginUrl(config)}/services/oauth2/authorize?${query}`;
}

/** Trades the code of the callback for a token. @throws TributaryError as `issueToken` */
export async function exchange(config: SalesforceConfig, grant: CodeGrant): Promise<IssuedToken> {
  const auth = appOf(config);
  return ask(
    config,
    { ...grant, refreshToken: null },
    {
      ...{ grant_type: 'authorization_code', code: grant.code, redirect_uri: grant.redirectUri },
      ...{ client_id: auth.clientId, ...secretOf(auth), code_verifier: grant.codeVerifier },
    },
  );
}

function appOf({ auth }: SalesforceConfig): AppAuth {
  if (auth.kind === 'oauth') return auth;
  throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', `A connection with auth kind ${auth.kind} needs no login.`, {
    remedy: 'Set auth: { kind: oauth, clientId } to log in on the web.',
  });
}

const loginUrl = (config: SalesforceConfig): string => config.loginUrl ?? config.instanceUrl;

async function ask(config: SalesforceConfig, grant: TokenGrant, fields: Record<string, string>): Promise<IssuedToken> {
  const response = await post(config, grant, fields);
  const body: unknown = await response.json().catch(() => null);
  const answer = typeof body === 'object' && body !== null ? { ...body } : {};
  if (!response.ok || !('access_token' in answer) || typeof answer.access_token !== 'string') {
    throw refused(response, 'error' in answer && typeof answer.error === 'string' ? answer.error : 'no token', grant);
  }
  const rotated = 'refresh_token' in answer && typeof answer.refresh_token === 'string' ? answer.refresh_token : null;
  // The answer names no end: a session lasts as long as the org's settings say, and ends with INVALID_SESSION_ID.
  return { accessToken: answer.access_token, refreshToken: rotated ?? grant.refreshToken, expiresAt: null };
}

function form(config: SalesforceConfig, grant: TokenGrant): Record<string, string> {
  const { auth } = config;
  switch (auth.kind) {
    case 'client_credentials':
      return { grant_type: 'client_credentials', client_id: auth.clientId, client_secret: auth.clientSecret };
    case 'refresh_token':
      return refreshForm(auth, grant.refreshToken ?? auth.refreshToken);
    case 'oauth':
      if (grant.refreshToken !== null) return refreshForm(auth, grant.refreshToken);
      throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'Nobody has granted access to the org yet.', {
        remedy: 'Run `tributary connections authorize <name>` and log in to Salesforce.',
      });
    case 'password':
      return {
        ...{ grant_type: 'password', client_id: auth.clientId, client_secret: auth.clientSecret },
        ...{ username: auth.username, password: auth.password },
      };
    case 'jwt':
      return {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: assertion(auth, loginUrl(config), grant.clock.now()),
      };
  }
}

type AppAuth = { readonly clientId: string; readonly clientSecret?: string | undefined };

const refreshForm = (auth: AppAuth, refreshToken: string): Record<string, string> => ({
  grant_type: 'refresh_token',
  client_id: auth.clientId,
  ...secretOf(auth),
  refresh_token: refreshToken,
});

const secretOf = ({ clientSecret }: AppAuth): Record<string, string> =>
  clientSecret === undefined ? {} : { client_secret: clientSecret };

type JwtAuth = { readonly clientId: string; readonly username: string; readonly privateKey: string };

function assertion(auth: JwtAuth, audience: string, now: Date): string {
  const expires = Math.floor(now.getTime() / 1000) + 180;
  const parts = [{ alg: 'RS256' }, { iss: auth.clientId, sub: auth.username, aud: audience, exp: expires }];
  const unsigned = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  try {
    return `${unsigned}.${createSign('RSA-SHA256').update(unsigned).sign(auth.privateKey).toString('base64url')}`;
  } catch {
    // The cause is left out: it may quote the key.
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The private key of the connection cannot sign.', {
      remedy: 'Give privateKey as an RSA key in PEM, with its line breaks.',
    });
  }
}

async function post(config: SalesforceConfig, grant: TokenGrant, body: Record<string, string>): Promise<Response> {
  try {
    return await (grant.fetch ?? fetch)(`${loginUrl(config)}/services/oauth2/token`, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(body).toString(),
      redirect: 'manual',
      signal: AbortSignal.any([grant.signal, AbortSignal.timeout(config.timeoutMs)]),
    });
  } catch (cause) {
    if (grant.signal.aborted) throw grant.signal.reason;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Salesforce did not answer when asked for a token.', {
      cause,
    });
  }
}

function refused(response: Response, reason: string, grant: TokenGrant): TributaryError {
  const { status } = response;
  const evidence = { status, reason };
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  if (status === 429 || (status === 503 && !Number.isNaN(retryAfter))) {
    const waitMs = (Number.isNaN(retryAfter) ? 60 : retryAfter) * 1000;
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'Salesforce issues no token for now.', {
      evidence,
      notBefore: new Date(grant.clock.now().getTime() + waitMs),
    });
  }
  // A page of a proxy with status 200 is no refusal either.
  if (status >= 500 || (response.ok && reason === 'no token'))
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Salesforce issued no token (HTTP ${status}).`, {
      evidence,
    });
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Salesforce issued no token (${reason}).`, {
    evidence,
    ...(reason === 'invalid_grant'
      ? {
          remedy:
            'The login is expired or wrong: renew the credentials, or run `tributary connections authorize <name>`.',
        }
      : {}),
  });
}
