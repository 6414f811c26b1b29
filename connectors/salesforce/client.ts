/** The one file that knows jsforce: a call to the REST or Bulk API and its answer. */
import { PassThrough } from 'node:stream';
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
import type { SalesforceConfig } from './config.ts';
import { classify } from './errors.ts';
import { parseExactly } from './json.ts';

/** `path` starts behind `/services/data/vNN.0`, or with `/services/` where the org gave it whole. */
export type Call = {
  readonly path: string;
  readonly trafficClass: TrafficClass;
  /** @defaultValue GET */
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly body?: JsonObject;
  readonly headers?: Readonly<Record<string, string>>;
  /** Budget counted apart. */
  readonly budget?: 'bulk';
};

export type Answer = {
  readonly text: string;
  readonly headers: Headers;
  /** By our clock, before the request went out. */
  readonly sentAt: Date;
  /** What time it is there (`Date` of the answer, whole seconds); ours where it says none. */
  readonly vendorNow: Date;
};

export type Org = {
  readonly config: SalesforceConfig;
  readonly context: ConnectionContext;
  /** @throws TributaryError with the vendor's code in `evidence.code` and jsforce's error as cause */
  send(call: Call): Promise<Answer>;
  /** The answer's JSON, numbers as they were written. */
  json(call: Call): Promise<{ readonly body: Json; readonly answer: Answer }>;
};

/** Longest answer taken. */
const MOST_BYTES = 256 * 1024 * 1024;

export function openOrg(config: SalesforceConfig, context: ConnectionContext): Org {
  const once = async (call: Call, token: string): Promise<Answer> => {
    const sent = () => {
      context.signal.throwIfAborted();
      return exchange(config, context, call, token);
    };
    // A bulk job goes on when the call that starts it is answered.
    if (call.budget === 'bulk') return context.permit(1, call.trafficClass, 'bulk').then(sent);
    return permitted(context, { cost: 1, ...call }, sent);
  };
  const send = (call: Call): Promise<Answer> =>
    withToken(
      (rejected) => context.token(rejected),
      (error) => error instanceof TributaryError && isSessionOver(error),
      (token) => once(call, token),
    );
  return {
    config,
    context,
    send,
    async json(call) {
      const answer = await send(call);
      try {
        return { body: parseExactly(answer.text), answer };
      } catch (cause) {
        // A page of a proxy, or an answer cut in the middle: never an empty list.
        throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'Something answered for the org, without JSON.', {
          evidence: { path: call.path.slice(0, 60) },
          remedy: 'Nothing is lost; it is tried again. If it stays so, check instanceUrl.',
          cause,
        });
      }
    },
  };
}

// jsforce is loaded late: the catalogue does not need it. It makes the request and reads what an error says. The way out is ours: its
// own would try again for 15 s, wait half an hour, and send even local calls to a proxy that the environment names. It gets no
// refresh function, so that it cannot fall into its endless loop on 401.
async function exchange(
  config: SalesforceConfig,
  context: ConnectionContext,
  call: Call,
  token: string,
): Promise<Answer> {
  const { Connection } = await import('jsforce');
  const { instanceUrl, apiVersion } = config;
  const connection = new Connection({ instanceUrl, accessToken: token, version: apiVersion, logLevel: 'NONE' });
  const sentAt = context.clock.now();
  let response: Response | null = null;
  Object.assign(connection, {
    _transport: {
      httpRequest(request: Outgoing) {
        const answer = fetchText(config, context, request).then((got) => {
          response = got.response;
          return { statusCode: got.response.status, headers: headersOf(got.response), body: got.text };
        });
        return Object.assign(answer, { stream: () => new PassThrough() });
      },
    },
  });
  try {
    const url = call.path.startsWith('/services/')
      ? `${instanceUrl}${call.path}`
      : `${connection._baseUrl()}${call.path}`;
    const { method = 'GET', body, headers } = call;
    const request = {
      ...{ method, url },
      headers: { accept: '*/*', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const text: unknown = await abortable(context.signal, connection.request(request));
    const given = responseOf(response);
    if (given.status >= 300) throw new Redirected(given.status);
    observe(context, given.headers);
    const date = Date.parse(given.headers.get('date') ?? '');
    return {
      ...{ text: typeof text === 'string' ? text : '', headers: given.headers, sentAt },
      vendorNow: Number.isNaN(date) ? context.clock.now() : new Date(date),
    };
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    throw classify(error, response, context.clock.now());
  }
}

const isSessionOver = ({ evidence }: TributaryError): boolean =>
  evidence.code === 'INVALID_SESSION_ID' || evidence.status === 401;

/** A redirect would carry the token to another address. */
class Redirected extends Error {
  readonly errorCode: string;

  constructor(status: number) {
    super('the org answers with a redirect');
    this.errorCode = `ERROR_HTTP_${status}`;
  }
}

// Closures hide from the compiler that it was set.
const responseOf = (response: Response | null): Response => response ?? new Response(null, { status: 599 });

type Outgoing = {
  readonly url: string;
  readonly method: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
};

async function fetchText(
  { timeoutMs }: SalesforceConfig,
  context: ConnectionContext,
  { url, method, headers, body }: Outgoing,
): Promise<{ response: Response; text: string }> {
  // Told by fetch itself from the body.
  const { 'content-length': _length, ...rest } = headers ?? {};
  const response = await (context.fetch ?? fetch)(url, {
    ...{ method, headers: rest, redirect: 'manual' },
    ...(typeof body === 'string' ? { body } : {}),
    signal: AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]),
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new RangeError(`the answer is larger than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { response, text: Buffer.concat(chunks).toString('utf8') };
}

// What went well is handed through as text, because jsforce would put numbers through a float; errors it may read itself.
function headersOf(response: Response): Record<string, string> {
  const headers = Object.fromEntries(response.headers);
  return response.status < 300 ? { ...headers, 'content-type': 'text/plain' } : headers;
}

function observe(context: ConnectionContext, headers: Headers): void {
  const usage = /(?:^|[^-])api-usage=(\d+)\/(\d+)/.exec(headers.get('sforce-limit-info') ?? '');
  if (!usage) return;
  const [used, limit] = [Number(usage[1]), Number(usage[2])];
  context.observeLimits({ window: 'daily', limit, remaining: Math.max(0, limit - used) });
}
