/** The one file that knows @hubspot/api-client: a call and what its answers mean. */
import { abortable, type ConnectionContext, type TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { HubSpotConfig } from './config.ts';
import { accessToken } from './token.ts';

export type Call = {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly trafficClass: TrafficClass;
  /** `search` is counted apart, and its answers carry no limits. */
  readonly budget?: 'search';
};

export type Portal = { get(request: Call): Promise<unknown> };

export function openPortal(config: HubSpotConfig, context: ConnectionContext): Portal {
  const send = async (request: Call, token: string): Promise<unknown> => {
    await context.permit(1, request.trafficClass, request.budget);
    const { Client } = await import('@hubspot/api-client');
    // Retries and limits of this client are shared by the whole process, so both stay off; and only `apiRequest`
    // takes any path and leaves judging the status to us.
    const client = new Client({ accessToken: token, basePath: config.baseUrl });
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]);
    try {
      const response = await abortable(
        signal,
        client.apiRequest({ path: request.path, ...(request.query ? { qs: { ...request.query } } : {}) }),
      );
      observe(context, response.headers);
      return await judge(response, await abortable(signal, response.text()), context.clock.now());
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      if (error instanceof TributaryError) throw error;
      throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'HubSpot did not answer.', { cause: error });
    }
  };
  return {
    get: async (request) => {
      const token = await accessToken(config, context);
      try {
        return await send(request, token);
      } catch (error) {
        if (!(error instanceof TributaryError) || error.evidence.status !== 401) throw error;
        const renewed = await accessToken(config, context, token);
        if (renewed === token) throw error;
        return send(request, renewed);
      }
    },
  };
}

const TEN_SECONDS_MS = 10_000;

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
async function judge(response: Response, text: string, now: Date): Promise<unknown> {
  const body = parse(text);
  if (response.ok && body !== undefined) return body;
  const { status } = response;
  const category = member(body, 'category') ?? member(body, 'policyName');
  const evidence = { status, ...(category === null ? {} : { category }), ...correlation(body) };
  if (status === 401)
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'HubSpot refused the access token.', { evidence });
  if (status === 403) {
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The token lacks a scope for this call.', {
      evidence,
      remedy: 'Give the app the scopes named in the README of the connector.',
    });
  }
  if (status === 429) {
    const isDaily = member(body, 'policyName') === 'DAILY';
    throw new TributaryError(
      'ERR_CONNECTOR_LIMITED',
      isDaily ? 'The calls of the day are used up.' : 'HubSpot asked for a pause.',
      {
        evidence,
        notBefore: new Date(now.getTime() + waitMs(response.headers, isDaily)),
      },
    );
  }
  if (status >= 500 || [408, 423, 477].includes(status))
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `HubSpot failed with HTTP ${status}.`, { evidence });
  throw new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `HubSpot answered HTTP ${status} ${response.ok ? 'without JSON' : (category ?? '')}.`,
    {
      evidence,
      remedy: 'Check baseUrl and the paths in the settings.',
    },
  );
}

function waitMs(headers: Headers, isDaily: boolean): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds * 1000;
  return isDaily ? 3_600_000 : TEN_SECONDS_MS;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // HTML from something in between: the status decides.
    return undefined;
  }
}

function member(body: unknown, name: string): string | null {
  const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  return typeof value === 'string' ? value : null;
}

function correlation(body: unknown): { readonly correlationId?: string } {
  const id = member(body, 'correlationId');
  return id === null ? {} : { correlationId: id };
}
