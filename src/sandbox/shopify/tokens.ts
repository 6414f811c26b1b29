/** Access tokens: the client credentials grant, and the login of a person with its signed way back. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import type { Shop } from './shop.ts';

export const CLIENT = { id: 'tributary-sandbox', secret: 'shpss_sandbox_secret' } as const;
/** Of an app made before 2026: it never ends. */
export const PERMANENT_TOKEN = 'shpat_sandbox_permanent';
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

type Code = { readonly redirectUri: string; readonly challenge: string | null };

export type Tokens = {
  isValid(token: string): boolean;
  /** POST /admin/oauth/access_token */
  issue(request: SystemRequest): SystemAnswer;
  /** GET /admin/oauth/authorize: the person agrees at once. */
  authorize(request: SystemRequest): SystemAnswer;
};

export function openTokens(shop: Shop, domain: string): Tokens {
  const ends = new Map<string, number>([[PERMANENT_TOKEN, Number.POSITIVE_INFINITY]]);
  const refresh = new Set<string>();
  const codes = new Map<string, Code>();
  // Not seeded: a shop that was started again must not give out the word that it refused a moment ago.
  const word = () => randomBytes(16).toString('hex');
  const grant = (lifeMs: number | null, more: Record<string, unknown> = {}): SystemAnswer => {
    const token = `shpat_${word()}`;
    ends.set(token, lifeMs === null ? Number.POSITIVE_INFINITY : shop.now() + lifeMs / shop.speed);
    const expires = lifeMs === null ? {} : { expires_in: Math.max(1, Math.floor(lifeMs / shop.speed / 1000)) };
    return { status: 200, body: { access_token: token, scope: 'read_products', ...expires, ...more } };
  };
  const renewable = (): SystemAnswer => {
    const next = `shprt_${word()}`;
    refresh.add(next);
    return grant(HOUR_MS, { refresh_token: next, refresh_token_expires_in: 7_776_000 });
  };
  return {
    isValid: (token) => (ends.get(token) ?? 0) > shop.now(),
    issue: (request) => {
      const asked = readBody(request);
      if (asked['client_id'] !== CLIENT.id || asked['client_secret'] !== CLIENT.secret) return refuse('invalid_client');
      if (asked['grant_type'] === 'client_credentials') return grant(DAY_MS);
      if (asked['grant_type'] === 'refresh_token')
        return refresh.delete(asked['refresh_token'] ?? '') ? renewable() : refuse('invalid_grant');
      const code = codes.get(asked['code'] ?? '');
      codes.delete(asked['code'] ?? '');
      if (!code || !provesIt(code, asked['code_verifier'])) return refuse('invalid_request');
      return asked['expiring'] === '1' ? renewable() : grant(null);
    },
    authorize: ({ query }) => {
      const redirectUri = query.get('redirect_uri') ?? '';
      if (query.get('client_id') !== CLIENT.id || !/^https?:\/\//.test(redirectUri)) return refuse('invalid_request');
      const code = word();
      codes.set(code, { redirectUri, challenge: query.get('code_challenge') });
      const given = {
        code,
        host: Buffer.from(domain).toString('base64'),
        shop: domain,
        state: query.get('state') ?? '',
      };
      const back = new URL(redirectUri);
      const signed = { ...given, timestamp: String(Math.floor(shop.now() / 1000)) };
      for (const [name, value] of Object.entries({ ...signed, hmac: signatureOf(signed) }))
        back.searchParams.set(name, value);
      return { status: 302, headers: { location: back.href } };
    },
  };
}

/** Hex HMAC of the parameters in order of their names: https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant */
function signatureOf(query: Readonly<Record<string, string>>): string {
  const text = Object.entries(query)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('&');
  return createHmac('sha256', CLIENT.secret).update(text).digest('hex');
}

function provesIt({ challenge }: Code, verifier: string | undefined): boolean {
  return (
    challenge === null ||
    createHash('sha256')
      .update(verifier ?? '')
      .digest('base64url') === challenge
  );
}

const refuse = (error: string): SystemAnswer => ({
  status: 400,
  body: { error, error_description: `The request was refused: ${error}` },
});

function readBody({ body, headers }: SystemRequest): Readonly<Record<string, string>> {
  const text = body.toString('utf8');
  if (!(headers['content-type'] ?? '').includes('json')) return Object.fromEntries(new URLSearchParams(text));
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null
      ? Object.fromEntries(Object.entries(read).map(([name, value]) => [name, String(value)]))
      : {};
  } catch {
    return {};
  }
}
