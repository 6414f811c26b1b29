/** Tokens: every OAuth grant an org offers, with sessions that end, and the page where a person grants access. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import type { JsonObject } from '../../connector/contract.ts';
import { makeLoginPage, newSecret } from '../login-page.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';

/** What a client may log in with. All of it is made up. */
export const CREDENTIALS = {
  clientId: 'sandbox-consumer-key',
  clientSecret: 'sandbox-consumer-secret',
  username: 'integration@sandbox.example',
  password: 'sandbox-password-and-token',
} as const;
const ORG = '00D5g000000SandEAI';
const USER = '0055g000001AAAAAA4';
const SESSION_MS = 2 * 60 * 60 * 1000;
const CODE_MS = 15 * 60 * 1000;

export type Login = {
  /** Answers what belongs to logging in; `null`: another address. */
  answer(request: SystemRequest, url: string): SystemAnswer | null;
  isSession(authorization: string | undefined): boolean;
  /** Ends all sessions, as an administrator may. */
  revoke(): void;
  /** Key whose JWTs are believed, PEM. */
  trust(publicKey: string): void;
  save(): JsonObject;
};

export function makeLogin(now: () => number, speed: number, saved: JsonObject | null): Login {
  const sessions = new Map<string, number>();
  const page = makeLoginPage(now, CODE_MS / speed, 'aPrx.sandbox.');
  const refreshTokens = new Set(Array.isArray(saved?.['refreshTokens']) ? saved['refreshTokens'].map(String) : []);
  let trusted: string | null = null;

  const grant = (url: string, withRefresh: boolean): SystemAnswer => {
    const token = `${ORG.slice(0, 15)}!sandbox.${newSecret()}`;
    sessions.set(token, now() + SESSION_MS / speed);
    const refresh = `5Aep861.sandbox.${newSecret()}`;
    if (withRefresh) refreshTokens.add(refresh);
    const id = `${url}/id/${ORG}/${USER}`;
    return {
      status: 200,
      body: {
        access_token: token,
        ...(withRefresh ? { refresh_token: refresh } : {}),
        signature: createHash('sha256').update(`${id}${now()}`).digest('base64'),
        scope: 'refresh_token api',
        instance_url: url,
        id,
        token_type: 'Bearer',
        issued_at: String(now()),
      },
    };
  };

  const tokenFor = (form: URLSearchParams, url: string): SystemAnswer => {
    const kind = form.get('grant_type');
    if (kind === 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return isAssertion(form.get('assertion') ?? '', trusted, url, now())
        ? grant(url, false)
        : refusal('invalid_grant', 'invalid assertion');
    if (form.get('client_id') !== CREDENTIALS.clientId)
      return refusal('invalid_client_id', 'client identifier invalid');
    const secret = form.get('client_secret');
    if (secret !== null && secret !== CREDENTIALS.clientSecret)
      return refusal('invalid_client', 'invalid client credentials');
    switch (kind) {
      case 'client_credentials':
        return secret === null ? refusal('invalid_client', 'invalid client credentials') : grant(url, false);
      case 'password':
        return isPassword(form) ? grant(url, false) : refusal('invalid_grant', 'authentication failure');
      case 'refresh_token':
        return refreshTokens.has(form.get('refresh_token') ?? '')
          ? grant(url, false)
          : refusal('invalid_grant', 'expired access/refresh token');
      case 'authorization_code':
        return redeem(form, url);
      default:
        return refusal('unsupported_grant_type', 'grant type not supported');
    }
  };

  const redeem = (form: URLSearchParams, url: string): SystemAnswer => {
    switch (page.redeem(form)) {
      case 'granted':
        return grant(url, true);
      case 'no code':
        return refusal('invalid_grant', 'expired authorization code');
      case 'other address':
        return refusal('redirect_uri_mismatch', 'redirect_uri must match configuration');
      case 'not who asked':
        return refusal('invalid_grant', 'invalid code verifier');
    }
  };

  const authorize = (query: URLSearchParams): SystemAnswer => {
    const isAsked = query.get('client_id') === CREDENTIALS.clientId && query.get('response_type') === 'code';
    if (isAsked && URL.canParse(query.get('redirect_uri') ?? '')) return page.agree(query);
    return { status: 400, headers: { 'content-type': 'text/html' }, body: '<p>error=invalid_client_id</p>' };
  };

  return {
    answer(request, url) {
      if (request.path === '/services/oauth2/authorize') return authorize(request.query);
      if (request.path === '/services/oauth2/revoke') {
        const token = new URLSearchParams(request.body.toString()).get('token') ?? '';
        refreshTokens.delete(token);
        sessions.delete(token);
        return { status: 200 };
      }
      if (request.path !== '/services/oauth2/token') return null;
      if (request.method !== 'POST') return refusal('invalid_request', 'must use HTTP POST');
      return tokenFor(new URLSearchParams(request.body.toString()), url);
    },
    isSession(authorization) {
      const until = sessions.get(/^(?:Bearer|OAuth) (.+)$/.exec(authorization ?? '')?.[1] ?? '');
      return until !== undefined && until > now();
    },
    revoke: () => sessions.clear(),
    trust: (publicKey) => {
      trusted = publicKey;
    },
    save: () => ({ refreshTokens: [...refreshTokens] }),
  };
}

function refusal(error: string, description: string): SystemAnswer {
  return { status: 400, body: { error, error_description: description } };
}

const isPassword = (form: URLSearchParams): boolean =>
  form.get('username') === CREDENTIALS.username && form.get('password') === CREDENTIALS.password;

function isAssertion(assertion: string, publicKey: string | null, url: string, now: number): boolean {
  const [head = '', claims = '', signature = ''] = assertion.split('.');
  if (publicKey === null || signature === '') return false;
  const isSigned = verify(
    'RSA-SHA256',
    Buffer.from(`${head}.${claims}`),
    createPublicKey(publicKey),
    Buffer.from(signature, 'base64url'),
  );
  if (!isSigned) return false;
  const said: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString());
  if (typeof said !== 'object' || said === null) return false;
  const claim = (name: string): unknown => Reflect.get(said, name);
  const expires = Number(claim('exp')) * 1000;
  return (
    claim('iss') === CREDENTIALS.clientId &&
    claim('sub') === CREDENTIALS.username &&
    claim('aud') === url &&
    expires > now &&
    expires <= now + 5 * 60 * 1000
  );
}
