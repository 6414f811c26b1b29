/** Answers that say no, as HubSpot words them. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';

export class ApiError extends Error {
  readonly status: number;
  readonly category: string;
  readonly more: JsonObject;

  constructor(status: number, category: string, message: string, more: JsonObject = {}) {
    super(message);
    this.status = status;
    this.category = category;
    this.more = more;
  }
}

export function answerTo({ status, category, message, more }: ApiError): SystemAnswer {
  return { status, body: { status: 'error', message, correlationId: correlation(message), category, ...more } };
}

export const notFound = (): ApiError => new ApiError(404, 'OBJECT_NOT_FOUND', 'resource not found');
export const invalid = (message: string, more: JsonObject = {}): ApiError =>
  new ApiError(400, 'VALIDATION_ERROR', message, more);

/** A limit that was hit; these answers have a policy and no category. */
export function limited(policyName: 'TEN_SECONDLY_ROLLING' | 'SECONDLY' | 'DAILY'): SystemAnswer {
  const message = `You have reached your ${policyName.toLowerCase()} limit.`;
  const id = correlation(policyName);
  return {
    status: 429,
    body: { status: 'error', message, errorType: 'RATE_LIMIT', correlationId: id, policyName, requestId: id },
  };
}

/** Answers to requests that go wrong on purpose. */
export function faulty(fault: NonNullable<SystemRequest['fault']>): SystemAnswer {
  switch (fault.kind) {
    case 'limited':
      return limited('TEN_SECONDLY_ROLLING');
    case 'expired':
      return answerTo(
        new ApiError(401, 'EXPIRED_AUTHENTICATION', 'The OAuth token used to make this call expired some time ago.'),
      );
    case 'html':
      return {
        status: fault.status,
        headers: { 'content-type': 'text/html' },
        body: '<!DOCTYPE html><h1>We will be back soon</h1>',
      };
    case 'unavailable':
      return answerTo(new ApiError(fault.status, 'SERVER_ERROR', 'There was a problem with the request.'));
  }
}

/** Looks like a UUID and follows from what was said. */
export function correlation(said: string): string {
  const hex = createHash('sha256').update(said).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
