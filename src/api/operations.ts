/** What operators and their monitoring ask: `/healthz`, `/readyz`, `/metrics`. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '../connector/contract.ts';
import { type Check, readiness } from '../observe/health.ts';
import type { Metrics } from '../observe/metrics.ts';
import { admit, isLocal } from './auth.ts';
import { ApiError } from './errors.ts';
import type { Caller } from './keys.ts';

export type OperationsOptions = {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Whose figures they are. */
  readonly tenant: number;
  readonly checks: Readonly<Record<string, Check>>;
  readonly find: (key: string) => Promise<Caller | null>;
};

/** Anybody may learn whether the program is up; what exactly it lacks and its figures are for this machine or a key. */
export function addOperations(app: FastifyInstance, { metrics, clock, tenant, checks, find }: OperationsOptions): void {
  app.get('/healthz', () => ({ status: 'alive' }));
  app.get('/readyz', async (request, reply) => {
    const { ready, missing } = await readiness(checks, clock);
    reply.code(ready ? 200 : 503);
    if (!ready) reply.header('retry-after', 5);
    const status = ready ? 'ready' : 'not_ready';
    return isLocal(request.ip, request.headers) ? { status, missing } : { status };
  });
  app.get('/metrics', async (request, reply) => {
    if (!isLocal(request.ip, request.headers)) {
      const caller = await admit(request.headers, 'read:metrics', find);
      if (caller.tenant !== tenant) throw new ApiError(403, 'These are the figures of another tenant.');
    }
    const { contentType, body } = await metrics.scrape();
    return reply.type(contentType).send(body);
  });
}
