/** How a call says who it is from. */
import { createHmac, randomBytes } from 'node:crypto';
import OAuth from 'oauth-1.0a';
import type { WooCommerceConfig } from './config.ts';

type Signed = { readonly method: string; readonly path: string; readonly query: Readonly<Record<string, string>> };

/**
 * `https`: the key itself. `http`: a one-legged OAuth 1.0a signature; never the key in the address, where logs keep it.
 * Made anew for each try: a used nonce is refused, and so is a time more than 15 minutes off.
 */
export function authorization(config: WooCommerceConfig, request: Signed, now: Date): string {
  if (config.url.startsWith('https:')) {
    return `Basic ${Buffer.from(`${config.consumerKey}:${config.consumerSecret}`).toString('base64')}`;
  }
  const oauth = new OAuth({
    consumer: { key: config.consumerKey, secret: config.consumerSecret },
    signature_method: 'HMAC-SHA256',
    hash_function: (base, key) => createHmac('sha256', key).update(base).digest('base64'),
  });
  oauth.getNonce = () => randomBytes(16).toString('hex');
  oauth.getTimeStamp = () => Math.floor(now.getTime() / 1000);
  // The shop signs with the address it believes to have, whatever address was called.
  const url = `${config.homeUrl ?? config.url}${request.path}`;
  return oauth.toHeader(oauth.authorize({ url, method: request.method, data: { ...request.query } })).Authorization;
}
