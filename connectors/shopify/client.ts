/** The one file that knows @shopify/shopify-api: a call to the Admin GraphQL API and what its answers mean. */
import type { GraphqlClient } from '@shopify/shopify-api';
import {
  type ConnectionContext,
  type Fetch,
  type JsonObject,
  permitted,
  type TrafficClass,
  withToken,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { ShopifyConfig } from './config.ts';
import { accessToken } from './token.ts';

export type Answer = {
  readonly data: unknown;
  readonly servedVersion: string | null;
  /** What Shopify's clock showed. */
  readonly vendorTime: Date | null;
};

export type Call = {
  readonly query: string;
  readonly variables?: JsonObject;
  /** What the query is asked to cost, in points. */
  readonly cost: number;
  readonly trafficClass: TrafficClass;
};

export type Shop = {
  /** @throws TributaryError classified, whatever the SDK throws */
  call(request: Call): Promise<Answer>;
  close(): void;
};

/** Opens the client for one connection. The SDK is loaded here, so that looking at the catalogue stays quick. */
export async function openShop(config: ShopifyConfig, context: ConnectionContext): Promise<Shop> {
  const route = crypto.randomUUID();
  const sdk = await loadSdk();
  routes.set(route, { fetch: context.fetch ?? fetch, baseUrl: config.baseUrl ?? `https://${config.shop}` });
  const send = async (request: Call, token: string): Promise<Answer> => {
    context.signal.throwIfAborted();
    return permitted(context, request, () => sendNow(request, token));
  };
  const sendNow = async (request: Call, token: string): Promise<Answer> => {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]);
    try {
      const answer = await clientFor(sdk, config, token).request(request.query, {
        ...(request.variables ? { variables: request.variables } : {}),
        headers: { [ROUTE_HEADER]: route },
        // The SDK takes the seconds of Retry-After for milliseconds: waiting is left to the worker.
        retries: 0,
        signal,
      });
      observe(context, answer.extensions);
      refuseWarnings(answer.extensions);
      return {
        data: answer.data,
        servedVersion: header(answer.headers, 'x-shopify-api-version'),
        vendorTime: timeOf(header(answer.headers, 'date')),
      };
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      if (error instanceof TributaryError) throw error;
      observe(context, throttleSource(error));
      throw classify(sdk.errors, error, context.clock.now(), request.query.startsWith('mutation'));
    }
  };
  return {
    call: (request) =>
      withToken(
        (rejected) => accessToken(config, context, rejected),
        (error) => error instanceof TributaryError && error.evidence.status === 401,
        (token) => send(request, token),
      ),
    close: () => void routes.delete(route),
  };
}

const ROUTE_HEADER = 'x-tributary-route';

// The SDK has one fetch for the whole process and always calls https://<shop>. Each connection's calls carry a
// header that finds its own way out; it is taken off before anything is sent.
const routes = new Map<string, { readonly fetch: Fetch; readonly baseUrl: string }>();

function routedFetch(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const headers = new Headers(init?.headers);
  const route = routes.get(headers.get(ROUTE_HEADER) ?? '');
  if (!route) return Promise.reject(new TypeError('a call to Shopify outside of an open connection'));
  headers.delete(ROUTE_HEADER);
  const asked = new URL(input instanceof Request ? input.url : input);
  return route.fetch(`${route.baseUrl}${asked.pathname}${asked.search}`, { ...init, headers, redirect: 'manual' });
}

type Sdk = Awaited<ReturnType<typeof importSdk>>;
let sdkOnce: Promise<Sdk> | null = null;

function loadSdk(): Promise<Sdk> {
  sdkOnce ??= importSdk();
  return sdkOnce;
}

async function importSdk() {
  await import('@shopify/shopify-api/adapters/node');
  const runtime = await import('@shopify/shopify-api/runtime');
  runtime.setAbstractFetchFunc(routedFetch);
  const { shopifyApi, ApiVersion, ...errors } = await import('@shopify/shopify-api');
  return { shopifyApi, versions: Object.values(ApiVersion), errors };
}

function clientFor(sdk: Sdk, config: ShopifyConfig, token: string): GraphqlClient {
  const apiVersion = sdk.versions.find((version) => version === config.apiVersion);
  if (!apiVersion)
    throw new TributaryError(
      'ERR_CONNECTOR_UNSUPPORTED',
      `The Shopify client does not know API version ${config.apiVersion}.`,
    );
  const shopify = sdk.shopifyApi({
    isCustomStoreApp: true,
    adminApiAccessToken: token,
    apiSecretKey: 'unused: webhooks are verified without the SDK',
    apiVersion,
    hostName: 'localhost',
    isEmbeddedApp: false,
    logger: { log: () => {} },
  });
  return new shopify.clients.Graphql({ session: shopify.session.customAppSession(config.shop) });
}

/**
 * A search term Shopify does not know is ignored, and the answer is unfiltered: what looks like changes would be everything, or
 * like everything a part.
 */
function refuseWarnings(extensions: unknown): void {
  const searches = pick(extensions, 'search');
  const warnings = (Array.isArray(searches) ? searches : []).flatMap((search) => pick(search, 'warnings') ?? []);
  const fields = (Array.isArray(warnings) ? warnings : []).map((warning) => String(pick(warning, 'field')));
  if (fields.length > 0)
    throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `Shopify ignored a search term: ${fields.join(', ')}.`, {
      evidence: { fields },
    });
}

function timeOf(text: string | null): Date | null {
  const at = new Date(text ?? '');
  return Number.isNaN(at.getTime()) ? null : at;
}

function observe(context: ConnectionContext, extensions: unknown): void {
  const status = pick(pick(extensions, 'cost'), 'throttleStatus');
  const [limit, remaining, restorePerSecond] = ['maximumAvailable', 'currentlyAvailable', 'restoreRate'].map((name) =>
    Number(pick(status, name)),
  );
  if (Number.isFinite(limit) && limit !== undefined && remaining !== undefined && restorePerSecond !== undefined) {
    context.observeLimits({ window: 'points', limit, remaining, restorePerSecond });
  }
}

function throttleSource(error: unknown): unknown {
  return pick(pick(error, 'body'), 'extensions');
}

/** What a failed call means. Answers of the SDK 15 against API 2026-10; see README. */
export function classify(errors: Sdk['errors'], error: unknown, now: Date, isWrite: boolean): TributaryError {
  if (error instanceof errors.HttpThrottlingError) {
    const seconds = Number(error.response.retryAfter ?? 1);
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'Shopify asked for a pause.', {
      evidence: { status: 429 },
      notBefore: new Date(now.getTime() + (Number.isFinite(seconds) ? seconds : 1) * 1000),
      cause: error,
    });
  }
  if (error instanceof errors.GraphqlQueryError) return classifyQuery(error, now, isWrite);
  if (error instanceof errors.HttpResponseError) return classifyStatus(error.response.code, error);
  if (error instanceof errors.HttpRequestError || error instanceof errors.HttpMaxRetriesError) {
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Shopify did not answer.', { cause: error });
  }
  return new TributaryError('ERR_INTERNAL', 'A call to Shopify failed in an unknown way.', { cause: error });
}

function classifyStatus(status: number, cause: unknown): TributaryError {
  const evidence = { status };
  if (status === 401 || status === 403)
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'Shopify refused the access token.', { evidence, cause });
  if (status === 402)
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The shop is frozen; its owner has to settle the bill.', {
      evidence,
      cause,
    });
  if (status === 404)
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'Shopify knows no such shop or API version.', {
      evidence,
      cause,
    });
  if (status === 423)
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The shop is locked.', { evidence, cause });
  if (status === 430 || status === 429)
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'Shopify asked for a pause.', { evidence, cause });
  if (status >= 500)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Shopify failed with HTTP ${status}.`, { evidence, cause });
  if (status === 200)
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'The answer broke off, or is not one of Shopify.', {
      evidence,
      cause,
    });
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', `Shopify answered HTTP ${status} without a result.`, {
    evidence,
    cause,
  });
}

function classifyQuery(
  error: { readonly body?: unknown; readonly message: string },
  now: Date,
  isWrite: boolean,
): TributaryError {
  const list = pick(pick(pick(error, 'body'), 'errors'), 'graphQLErrors');
  const problems: unknown[] = Array.isArray(list) ? list : [];
  const codes = problems.map((entry) => String(pick(pick(entry, 'extensions'), 'code') ?? ''));
  const data = pick(pick(error, 'body'), 'data');
  // A field of what a write gives back failed, not the write.
  const isDone = isWrite && Object.values(data ?? {}).some((value) => value !== null);
  const evidence = { codes, ...(isDone ? { isDone } : {}) };
  if (codes.includes('THROTTLED')) {
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'The query budget of the shop is spent.', {
      evidence,
      notBefore: whenRestored(error, now),
      cause: error,
    });
  }
  if (codes.includes('ACCESS_DENIED')) {
    const denied = problems.filter((_, at) => codes[at] === 'ACCESS_DENIED').map((one) => String(pick(one, 'message')));
    const words = [...new Set(denied)].slice(0, MOST_DENIED).join(' ');
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `The app lacks a scope for this query. ${words}`, {
      evidence,
      cause: error,
      remedy: 'Give the app the scopes named in the README of the connector.',
    });
  }
  if (codes.includes('INTERNAL_SERVER_ERROR'))
    return new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Shopify failed inside.', { evidence, cause: error });
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', 'Shopify refused a query.', { evidence, cause: error });
}

/** Denied fields that an error tells of. */
const MOST_DENIED = 3;

function whenRestored(error: unknown, now: Date): Date {
  const cost = pick(pick(pick(error, 'body'), 'extensions'), 'cost');
  const missing =
    Number(pick(cost, 'requestedQueryCost')) - Number(pick(pick(cost, 'throttleStatus'), 'currentlyAvailable'));
  const seconds = missing / Number(pick(pick(cost, 'throttleStatus'), 'restoreRate'));
  return new Date(now.getTime() + (Number.isFinite(seconds) ? Math.max(0, seconds) : 1) * 1000);
}

/** A member of something a vendor sent; `undefined` when there is none. */
export function pick(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function header(headers: unknown, name: string): string | null {
  const entry =
    typeof headers === 'object' && headers !== null
      ? Object.entries(headers).find(([key]) => key.toLowerCase() === name)
      : undefined;
  const value: unknown = Array.isArray(entry?.[1]) ? entry[1][0] : entry?.[1];
  return typeof value === 'string' ? value : null;
}
