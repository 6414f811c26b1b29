import { createSign } from 'node:crypto';
import type { IssuedToken, TokenGrant } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { SalesforceConfig } from './config.ts';

/**
 * Asks for an access token in the way the settings name.
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flows.htm
 * @throws TributaryError `ERR_CONNECTOR_CREDENTIALS`, `ERR_CONNECTOR_UNREACHABLE`
 */
export async function issueToken(config: SalesforceConfig, grant: TokenGrant): Promise<IssuedToken> {
  const response = await post(config, grant, form(config, grant));
  const body: unknown = await response.json().catch(() => null);
  const answer = typeof body === 'object' && body !== null ? { ...body } : {};
  if (!response.ok || !('access_token' in answer) || typeof answer.access_token !== 'string') {
    throw refused(response.status, 'error' in answer && typeof answer.error === 'string' ? answer.error : 'no token');
  }
  const rotated = 'refresh_token' in answer && typeof answer.refresh_token === 'string' ? answer.refresh_token : null;
  // The answer names no end: a session lasts as long as the org's settings say, and ends with INVALID_SESSION_ID.
  return { accessToken: answer.access_token, refreshToken: rotated ?? grant.refreshToken, expiresAt: null };
}

function form({ auth, instanceUrl, loginUrl }: SalesforceConfig, grant: TokenGrant): Record<string, string> {
  switch (auth.kind) {
    case 'client_credentials':
      return { grant_type: 'client_credentials', client_id: auth.clientId, client_secret: auth.clientSecret };
    case 'refresh_token':
      return {
        grant_type: 'refresh_token',
        client_id: auth.clientId,
        ...(auth.clientSecret === undefined ? {} : { client_secret: auth.clientSecret }),
        refresh_token: grant.refreshToken ?? auth.refreshToken,
      };
    case 'jwt':
      return {
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: assertion(auth, loginUrl ?? instanceUrl, grant.clock.now()),
      };
  }
}

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
    return await (grant.fetch ?? fetch)(`${config.loginUrl ?? config.instanceUrl}/services/oauth2/token`, {
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

function refused(status: number, reason: string): TributaryError {
  const evidence = { status, reason };
  if (status >= 500 || status === 429)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Salesforce issued no token (HTTP ${status}).`, {
      evidence,
    });
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Salesforce issued no token (${reason}).`, { evidence });
}
