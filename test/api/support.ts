import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { buildApi } from '../../src/api/app.ts';
import { createKey } from '../../src/api/keys.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/types.ts';
import { silentLog } from '../../src/observe/log.ts';
import type { Store } from '../../src/store/store.ts';
import { tenantId } from '../inventory/shop.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';

export type Asking = {
  readonly app: FastifyInstance;
  readonly clock: TestClock;
  ask(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
};

/** An API on a store, and a way to ask it with a key of the tenant. */
export async function apiOn(
  store: Store,
  tenant: string,
  changes: Partial<Config> = {},
  answerMs = 20_000,
): Promise<Asking & { key: string }> {
  const clock = makeTestClock();
  const app = await buildApi({
    store,
    config: { ...sandboxConfig('/nowhere'), ...changes },
    tenant: await tenantId(store, tenant),
    clock,
    log: silentLog,
    answerMs,
  });
  const { key } = await createKey(store, clock, { tenant, name: 'test', scopes: ['read:inventory'] });
  return {
    app,
    clock,
    key,
    ask: (url, headers = {}) => app.inject({ url, headers: { 'x-api-key': key, ...headers } }),
  };
}
