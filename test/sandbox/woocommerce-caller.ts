import { createHmac, randomUUID } from 'node:crypto';
import OAuth from 'oauth-1.0a';
import type { Clock, Json } from '../../src/connector/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';

export type Answered = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
};

export type CallOptions = {
  readonly method?: string;
  readonly body?: Json;
  readonly secret?: string;
  readonly key?: string;
  readonly nonce?: string;
  readonly secondsOff?: number;
};

/** Calls the API of a shop as any client of its own would, signed over plain http. */
export function caller(shop: VendorSystem, clock: Clock) {
  return async (path: string, options: CallOptions = {}): Promise<Answered> => {
    const { method = 'GET', key = 'ck_sandbox', secret = 'cs_sandbox' } = options;
    const oauth = new OAuth({
      consumer: { key, secret },
      signature_method: 'HMAC-SHA256',
      hash_function: (base, signingKey) => createHmac('sha256', signingKey).update(base).digest('base64'),
    });
    oauth.getNonce = () => options.nonce ?? randomUUID();
    oauth.getTimeStamp = () => Math.floor(clock.now().getTime() / 1000) + (options.secondsOff ?? 0);
    const url = `${shop.url}/wp-json/wc/v3/${path}`;
    const { Authorization } = oauth.toHeader(oauth.authorize({ url, method }));
    const response = await fetch(url, {
      method,
      headers: { authorization: Authorization, accept: 'application/json', 'content-type': 'application/json' },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    });
    const text = await response.text();
    const body = text.startsWith('<') ? null : (JSON.parse(text) as Json);
    return { status: response.status, headers: response.headers, text, body };
  };
}
