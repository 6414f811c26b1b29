/** Tokens: a service key that lasts, OAuth installations whose access tokens last half an hour, and the page that grants them. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import { makeLoginPage, newSecret } from '../login-page.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { PORTAL_ID } from './schema-routes.ts';
import { asList, asText } from './shapes.ts';

/** What a client may use. All of it is made up. */
export const CREDENTIALS = {
  serviceKey: 'pat-eu1-sandbox-5b1f-outdoor',
  clientId: 'sandbox-client-id',
  clientSecret: 'sandbox-client-secret',
  appId: 2_204_517,
  developerApiKey: 'eu1-sandbox-developer-key',
} as const;
const TOKEN_SECONDS = 1800;
const CODE_MS = 60_000;

export type Login = {
  /** Answers what belongs to logging in; `null`: another address. */
  answer(request: SystemRequest): SystemAnswer | null;
  isKnown(authorization: string | undefined): boolean;
  save(): JsonObject;
};

export function makeLogin(now: () => number, speed: number, saved: JsonObject | null): Login {
  const accessTokens = new Map<string, number>();
  const refreshTokens = new Set(asList(saved?.['refreshTokens']).map(asText));
  const page = makeLoginPage(now, CODE_MS / speed, 'eu1-code-');

  const grant = (refreshToken: string): SystemAnswer => {
    const token = `CIsandbox.${newSecret()}`;
    accessTokens.set(token, now() + (TOKEN_SECONDS * 1000) / speed);
    refreshTokens.add(refreshToken);
    return {
      status: 200,
      body: {
        ...{ token_type: 'bearer', refresh_token: refreshToken, access_token: token },
        expires_in: Math.max(1, Math.floor(TOKEN_SECONDS / speed)),
      },
    };
  };

  const token = (form: URLSearchParams): SystemAnswer => {
    if (form.get('client_id') !== CREDENTIALS.clientId || form.get('client_secret') !== CREDENTIALS.clientSecret)
      return refusal('BAD_CLIENT_ID', 'missing or unknown client id');
    if (form.get('grant_type') === 'refresh_token') {
      const refresh = form.get('refresh_token') ?? '';
      return refreshTokens.has(refresh)
        ? grant(refresh)
        : refusal('BAD_REFRESH_TOKEN', 'missing or invalid refresh token');
    }
    if (form.get('grant_type') !== 'authorization_code')
      return refusal('BAD_GRANT_TYPE', 'missing or unknown grant type');
    switch (page.redeem(form)) {
      case 'granted':
        return grant(`eu1-sandbox-refresh-${newSecret()}`);
      case 'other address':
        return refusal('MISMATCH_REDIRECT_URI_AUTH_CODE', 'redirect URI does not match the initial one');
      default:
        return refusal('BAD_AUTH_CODE', 'missing or unknown auth code');
    }
  };

  const authorize = (query: URLSearchParams): SystemAnswer => {
    const isAsked = query.get('client_id') === CREDENTIALS.clientId && (query.get('scope') ?? '') !== '';
    if (isAsked && URL.canParse(query.get('redirect_uri') ?? '')) return page.agree(query);
    return { status: 400, headers: { 'content-type': 'text/html' }, body: '<p>Authorization failed</p>' };
  };

  return {
    answer({ path, method, query, body }) {
      if (path === '/oauth/authorize' && method === 'GET') return authorize(query);
      if (path === '/oauth/v1/token' && method === 'POST') return token(new URLSearchParams(body.toString()));
      const [, known] = /^\/oauth\/v1\/access-tokens\/([^/]+)$/.exec(path) ?? [];
      if (known === undefined || method !== 'GET') return null;
      const until = accessTokens.get(known);
      if (until === undefined || until <= now())
        return refusal('INVALID_TOKEN', 'the access token is invalid or expired', 404);
      return {
        status: 200,
        body: {
          ...{ token: known, user: 'admin@outdoor.example', hub_domain: 'outdoor.example', token_type: 'access' },
          ...{ hub_id: PORTAL_ID, app_id: CREDENTIALS.appId, user_id: 7011, scopes: ['oauth'] },
          expires_in: Math.floor((until - now()) / 1000),
        },
      };
    },
    isKnown(authorization) {
      const given = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1] ?? '';
      return given === CREDENTIALS.serviceKey || (accessTokens.get(given) ?? 0) > now();
    },
    save: () => ({ refreshTokens: [...refreshTokens] as Json }),
  };
}

function refusal(status: string, message: string, code = 400): SystemAnswer {
  return { status: code, body: { status, message, correlationId: '00000000-0000-4000-8000-000000000000' } };
}
