/** The one place where an error becomes an HTTP answer. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ERRORS, TributaryError } from '../errors.ts';

/** One field that is wrong. */
export type FieldProblem = {
  readonly field: string;
  readonly message: string;
  /** Kinds of value, where another kind was given. */
  readonly expected?: string;
  readonly received?: string;
};

/** An answer that is no success, before it is rendered for a face. */
export class ApiError extends Error {
  readonly status: number;
  readonly details: readonly FieldProblem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: { details?: readonly FieldProblem[]; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.status = status;
    this.details = options.details ?? [];
    this.headers = options.headers ?? {};
  }
}

/** Body of an error on the v2 face. */
export type ErrorBody = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: readonly Pick<FieldProblem, 'field' | 'message'>[];
    readonly request_id: string;
  };
  /** Only with 429. */
  readonly message?: string;
  readonly retry_after?: number;
};

/** Body of an error on the v1 face. `details` is the first field that is wrong, and names all. */
type ErrorBodyV1 = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details: {
      readonly field?: string;
      readonly issue?: string;
      readonly expected?: string;
      readonly received?: string;
      readonly problems?: readonly { readonly field: string; readonly issue: string }[];
    };
    readonly request_id: string;
    readonly timestamp: string;
  };
};

const CODES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'authorization_error',
  404: 'not_found',
  409: 'conflict',
  429: 'rate_limit_exceeded',
};

/** Seconds after which a caller may ask again when something behind us is away. */
const RETRY_AFTER_S = 5;

/** Writes the answer to any error. What the caller cannot act on stays inside. */
export function sendError(
  thrown: unknown,
  request: Pick<FastifyRequest, 'id' | 'url'>,
  reply: FastifyReply,
  now: Date,
): FastifyReply {
  const error = asApiError(thrown);
  reply
    .code(error.status)
    .headers({ 'x-request-id': request.id, ...error.headers })
    .type('application/json; charset=utf-8');
  if (error.status === 503 && error.headers['retry-after'] === undefined) reply.header('retry-after', RETRY_AFTER_S);
  const isV1 = request.url.startsWith('/api/v1/');
  return reply.send(isV1 ? bodyOfV1(error, request.id, now) : bodyOf(error, request.id));
}

const codeOf = ({ status }: ApiError): string => CODES[status] ?? (status >= 500 ? 'server_error' : 'validation_error');

/** The v1 body of an error. */
function bodyOfV1(error: ApiError, requestId: string, now: Date): ErrorBodyV1 {
  const code = codeOf(error) === 'server_error' ? 'INTERNAL_ERROR' : codeOf(error).toUpperCase();
  const problems = error.details.map(({ field, message }) => ({ field, issue: message }));
  const [first] = error.details;
  const details = first ? { ...first, ...problems[0], message: undefined, problems } : {};
  return {
    error: { code, message: error.message, details, request_id: requestId, timestamp: now.toISOString() },
  };
}

/** The v2 body of an error. */
export function bodyOf(error: ApiError, requestId: string): ErrorBody {
  const details = error.details.map(({ field, message }) => ({ field, message }));
  const body = { error: { code: codeOf(error), message: error.message, details, request_id: requestId } };
  return error.status === 429
    ? { ...body, message: error.message, retry_after: Number(error.headers['retry-after'] ?? 1) }
    : body;
}

/** Anything thrown as an answer. */
export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  if (thrown instanceof TributaryError) return fromOurs(thrown);
  if (isGivenUp(thrown))
    return new ApiError(503, 'The answer took too long. Try again, or ask for less.', { cause: thrown });
  return (
    fromFastify(thrown) ??
    new ApiError(500, 'Something went wrong here. Report it with the request id.', { cause: thrown })
  );
}

/** The database ended a statement at its time limit. */
const isGivenUp = (thrown: unknown): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === '57014';

function fromOurs(error: TributaryError): ApiError {
  const { status } = ERRORS[error.code];
  if (
    error.code === 'ERR_STORE_UNAVAILABLE' ||
    error.code === 'ERR_QUEUE_UNAVAILABLE' ||
    error.code === 'ERR_STORE_FULL'
  ) {
    return new ApiError(503, 'Something this answer needs does not respond at the moment. Try again shortly.', {
      cause: error,
    });
  }
  if (status >= 500)
    return new ApiError(status, 'Something went wrong here. Report it with the request id.', { cause: error });
  return new ApiError(status, `${error.message} ${error.remedy}`, { cause: error });
}

const FASTIFY: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is larger than this route takes.',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'The body must be application/json.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not valid JSON.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty, but its type says JSON.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its header says.',
  FST_ERR_BAD_URL: 'The address is not valid.',
  FST_ERR_MAX_PARAM_LENGTH: 'A part of the address is too long.',
  FST_ERR_HANDLER_TIMEOUT: 'The answer took too long. Try again, or ask for less.',
};

function fromFastify(thrown: unknown): ApiError | null {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return null;
  const message = FASTIFY[thrown.code];
  const status = 'statusCode' in thrown && typeof thrown.statusCode === 'number' ? thrown.statusCode : 500;
  if (message === undefined)
    return status >= 400 && status < 500 && thrown.code.startsWith('FST_')
      ? new ApiError(status, 'The request is not valid.', { cause: thrown })
      : null;
  return new ApiError(status, message, { cause: thrown });
}
