/** What a failed call means; codes: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm */
import { type Evidence, TributaryError } from '../../src/errors.ts';

const CREDENTIALS = [
  'INVALID_SESSION_ID',
  'INVALID_AUTH_HEADER',
  'API_DISABLED_FOR_ORG',
  'API_CURRENTLY_DISABLED',
  'TXN_SECURITY_METERING_ERROR',
  'INSUFFICIENT_ACCESS',
  'INSUFFICIENT_ACCESS_OR_READONLY',
  'INVALID_LOGIN',
  'invalid_grant',
  'invalid_client',
];
const LIMITS = ['REQUEST_LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.', 'TXN_SECURITY_LIMIT'];
/** An expired locator of a query among them: the query is asked anew. */
const PASSING = [
  ...['SERVER_UNAVAILABLE', 'UNKNOWN_EXCEPTION', 'QUERY_TIMEOUT', 'UNABLE_TO_LOCK_ROW', 'ERROR_HTTP_420'],
  'INVALID_QUERY_LOCATOR',
];
/** Nothing was sent: what was to be written was not. */
const UNSENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];
/** An org says when calls come back over a rolling day; how soon to look again is ours to say. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** Codes of what a call may be refused with, in the order told. */
export type Refusal = { readonly code: string; readonly message: string; readonly fields: readonly string[] };

/** @param response the answer, when there was one; @param now our time */
export function classify(error: unknown, response: Response | null, now: Date): TributaryError {
  const [first] = refusalsOf(error);
  const code = first?.code ?? networkCode(error);
  const status = response?.status ?? null;
  // A write whose answer was lost may have been carried out.
  const wasSent = response !== null || !UNSENT.includes(code);
  const evidence: Evidence = { code, status, wasSent };
  const made = (kind: TributaryError['code'], message: string, more: { remedy?: string; notBefore?: Date } = {}) =>
    new TributaryError(kind, message, { evidence, cause: error, ...more });
  if (LIMITS.includes(code) || status === 429 || status === 420) {
    const seconds = Number(response?.headers.get('retry-after') ?? Number.NaN);
    const waitMs = Number.isNaN(seconds) ? LOOK_AGAIN_MS : seconds * 1000;
    return made('ERR_CONNECTOR_LIMITED', `The org takes no more calls for now (${code}).`, {
      notBefore: new Date(now.getTime() + waitMs),
    });
  }
  if (code === 'OPERATION_TOO_LARGE')
    return made('ERR_CONNECTOR_CREDENTIALS', 'The org refuses the query as too large for what the user may see.', {
      remedy: 'Give the user View All on the object, or View All Data.',
    });
  if (CREDENTIALS.includes(code) || status === 401)
    return made('ERR_CONNECTOR_CREDENTIALS', `Salesforce refused the access (${code}).`);
  if (status === null || status >= 500 || status === 406 || PASSING.includes(code))
    return made('ERR_CONNECTOR_UNREACHABLE', `The org did not answer (${code === '' ? 'no connection' : code}).`);
  if (status === 403) return made('ERR_CONNECTOR_CREDENTIALS', `Salesforce refused the access (${code}).`);
  const column = /No such column '([\w.]{1,80})' on (?:entity|sobject of type) '?(\w{1,40})/.exec(first?.message ?? '');
  if (column)
    return made(
      'ERR_CONNECTOR_PROTOCOL',
      `The org does not show the field ${column[1]} of ${column[2]} to this user.`,
      {
        remedy: `Make the field visible to the user, or leave it out: objects: { ${column[2]}: { without: [${column[1]}] } }.`,
      },
    );
  return made('ERR_CONNECTOR_PROTOCOL', `Salesforce answered ${code === '' ? 'something unknown' : code}.`, {
    remedy: 'Check instanceUrl and apiVersion.',
  });
}

/** What the API said, entry by entry: `MULTIPLE_API_ERRORS` is a list, everything else has one. */
export function refusalsOf(error: unknown): readonly Refusal[] {
  if (error instanceof TributaryError) return refusalsOf(error.cause);
  const data = memberOf(error, 'data');
  const entries: readonly unknown[] = Array.isArray(data) ? data : [data ?? error];
  const read = entries.flatMap((entry) => {
    const code = memberOf(entry, 'errorCode') ?? memberOf(entry, 'statusCode');
    if (typeof code !== 'string') return [];
    const message = memberOf(entry, 'message');
    const fields = memberOf(entry, 'fields');
    return [
      {
        code,
        message: typeof message === 'string' ? message : '',
        fields: Array.isArray(fields) ? fields.map(String) : [],
      },
    ];
  });
  if (read.length > 0) return read;
  const code = memberOf(error, 'errorCode');
  return typeof code === 'string' ? [{ code, message: '', fields: [] }] : [];
}

function networkCode(error: unknown): string {
  for (const holder of [error, memberOf(error, 'cause')]) {
    const code = memberOf(holder, 'code');
    if (typeof code === 'string') return code;
  }
  return '';
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
