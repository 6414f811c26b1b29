/** The address that vendors send webhooks to. Their own signature is the key; nothing of our errors is told to them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Inbound } from '../inbound/receive.ts';
import type { Metrics } from '../observe/metrics.ts';
import { ApiError } from './errors.ts';
import type { Limiter } from './limits.ts';

/** Vendors send at most a few megabytes. */
const BODY_LIMIT = 5 << 20;
export const WEBHOOKS_PATH = '/webhooks/in/:connection';

export type WebhookRoutes = {
  readonly inbound: Pick<Inbound, 'receive'>;
  readonly metrics: Metrics;
  readonly limiter: Limiter;
  /** The address under which vendors know this program; some sign it. */
  readonly publicUrl: () => string;
};

const MESSAGES: Readonly<Record<number, string>> = {
  401: 'The delivery is not signed as it must be.',
  404: 'There is no such address.',
  503: 'Deliveries cannot be taken now; send it again.',
};

export async function addWebhooks(app: FastifyInstance, routes: WebhookRoutes): Promise<void> {
  // Raw bytes, whatever type they say they have: a signature is over them.
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { connection: string } }>(WEBHOOKS_PATH, { bodyLimit: BODY_LIMIT }, async (request, reply) => {
      const { connection } = request.params;
      const { isAllowed, retryAfter } = routes.limiter.take(`webhooks ${connection}`);
      if (!isAllowed)
        throw new ApiError(429, 'Too many deliveries.', { headers: { 'retry-after': String(retryAfter) } });
      const { status, body, outcome } = await routes.inbound.receive(connection, {
        method: request.method,
        url: `${routes.publicUrl()}${request.originalUrl}`,
        headers: headersOf(request),
        body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
      });
      if (outcome !== 'unknown') routes.metrics.webhook(connection, outcome);
      if (status >= 400)
        throw new ApiError(status, MESSAGES[status] ?? 'The delivery was not taken.', {
          headers: status === 503 ? { 'retry-after': '30' } : {},
        });
      return reply.code(status).type('text/plain; charset=utf-8').send(body);
    });
  });
}

function headersOf({ headers }: FastifyRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
