/** Answers to requests that go wrong on purpose, in the words of a shop and of the servers in front of it. */
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { htmlPage, sendable, shopError } from './answers.ts';
import { authenticationError } from './auth.ts';
import type { Shop } from './shop.ts';

/** `null`: nothing goes wrong. */
export function faultyAnswer(shop: Shop, { fault, headers }: SystemRequest): SystemAnswer | null {
  if (fault === null) return null;
  // A shop has no limit of its own: it is being updated, and says for how long.
  if (fault.kind === 'limited')
    return htmlPage(503, 'Maintenance', { 'retry-after': String(Math.ceil(fault.retryAfterMs / 1000)) });
  if (fault.kind === 'html') return htmlPage(fault.status, 'Somebody else');
  // Keys do not expire, they are revoked.
  if (fault.kind === 'expired') return sendable(authenticationError('Consumer key is invalid.'), shop.home, shop.now());
  const isJson = headers.accept?.includes('application/json') ?? false;
  if (fault.status !== 500 || !isJson) return htmlPage(fault.status, 'WordPress &rsaquo; Error');
  const error = shopError(500, 'wp_die', '<h1>Error establishing a database connection</h1>');
  return sendable({ ...error, body: { ...(error.body as object), additional_errors: [] } }, shop.home, shop.now());
}
