/** HTTP to Acme: one permitted call, and what its answer means. */
import { type ConnectionContext, type Json, permitted, type TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { AcmeConfig } from './config.ts';

type Call = {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly trafficClass: TrafficClass;
};

/**
 * The answer's JSON; `null`: there is no such record. Never tries again.
 * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE`, `_CREDENTIALS`, `_LIMITED`, `_PROTOCOL`
 */
export function call(config: AcmeConfig, context: ConnectionContext, request: Call): Promise<Json> {
  return permitted(context, { cost: 1, ...request }, () => send(config, context, request));
}

async function send(config: AcmeConfig, context: ConnectionContext, request: Call): Promise<Json> {
  const url = new URL(`${config.url}${request.path}`);
  url.search = new URLSearchParams(request.query).toString();
  let response: Response;
  let text: string;
  try {
    response = await (context.fetch ?? fetch)(url.href, {
      headers: { accept: 'application/json', authorization: `Bearer ${config.accessToken}` },
      // A redirect would carry the token to another address.
      redirect: 'manual',
      signal: AbortSignal.any([context.signal, AbortSignal.timeout(config.timeoutMs)]),
    });
    text = await response.text();
  } catch (cause) {
    if (context.signal.aborted) throw context.signal.reason;
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `Acme at ${url.host} did not answer.`, { cause });
  }
  return judge(response, text, url.host, context);
}

function judge(response: Response, text: string, host: string, context: ConnectionContext): Json {
  const evidence = { host, status: response.status };
  const fail = (code: TributaryError['code'], what: string, notBefore?: Date) =>
    new TributaryError(code, `Acme at ${host} ${what} (HTTP ${response.status}).`, {
      evidence,
      ...(notBefore ? { notBefore } : {}),
    });
  if (response.status === 404) return null;
  if (response.status === 401 || response.status === 403)
    throw fail('ERR_CONNECTOR_CREDENTIALS', 'refused the access token');
  if (response.status === 429) {
    const seconds = Number(response.headers.get('retry-after') ?? 1);
    const notBefore = new Date(context.clock.now().getTime() + seconds * 1000);
    throw fail('ERR_CONNECTOR_LIMITED', 'asked for a pause', notBefore);
  }
  if (response.status >= 500) throw fail('ERR_CONNECTOR_UNREACHABLE', 'failed');
  if (!response.ok) throw fail('ERR_CONNECTOR_PROTOCOL', 'answered something unknown');
  try {
    const body: Json = JSON.parse(text);
    return body;
  } catch {
    // A page of a proxy, or an answer cut in the middle: never to be taken for an empty list.
    throw fail('ERR_CONNECTOR_PROTOCOL', 'answered without JSON');
  }
}
