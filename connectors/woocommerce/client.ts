/**
 * HTTP to a shop: signing, the headers a shop needs, and what its answers mean. WooCommerce has no maintained SDK, so undici is
 * the client. REST API v3: https://woocommerce.github.io/woocommerce-rest-api-docs/
 */
import {
  type ConnectionContext,
  type Json,
  type JsonObject,
  permitted,
  type TrafficClass,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { WooCommerceConfig } from './config.ts';
import { authorization } from './sign.ts';

/** A shop and how it is reached. */
export type Shop = { readonly config: WooCommerceConfig; readonly context: ConnectionContext };

export type ShopAnswer = {
  readonly status: number;
  readonly headers: Pick<Headers, 'get'>;
  readonly text: string;
  /** `undefined`: not JSON. */
  readonly body: Json | undefined;
  /** When the request was sent, on our clock. */
  readonly sentAt: Date;
  /** When it was answered, on our clock. */
  readonly answeredAt: Date;
};

export type Call = {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Behind the path of the API, such as `/products`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  readonly trafficClass: TrafficClass;
};

/** The longest answer that is taken: a hundred orders with long lines have a few megabytes. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * One call, permitted, signed anew, answered in JSON or thrown as one of ours. Never tries again.
 * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE`, `_CREDENTIALS`, `_LIMITED`, `_PROTOCOL`
 */
export async function call(shop: Shop, request: Call): Promise<ShopAnswer & { readonly body: Json }> {
  return permitted(shop.context, { cost: 1, ...request }, async () => judge(shop, await sendNow(shop, request)));
}

/**
 * One call whose answer is given as it came, whatever its status.
 * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE` when there is none: it may have been carried out all the same
 */
export function send(shop: Shop, request: Call): Promise<ShopAnswer> {
  return permitted(shop.context, { cost: 1, ...request }, () => sendNow(shop, request));
}

async function sendNow({ config, context }: Shop, request: Call): Promise<ShopAnswer> {
  const method = request.method ?? 'GET';
  const { path, query } = placeOf(config.apiPath, request);
  const url = new URL(`${config.url}${path}`);
  url.search = new URLSearchParams(query).toString();
  const sentAt = context.clock.now();
  const init = {
    method,
    headers: {
      // A shop answers errors in HTML unless it is asked for JSON.
      accept: 'application/json',
      authorization: authorization(config, { method, path, query }, sentAt),
      ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    // A redirect would carry the credentials to another address.
    redirect: 'manual' as const,
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]),
  };
  try {
    const response = await (context.fetch ?? (await import('undici')).fetch)(url.href, init);
    const text = await textOf(response.body);
    const { status, headers } = response;
    return { status, headers, text, body: parse(text), sentAt, answeredAt: context.clock.now() };
  } catch (cause) {
    if (context.signal.aborted) throw context.signal.reason;
    if (cause instanceof TributaryError) throw cause;
    const isSlow = cause instanceof Error && cause.name === 'TimeoutError';
    const within = isSlow ? ` within ${config.timeoutMs / 1000} s` : '';
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The shop ${url.host} did not answer${within}.`, {
      cause,
      evidence: { host: url.host },
      ...(isSlow
        ? { remedy: `It is tried again. If it stays so: timeoutMs of the connection longer, or ${SMALLER}.` }
        : {}),
    });
  }
}

const SMALLER = 'page_size in tributary.yaml smaller (20), so that the shop has less to do at once';

/** Where a shop has no addresses in words, the path is a parameter: `/index.php?rest_route=/wc/v3`. */
function placeOf(
  apiPath: string,
  { path, query = {} }: Call,
): { path: string; query: Readonly<Record<string, string>> } {
  const [prefix = '', parameters] = apiPath.replace(/\/+$/, '').split('?', 2);
  if (parameters === undefined) return { path: `${prefix}${path}`, query };
  const given = Object.fromEntries(new URLSearchParams(parameters));
  return { path: prefix, query: { ...given, rest_route: `${given['rest_route'] ?? ''}${path}`, ...query } };
}

async function textOf(body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES)
      throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `The shop's answer is longer than ${MOST_BYTES} bytes.`);
    chunks.push(chunk);
  }
  // A theme saved with a byte order mark puts it before every answer.
  return Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\uFEFF+/, '');
}

/** What an answer means. Codes and shapes as WooCommerce 11 sends them. */
export function judge({ config, context }: Shop, answer: ShopAnswer): ShopAnswer & { readonly body: Json } {
  const { status, body } = answer;
  const { host } = new URL(config.url);
  const { code, message } = errorIn(body);
  const evidence = { host, status, ...(code === null ? {} : { code }) };
  const isOk = status >= 200 && status < 300;
  if (isOk && body !== undefined) return { ...answer, body };
  const location = status >= 300 && status < 400 ? answer.headers.get('location') : null;
  if (location !== null) throw redirection(config, location, evidence);
  if (status === 401 || status === 403) throw refusal(host, evidence, message ?? code ?? String(status));
  if (status === 429 || status === 503) {
    const notBefore = retryAfter(answer.headers.get('retry-after'), context.clock.now());
    if (notBefore) context.observeLimits({ window: 'pause', notBefore });
    throw new TributaryError('ERR_CONNECTOR_LIMITED', `The shop ${host} asked for a pause (HTTP ${status}).`, {
      evidence,
      ...(notBefore === null ? {} : { notBefore }),
    });
  }
  // A page where JSON is due: a proxy, a login wall, a plugin that prints. It passes, or the run fails after its tries.
  if (status >= 500 || status === 408 || isOk) {
    const what = isOk ? 'answered with something other than JSON' : `failed with HTTP ${status}`;
    const remedy = isOk
      ? 'It is tried again. If it stays so, something stands before the API or prints into it: a login or robot check, a cache, PHP notices (switch WP_DEBUG_DISPLAY off); or Settings → Permalinks is Plain.'
      : `It is tried again. If it stays so, the shop's own error log says why; where pages are too much for it, ${SMALLER}.`;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The shop ${host} ${what}.`, { evidence, remedy });
  }
  throw new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `The shop ${host} answered HTTP ${status} ${code ?? 'without JSON'}.`,
    {
      evidence,
      remedy:
        'Check url and apiPath: the address must lead to the REST API of WooCommerce. In WordPress, Settings → Permalinks must not be Plain.',
    },
  );
}

/** Not followed: the credentials are for the one address, and a write would become a read. */
function redirection(
  config: WooCommerceConfig,
  location: string,
  evidence: TributaryError['evidence'],
): TributaryError {
  const to = URL.canParse(location, config.url) ? new URL(location, config.url).origin : 'an address that is none';
  const isSame = to === new URL(config.url).origin;
  return new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `The shop ${evidence['host']} sends callers on to ${isSame ? 'another page' : to} (HTTP ${evidence['status']}).`,
    {
      evidence,
      remedy: isSame
        ? 'Check url, with the folder of the Site Address (Settings → General), and apiPath: the address must be the one of the REST API itself.'
        : `Set url of the connection to the address the shop is really at (${to}, with its folder): https or http, with www or without.`,
    },
  );
}

/** WooCommerce says 401 for nearly everything; its words tell the cases apart. */
function refusal(host: string, evidence: TributaryError['evidence'], words: string): TributaryError {
  // Something between us and the shop sent the same request twice; signed anew it goes through.
  if (/nonce/i.test(words))
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The shop ${host} got one request twice.`, { evidence });
  const remedies: readonly (readonly [RegExp, string])[] = [
    [/timestamp/i, 'Set the clocks of this machine and of the shop right: they are more than 15 minutes apart.'],
    [
      /signature/i,
      'Check consumerSecret, and set homeUrl to what the shop gives as Site Address (Settings → General).',
    ],
    [/read permissions/i, 'Give the API key the permission Read or Read/Write.'],
    [/write permissions/i, 'Give the API key the permission Read/Write.'],
  ];
  const remedy =
    remedies.find(([pattern]) => pattern.test(words))?.[1] ??
    'Check consumerKey and consumerSecret, that the user of the key may manage the shop, and that url has the scheme the shop itself uses (https takes the key as it is, http a signature). Where all of that is right, the web server takes the header Authorization away before PHP sees it.';
  return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `The shop ${host} refused the API key: ${words}`, {
    evidence,
    remedy,
  });
}

function parse(text: string): Json | undefined {
  try {
    const body: Json = JSON.parse(text);
    return body;
  } catch {
    // HTML from a proxy, a plugin or the maintenance page: judged by its status.
    return undefined;
  }
}

/** Code and words of an error, `null` where the body is none. */
export function errorIn(body: Json | undefined): { readonly code: string | null; readonly message: string | null } {
  const { code, message } = isObject(body) ? body : {};
  return {
    code: typeof code === 'string' ? code : null,
    message: typeof message === 'string' ? message : null,
  };
}

/** In the words of WooCommerce, which say that there is no such record: a 404 of a proxy, or of a missing route, says nothing of it. */
export function isMissing({ status, body }: Pick<ShopAnswer, 'status' | 'body'>): boolean {
  return status === 404 && /^(?:woocommerce_rest|wc_user)_\w*invalid/.test(errorIn(body).code ?? '');
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function retryAfter(header: string | null, now: Date): Date | null {
  if (header === null) return null;
  const seconds = Number(header);
  const at = Number.isFinite(seconds) ? new Date(now.getTime() + seconds * 1000) : new Date(header);
  return Number.isNaN(at.getTime()) ? null : at;
}
