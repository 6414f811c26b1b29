/** Errors of the REST API: a list of `{message, errorCode, fields}`. */
import type { SystemAnswer } from '../server.ts';

/** Ends a request with one of the API's errors. */
export class ApiError extends Error {
  readonly status: number;
  readonly errorCode: string;
  readonly fields: readonly string[] | undefined;

  constructor(status: number, errorCode: string, message: string, fields?: readonly string[]) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.fields = fields;
  }
}

export function answerTo(error: ApiError): SystemAnswer {
  const { status, errorCode, message, fields } = error;
  return { status, body: [{ message, errorCode, ...(fields === undefined ? {} : { fields }) }] };
}
