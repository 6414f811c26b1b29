/** The one file that knows @hubspot/api-client: a call and what its answers mean. */
import {
  abortable,
  type ConnectionContext,
  type Json,
  type JsonObject,
  permitted,
  type TrafficClass,
  withToken,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { HubSpotConfig } from './config.ts';
import { isObject } from './json.ts';
import { accessToken } from './token.ts';

export type Call = {
  /** @defaultValue GET */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  /** A list is sent as a parameter that is repeated. */
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: JsonObject;
  readonly trafficClass: TrafficClass;
  /** `search` is counted apart, and its answers carry no limits. */
  readonly budget?: 'search';
  /** Of an app instead of an account: with this key, which no account's token can stand in for. */
  readonly developerApiKey?: string;
};

/** What was answered. `body` is `null` where there is none (204). */
export type Answer = { readonly status: number; readonly body: Json; readonly date: string | null };

export type Portal = {
  /**
   * Sends a call once, and once more with another token when the first was refused. Refusals of the call itself are answers.
   * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE`, `_CREDENTIALS`, `_LIMITED`, `_PROTOCOL`
   */
  ask(call: Call): Promise<Answer>;
  /** The body of an answer that says yes. */
  get(call: Call): Promise<Json>;
};

export function openPortal(config: HubSpotConfig, context: ConnectionContext): Portal {
  const send = (call: Call, token: string): Promise<Answer> =>
    permitted(context, { cost: 1, ...call }, () => sendNow(call, token));
  const sendNow = async (call: Call, token: string): Promise<Answer> => {
    const { Client } = await import('@hubspot/api-client');
    const { developerApiKey } = call;
    // Retries and limits of this client are shared by the whole process, so both stay off; and only `apiRequest`
    // takes any path and leaves judging the status to us.
    const client = new Client({
      basePath: config.baseUrl,
      ...(developerApiKey === undefined ? { accessToken: token } : { developerApiKey }),
    });
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]);
    try {
      const response = await abortable(
        signal,
        client.apiRequest({
          method: call.method ?? 'GET',
          path: `${call.path}${queryOf(call.query)}`,
          ...(call.body === undefined ? {} : { body: call.body }),
        }),
      );
      observe(context, response.headers);
      return judge(response, await abortable(signal, response.text()), call, context);
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      if (error instanceof TributaryError) throw error;
      throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'HubSpot did not answer.', { cause: error });
    }
  };
  const ask = async (call: Call): Promise<Answer> => {
    if (call.developerApiKey !== undefined) return send(call, '');
    return withToken(
      (rejected) => accessToken(config, context, rejected),
      (error) => error instanceof TributaryError && error.evidence.status === 401,
      (token) => send(call, token),
    );
  };
  return {
    ask,
    get: async (call) => {
      const answer = await ask(call);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      throw refused(answer);
    },
  };
}

/** The error of an answer that says no to the call itself. */
export function refused({ status, body }: Answer): TributaryError {
  const category = textIn(body, 'category') ?? '';
  const words = ['HubSpot answered HTTP', String(status), category].filter(Boolean).join(' ');
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', `${words}.`, {
    evidence: evidenceOf(status, body),
    remedy: 'Check baseUrl and the paths in the settings.',
  });
}

function queryOf(query: Call['query'] = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of typeof value === 'string' ? [value] : value) params.append(name, one);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}

const SECOND_MS = 1000;
const TEN_SECONDS_MS = 10_000;
const HOUR_MS = 3_600_000;

function observe(context: ConnectionContext, headers: Headers): void {
  const number = (name: string) => (headers.has(name) ? Number(headers.get(name)) : Number.NaN);
  const windows = [
    [
      `${number('x-hubspot-ratelimit-interval-milliseconds') || TEN_SECONDS_MS}ms`,
      'x-hubspot-ratelimit-max',
      'x-hubspot-ratelimit-remaining',
    ],
    ['daily', 'x-hubspot-ratelimit-daily', 'x-hubspot-ratelimit-daily-remaining'],
  ] as const;
  for (const [window, max, left] of windows) {
    const [limit, remaining] = [number(max), number(left)];
    if (Number.isFinite(limit) && Number.isFinite(remaining)) context.observeLimits({ window, limit, remaining });
  }
}

/** What an answer means. Statuses beyond the usual: 423 locked for a moment, 477 the account is being moved. */
function judge(response: Response, text: string, call: Call, context: ConnectionContext): Answer {
  const { status } = response;
  const body = parse(text);
  const evidence = evidenceOf(status, body ?? null);
  if (status === 401)
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'HubSpot refused the access token.', { evidence });
  if (status === 403) {
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The token lacks a scope for this call.', {
      evidence,
      remedy: 'Give the app the scopes named in the README of the connector.',
    });
  }
  if (status === 429) throw limited(response.headers, body ?? null, call, context);
  if (status >= 500 || [408, 423, 477].includes(status))
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `HubSpot failed with HTTP ${status}.`, { evidence });
  if (response.ok && body === undefined) {
    if (text === '') return { status, body: null, date: response.headers.get('date') };
    // A page of a proxy, or an answer cut in the middle: it passes, or the run fails after its tries.
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `HubSpot answered HTTP ${status} without JSON.`, {
      evidence,
      remedy: 'It is tried again. If it stays so, check baseUrl and the paths in the settings.',
    });
  }
  return { status, body: body ?? null, date: response.headers.get('date') };
}

function limited(headers: Headers, body: Json, call: Call, context: ConnectionContext): TributaryError {
  const policy = textIn(body, 'policyName') ?? '';
  const isDaily = policy === 'DAILY';
  const notBefore = new Date(context.clock.now().getTime() + waitMs(headers, policy, body));
  context.observeLimits({
    window: isDaily ? 'daily' : 'pause',
    notBefore,
    ...(call.budget === undefined || isDaily ? {} : { budget: call.budget }),
  });
  return new TributaryError(
    'ERR_CONNECTOR_LIMITED',
    isDaily ? 'The calls of the day are used up.' : 'HubSpot asked for a pause.',
    { evidence: evidenceOf(429, body), notBefore },
  );
}

/** HubSpot names a policy, and rarely a time. */
function waitMs(headers: Headers, policy: string, body: Json): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * SECOND_MS;
  if (policy === 'DAILY') return HOUR_MS;
  return /\bsecondly/i.test(`${policy} ${textIn(body, 'message') ?? ''}`) ? SECOND_MS : TEN_SECONDS_MS;
}

function parse(text: string): Json | undefined {
  try {
    const body: Json = JSON.parse(text);
    return body;
  } catch {
    // HTML from something in between: the status decides.
    return undefined;
  }
}

/** Never the message: it repeats values of records. */
function evidenceOf(status: number, body: Json): Record<string, string | number> {
  const category = textIn(body, 'category') ?? textIn(body, 'policyName');
  const correlationId = textIn(body, 'correlationId');
  return {
    status,
    ...(category === null ? {} : { category }),
    ...(correlationId === null ? {} : { correlationId }),
  };
}

function textIn(body: Json, name: string): string | null {
  const value = isObject(body) ? body[name] : null;
  return typeof value === 'string' ? value : null;
}
