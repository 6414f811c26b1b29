import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './errors.ts';
import type { Caller, Scope } from './keys.ts';

const CHALLENGE = { 'www-authenticate': 'Bearer realm="tributary"' };
/** Longer than any key; nothing longer is hashed. */
const MAX_KEY = 256;

/** The key a request carries: `X-API-Key`, or `Authorization: Bearer`. */
export function keyFrom(headers: IncomingHttpHeaders): string | null {
  const own = headers['x-api-key'];
  if (typeof own === 'string' && own !== '') return own;
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  return bearer ?? null;
}

/**
 * Lets a caller through whose key has the scope.
 * @throws ApiError 401 or 403
 */
export async function admit(
  headers: IncomingHttpHeaders,
  scope: Scope,
  find: (key: string) => Promise<Caller | null>,
): Promise<Caller> {
  const key = keyFrom(headers);
  if (key === null) throw new ApiError(401, 'Send an API key in the header X-API-Key.', { headers: CHALLENGE });
  const caller = key.length > MAX_KEY ? null : await find(key);
  if (caller === null) throw new ApiError(401, 'The API key is not known or was revoked.', { headers: CHALLENGE });
  if (!caller.scopes.has(scope)) throw new ApiError(403, `The API key does not have the scope ${scope}.`);
  return caller;
}

/** True when the request comes from this machine and nobody forwarded it. */
export function isLocal(address: string, headers: IncomingHttpHeaders): boolean {
  const isLoopback = address === '::1' || /^(?:::ffff:)?127\./.test(address);
  return (
    isLoopback &&
    headers['x-forwarded-for'] === undefined &&
    headers.forwarded === undefined &&
    headers['x-real-ip'] === undefined
  );
}
