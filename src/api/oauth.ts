/** Where vendors send a person back to who logged in there. The state in the address is the key: random, good once. */
import type { FastifyInstance } from 'fastify';
import type { Logins } from '../connect/login.ts';
import { ApiError } from './errors.ts';
import type { Limiter } from './limits.ts';

export const CALLBACK_PATH = '/oauth/callback';

export function addCallback(app: FastifyInstance, logins: Pick<Logins, 'finish'>, limiter: Limiter): void {
  app.get(CALLBACK_PATH, async (request, reply) => {
    const { isAllowed, retryAfter } = limiter.take('oauth callback');
    if (!isAllowed)
      throw new ApiError(429, 'Too many logins at once.', { headers: { 'retry-after': String(retryAfter) } });
    const { ok, message } = await logins.finish(single(request.query));
    return reply
      .code(ok ? 200 : 400)
      .headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
      .type('text/plain; charset=utf-8')
      .send(`${message}\n`);
  });
}

/** Parameters that came once; one that came twice is nobody's. */
function single(query: unknown): Record<string, string> {
  if (typeof query !== 'object' || query === null) return {};
  return Object.fromEntries(
    Object.entries(query).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );
}
