/** Who calls: OAuth 1.0a, one-legged, as WooCommerce checks it over plain http. Basic counts over https only, so never here. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SystemRequest } from '../server.ts';
import { type ShopAnswer, shopError } from './answers.ts';
import type { Shop } from './shop.ts';

export type ApiKey = {
  readonly consumerKey: string;
  readonly consumerSecret: string;
  readonly permissions: 'read' | 'write' | 'read_write';
};

const TIMESTAMP_WINDOW_S = 15 * 60;

export type Gate = {
  /** `null`: let in. */
  refuse(request: SystemRequest): ShopAnswer | null;
};

/** Signatures count when they are made for the address the shop believes to have, whatever address was called. */
export function openGate(keys: readonly ApiKey[], shop: Pick<Shop, 'home' | 'now'>): Gate {
  // Nonces are kept as long as a timestamp is accepted.
  const nonces = new Map<string, number>();
  return {
    refuse(request) {
      const oauth = oauthParameters(request);
      if (oauth === null) return nobody(request.method);
      const key = keys.find((one) => one.consumerKey === oauth.get('oauth_consumer_key'));
      if (!key) return authenticationError('Consumer key is invalid.');
      if (!isSignatureOf(request, oauth, key.consumerSecret, shop.home))
        return authenticationError('Invalid signature - provided signature does not match.');
      const seconds = Math.floor(shop.now() / 1000);
      const sentAt = Number(oauth.get('oauth_timestamp'));
      if (!(Math.abs(seconds - sentAt) <= TIMESTAMP_WINDOW_S)) return authenticationError('Invalid timestamp.');
      for (const [nonce, at] of nonces) if (at < seconds - TIMESTAMP_WINDOW_S) nonces.delete(nonce);
      const nonce = `${key.consumerKey} ${oauth.get('oauth_nonce') ?? ''}`;
      if (nonces.has(nonce)) return authenticationError('Invalid nonce - nonce has already been used.');
      nonces.set(nonce, sentAt);
      return permissionError(key, request.method);
    },
  };
}

export const authenticationError = (message: string, headers: Readonly<Record<string, string>> = { vary: 'Origin' }) =>
  shopError(401, 'woocommerce_rest_authentication_error', message, {}, headers);

function nobody(method: string): ShopAnswer {
  const vary = { vary: 'Origin' };
  return method === 'GET'
    ? shopError(401, 'woocommerce_rest_cannot_view', 'Sorry, you cannot list resources.', {}, vary)
    : shopError(401, 'woocommerce_rest_cannot_create', 'Sorry, you are not allowed to create resources.', {}, vary);
}

function permissionError(key: ApiKey, method: string): ShopAnswer | null {
  const wanted = method === 'GET' || method === 'HEAD' ? 'read' : 'write';
  if (method === 'OPTIONS' || key.permissions === 'read_write' || key.permissions === wanted) return null;
  return authenticationError(`The API key provided does not have ${wanted} permissions.`, {});
}

/** In the query or the Authorization header. */
function oauthParameters(request: SystemRequest): ReadonlyMap<string, string> | null {
  const header = /^OAuth\s+(.*)$/i.exec(request.headers.authorization ?? '')?.[1];
  const named = header
    ? [...header.matchAll(/(\w+)="([^"]*)"/g)].map(
        ([, name, value]) => [name ?? '', decodeURIComponent(value ?? '')] as const,
      )
    : [...request.query].filter(([name]) => name.startsWith('oauth_'));
  const found = new Map(named);
  return found.has('oauth_consumer_key') && found.has('oauth_signature') ? found : null;
}

function isSignatureOf(
  request: SystemRequest,
  oauth: ReadonlyMap<string, string>,
  secret: string,
  home: string,
): boolean {
  const algorithm = oauth.get('oauth_signature_method') === 'HMAC-SHA1' ? 'sha1' : 'sha256';
  const parameters = new Map([...request.query, ...oauth]);
  parameters.delete('oauth_signature');
  const pairs = [...parameters].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const base = `${request.method}&${encode(`${home}${request.path}`)}&${encode(pairs.join('&'))}`;
  const wanted = createHmac(algorithm, `${secret}&`).update(base).digest();
  const given = Buffer.from(oauth.get('oauth_signature') ?? '', 'base64');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
