/** The one file that knows jsforce: a call to the REST API and what its answers mean. */
import type { Connection } from 'jsforce';
import { abortable, type ConnectionContext, type TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { SalesforceConfig } from './config.ts';

/** `path` starts behind `/services/data/vNN.0`. */
export type Call = { readonly path: string; readonly trafficClass: TrafficClass };

export type Org = { get(request: Call): Promise<unknown> };

export function openOrg(config: SalesforceConfig, context: ConnectionContext): Org {
  const send = async (request: Call, token: string): Promise<unknown> => {
    await context.permit(1, request.trafficClass);
    const connection = await connect(config, token);
    try {
      const answer: unknown = await abortable(
        context.signal,
        connection.request({ method: 'GET', url: `${connection._baseUrl()}${request.path}` }, OPTIONS(config)),
      );
      observe(context, connection);
      return answer;
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      throw classify(error);
    }
  };
  return {
    get: async (request) => {
      const token = await context.token();
      try {
        return await send(request, token);
      } catch (error) {
        if (!(error instanceof TributaryError) || error.evidence.code !== 'INVALID_SESSION_ID') throw error;
        const renewed = await context.token(token);
        if (renewed === token) throw error;
        return send(request, renewed);
      }
    },
  };
}

// jsforce would try again for 15 s, wait half an hour for an answer, and send even local calls to a proxy that the
// environment names: all three are ours to decide.
const OPTIONS = ({ timeoutMs }: SalesforceConfig) => ({
  retry: { maxRetries: 0 },
  timeout: timeoutMs,
  httpProxy: undefined,
});

// Loaded late: the catalogue does not need it. Without a refresh function jsforce cannot fall into its endless loop on 401.
async function connect(config: SalesforceConfig, token: string): Promise<Connection> {
  const { Connection } = await import('jsforce');
  return new Connection({
    instanceUrl: config.instanceUrl,
    accessToken: token,
    version: config.apiVersion,
    logLevel: 'NONE',
  });
}

function observe(context: ConnectionContext, connection: Connection): void {
  const usage = connection.limitInfo.apiUsage;
  if (usage)
    context.observeLimits({ window: 'daily', limit: usage.limit, remaining: Math.max(0, usage.limit - usage.used) });
}

const CREDENTIALS = [
  'INVALID_SESSION_ID',
  'INVALID_AUTH_HEADER',
  'API_DISABLED_FOR_ORG',
  'API_CURRENTLY_DISABLED',
  'TXN_SECURITY_METERING_ERROR',
  'INSUFFICIENT_ACCESS',
  'INVALID_LOGIN',
  'invalid_grant',
  'invalid_client',
];
const LIMITS = ['REQUEST_LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'];
const NETWORK = [
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
];

/** What a failed call means; codes of the REST API: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm */
export function classify(error: unknown): TributaryError {
  const code = codeOf(error);
  const evidence = { code };
  if (CREDENTIALS.includes(code))
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Salesforce refused the access (${code}).`, {
      evidence,
      cause: error,
    });
  if (LIMITS.includes(code))
    return new TributaryError(
      'ERR_CONNECTOR_LIMITED',
      `The calls of the org are used up (${code}); they come back over 24 hours.`,
      { evidence, cause: error },
    );
  const status = Number(/^ERROR_HTTP_(\d{3})$/.exec(code)?.[1] ?? Number.NaN);
  if (status === 429 || status === 420)
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'Salesforce asked for a pause.', { evidence, cause: error });
  if (status === 401 || status === 403)
    return new TributaryError('ERR_CONNECTOR_CREDENTIALS', `Salesforce refused the access (HTTP ${status}).`, {
      evidence,
      cause: error,
    });
  const isDown = status === 406 || status >= 500 || code === 'SERVER_UNAVAILABLE' || code === 'UNKNOWN_EXCEPTION';
  if (isDown || NETWORK.includes(code) || isNetwork(error)) {
    return new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      `The org did not answer (${code === '' ? 'no connection' : code}).`,
      { evidence, cause: error },
    );
  }
  return new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `Salesforce answered ${code === '' ? 'something unknown' : code}.`,
    {
      evidence,
      cause: error,
      remedy: 'Check instanceUrl and apiVersion.',
    },
  );
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  for (const holder of [error, error.cause]) {
    for (const name of ['errorCode', 'code']) {
      const value: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined;
      if (typeof value === 'string') return value;
    }
  }
  return '';
}

function isNetwork(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof Error && error.name === 'AbortError');
}
