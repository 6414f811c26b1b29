/** HTTP to a shop: signing, the headers a shop needs, and what its answers mean. WooCommerce has no maintained SDK. */
import { createHmac, randomBytes } from 'node:crypto';
import type { ConnectionContext, Json, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { WooCommerceConfig } from './config.ts';

export type ShopAnswer = { readonly status: number; readonly headers: Headers; readonly body: Json };

type Call = {
  readonly method?: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly trafficClass: TrafficClass;
};

/**
 * One call, permitted, signed anew, answered in JSON or thrown as one of ours. Never tries again.
 * REST API v3: https://woocommerce.github.io/woocommerce-rest-api-docs/
 * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE`, `_CREDENTIALS`, `_LIMITED`, `_PROTOCOL`
 */
export async function call(config: WooCommerceConfig, context: ConnectionContext, request: Call): Promise<ShopAnswer> {
  await context.permit(1, request.trafficClass);
  const path = `${config.apiPath}${request.path}`;
  const url = new URL(`${config.url}${path}`);
  url.search = new URLSearchParams(request.query).toString();
  const method = request.method ?? 'GET';
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]);
  let response: Response;
  let text: string;
  try {
    response = await (context.fetch ?? fetch)(url.href, {
      method,
      // A shop answers errors in HTML unless it is asked for JSON.
      headers: {
        accept: 'application/json',
        authorization: authorization(config, { method, path, query: request.query }, context.clock.now()),
      },
      // A redirect would carry the credentials to another address.
      redirect: 'manual',
      signal,
    });
    text = await response.text();
  } catch (cause) {
    if (context.signal.aborted) throw context.signal.reason;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The shop ${url.host} did not answer.`, {
      cause,
      evidence: { host: url.host },
    });
  }
  return judge(response, text, url.host, context.clock.now());
}

/** What an answer means. Codes and shapes as WooCommerce 11 sends them. */
function judge(response: Response, text: string, host: string, now: Date): ShopAnswer {
  const body = parse(text);
  const code = errorCode(body);
  const evidence = { host, status: response.status, ...(code === null ? {} : { code }) };
  if (response.ok && body !== undefined) return { status: response.status, headers: response.headers, body };
  if (response.status === 401 || response.status === 403) {
    throw new TributaryError(
      'ERR_CONNECTOR_CREDENTIALS',
      `The shop ${host} refused the API key (${code ?? response.status}).`,
      {
        evidence,
        remedy:
          'Check consumerKey and consumerSecret, that the key may read, and that url has the scheme the shop itself uses (https takes the key as it is, http a signature).',
      },
    );
  }
  if (response.status === 429 || response.status === 503) {
    const notBefore = retryAfter(response.headers.get('retry-after'), now);
    throw new TributaryError('ERR_CONNECTOR_LIMITED', `The shop ${host} asked for a pause (HTTP ${response.status}).`, {
      evidence,
      ...(notBefore === null ? {} : { notBefore }),
    });
  }
  if (response.status >= 500 || response.status === 408) {
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The shop ${host} failed with HTTP ${response.status}.`, {
      evidence,
    });
  }
  throw new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `The shop ${host} answered HTTP ${response.status} ${code ?? 'without JSON'}.`,
    {
      evidence,
      remedy: 'Check url and apiPath: the address must lead to the REST API of WooCommerce, without a redirect.',
    },
  );
}

function parse(text: string): Json | undefined {
  try {
    const body: Json = JSON.parse(text);
    return body;
  } catch {
    // HTML from a proxy, a plugin or the maintenance page: the caller decides by the status.
    return undefined;
  }
}

function errorCode(body: Json | undefined): string | null {
  return typeof body === 'object' && body !== null && !Array.isArray(body) && typeof body.code === 'string'
    ? body.code
    : null;
}

function retryAfter(header: string | null, now: Date): Date | null {
  if (header === null) return null;
  const seconds = Number(header);
  const at = Number.isFinite(seconds) ? new Date(now.getTime() + seconds * 1000) : new Date(header);
  return Number.isNaN(at.getTime()) ? null : at;
}

type Signed = { readonly method: string; readonly path: string; readonly query: Readonly<Record<string, string>> };

/** `https`: the key itself. `http`: a one-legged OAuth 1.0a signature; never the key in the address, where logs keep it. */
export function authorization(config: WooCommerceConfig, request: Signed, now: Date): string {
  if (config.url.startsWith('https:')) {
    return `Basic ${Buffer.from(`${config.consumerKey}:${config.consumerSecret}`).toString('base64')}`;
  }
  const oauth: Record<string, string> = {
    oauth_consumer_key: config.consumerKey,
    oauth_nonce: randomBytes(16).toString('hex'),
    oauth_signature_method: 'HMAC-SHA256',
    oauth_timestamp: String(Math.floor(now.getTime() / 1000)),
    oauth_version: '1.0',
  };
  const signed = { ...oauth, oauth_signature: sign(config, request, { ...request.query, ...oauth }) };
  return `OAuth ${Object.entries(signed)
    .map(([name, value]) => `${encode(name)}="${encode(value)}"`)
    .join(', ')}`;
}

// The shop signs with the address it believes to have, whatever address was called.
function sign(config: WooCommerceConfig, request: Signed, parameters: Readonly<Record<string, string>>): string {
  const address = `${config.homeUrl ?? config.url}${request.path}`;
  const pairs = Object.entries(parameters).map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a, x], [b, y]) => (a === b ? compare(x, y) : compare(a, b)));
  const base = [
    request.method.toUpperCase(),
    encode(address),
    encode(pairs.map(([name, value]) => `${name}=${value}`).join('&')),
  ].join('&');
  return createHmac('sha256', `${config.consumerSecret}&`).update(base).digest('base64');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

// RFC 3986: encodeURIComponent leaves five characters alone that a signature must encode.
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
