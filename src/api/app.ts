import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Config } from '../config/types.ts';
import type { Logins } from '../connect/login.ts';
import type { Clock, Log } from '../connector/contract.ts';
import type { Inbound } from '../inbound/receive.ts';
import type { Check } from '../observe/health.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { type Store, sql } from '../store/store.ts';
import { admit } from './auth.ts';
import { ApiError, asApiError, bodyOf, sendError } from './errors.ts';
import { inventoryRoutes } from './inventory.ts';
import { keyFinder } from './keys.ts';
import { type LeadDesk, leadRoutes } from './leads.ts';
import { createLimiter, type Limiter } from './limits.ts';
import { addCallback, CALLBACK_PATH } from './oauth.ts';
import { openApiOf } from './openapi.ts';
import { addOperations } from './operations.ts';
import type { Action, Route } from './route.ts';
import { type ActInSandbox, sandboxAction } from './sandbox.ts';
import { addWebhooks, WEBHOOKS_PATH } from './webhooks.ts';

export type ApiOptions = {
  readonly store: Store;
  readonly config: Pick<Config, 'lowStock' | 'requestsPerMinute'>;
  /** Whose figures the metrics are; others with a key do not see them. */
  readonly tenant: number;
  readonly clock: Clock;
  readonly log: Log;
  /** @defaultValue metrics of its own */
  readonly metrics?: Metrics;
  /** What must be there beside the database for `/readyz`, such as the queue. */
  readonly checks?: Readonly<Record<string, Check>>;
  /** Takes leads in; absent: the routes of leads are not there. */
  readonly leads?: LeadDesk;
  /** Takes vendors' webhooks. @defaultValue there is no address for them */
  readonly inbound?: { readonly receive: Inbound['receive']; readonly publicUrl: () => string };
  /** Acts in the sandbox's vendor systems; absent: there is no address for it. */
  readonly act?: ActInSandbox;
  /** Takes people back who logged in at a vendor. @defaultValue there is no address for them */
  readonly logins?: Pick<Logins, 'finish'>;
  /** Longest an answer may take. @defaultValue 20 seconds */
  readonly answerMs?: number;
};

const BODY_LIMIT = 1 << 20;
const REQUEST_TIMEOUT_MS = 30_000;
const ANSWER_MS = 20_000;
const WINDOW_MS = 60_000;
/** Deliveries to one connection; vendors send again what was too much. */
const LOGINS_PER_WINDOW = 60;
const WEBHOOKS_PER_WINDOW = 6000;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** Other addresses of the same routes. */
const ALIASES: readonly (readonly [string, string])[] = [
  ['/v1/commerce/', '/api/v1/'],
  ['/v1/', '/api/v1/'],
  ['/v2/', '/api/v2/'],
];

/** The HTTP face of the store. Listens nowhere yet: `app.listen`, or `app.inject` in tests. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const { store, config, clock, log, metrics = createMetrics(), answerMs = ANSWER_MS } = options;
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: answerMs,
    routerOptions: { maxParamLength: 300 },
    genReqId: (request) => requestId(request.headers['x-request-id']),
    rewriteUrl: (request) => withoutAlias(request.url ?? '/'),
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply, clock.now()),
    clientErrorHandler: (_error, socket) => refuseRaw(socket),
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    });
  });
  app.addHook('onResponse', async (request, reply) => account(request, reply, { log, metrics }));
  app.setErrorHandler((thrown, request, reply) => {
    const { status, cause } = asApiError(thrown);
    if (status >= 500)
      log.error({ request: request.id, route: routeOf(request), status, error: cause ?? thrown }, 'A request failed.');
    return sendError(thrown, request, reply, clock.now());
  });
  app.setNotFoundHandler((request, reply) =>
    sendError(new ApiError(404, 'There is no such address.'), request, reply, clock.now()),
  );

  const leads = options.leads ? leadRoutes(options.leads) : { routes: [], actions: [] };
  const routes = [...inventoryRoutes(config), ...leads.routes];
  const around: Around = {
    store,
    answerMs,
    find: keyFinder(store),
    limiter: createLimiter({ limit: config.requestsPerMinute, windowMs: WINDOW_MS, clock }),
  };
  for (const route of routes) addRoute(app, route, around);
  const actions = [...leads.actions, ...(options.act ? [sandboxAction(options.act)] : [])];
  for (const action of actions) addAction(app, action, around);
  const document = openApiOf([...routes, ...actions]);
  app.get('/api/v2/openapi.json', () => document);
  const checks = { ...storeChecks(store), ...options.checks };
  addOperations(app, { metrics, clock, tenant: options.tenant, find: around.find, checks });
  if (options.inbound)
    await addWebhooks(app, {
      inbound: options.inbound,
      publicUrl: options.inbound.publicUrl,
      metrics,
      limiter: createLimiter({ limit: WEBHOOKS_PER_WINDOW, windowMs: WINDOW_MS, clock }),
    });
  if (options.logins)
    addCallback(app, options.logins, createLimiter({ limit: LOGINS_PER_WINDOW, windowMs: WINDOW_MS, clock }));
  refuseOtherMethods(app, [
    ...(options.logins ? [CALLBACK_PATH] : []),
    ...(options.inbound ? [WEBHOOKS_PATH] : []),
    '/api/v2/openapi.json',
    '/healthz',
    '/readyz',
    '/metrics',
    ...new Set([...routes, ...actions].map((route) => route.path)),
  ]);
  await app.ready();
  return app;
}

type Around = {
  readonly store: Store;
  readonly answerMs: number;
  readonly find: ReturnType<typeof keyFinder>;
  readonly limiter: Limiter;
};

function addRoute(app: FastifyInstance, route: Route, { store, answerMs, find, limiter }: Around): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request, reply) => {
      refuseOtherTypes(request);
      if (route.path.startsWith('/api/v2/')) refuseOtherVersions(request);
      const caller = await admit(request.headers, route.scope, find);
      limit(reply, limiter, `${caller.keyId} ${route.name}`);
      const answerWith = route.prepare({ params: request.params, query: request.query });
      const answer = await store.answer(caller.tenant, async (tx) => {
        // The database gives up with us, so that a slow question does not keep its connection.
        if (store.engine === 'postgres')
          await tx.rows(sql`select set_config('statement_timeout', ${String(answerMs)}, true)`);
        return answerWith({ tenant: caller.tenant, tx });
      });
      if (answer === null) throw new ApiError(404, 'There is no such thing.');
      return answer;
    },
  });
}

function addAction(app: FastifyInstance, action: Action, { find, limiter }: Around): void {
  app.route({
    method: action.method,
    url: action.path,
    handler: async (request, reply) => {
      refuseOtherTypes(request);
      const caller = await admit(request.headers, action.scope, find);
      limit(reply, limiter, `${caller.keyId} ${action.name}`);
      const carryOut = action.prepare({ params: request.params, body: request.body });
      const answer = await carryOut(caller.tenant);
      reply.code(201);
      return answer;
    },
  });
}

function limit(reply: FastifyReply, limiter: Limiter, name: string): void {
  const { isAllowed, limit: most, remaining, resetAt, retryAfter } = limiter.take(name);
  reply.headers({
    'x-ratelimit-limit': most,
    'x-ratelimit-remaining': remaining,
    'x-ratelimit-reset': resetAt,
    'x-ratelimit-window': WINDOW_MS / 1000,
  });
  if (!isAllowed)
    throw new ApiError(429, `This key may ask ${most} times a minute here.`, {
      headers: { 'retry-after': String(retryAfter) },
    });
}

const storeChecks = (store: Store): Record<string, Check> => ({
  database: async () => {
    await store.rows(sql`select 1`);
    return null;
  },
  migrations: async () => {
    const count = await pendingMigrations(store);
    return count === 0 ? null : `${count} not applied yet`;
  },
});

/** A path that exists answers other methods with what it does take, and before it reads any body. */
function refuseOtherMethods(app: FastifyInstance, paths: readonly string[]): void {
  for (const url of paths) {
    const taken = METHODS.filter((method) => app.hasRoute({ method, url }));
    app.route({
      method: METHODS.filter((method) => !taken.includes(method)),
      url,
      onRequest: () =>
        Promise.reject(
          new ApiError(405, `This address takes ${taken.join(', ')}.`, { headers: { allow: taken.join(', ') } }),
        ),
      handler: () => undefined,
    });
  }
}

const requestId = (given: string | string[] | undefined): string =>
  typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();

function withoutAlias(url: string): string {
  const alias = ALIASES.find(([prefix]) => url.startsWith(prefix));
  return alias ? alias[1] + url.slice(alias[0].length) : url;
}

function refuseOtherTypes({ headers: { accept } }: FastifyRequest): void {
  if (accept === undefined || accept === '') return;
  const isTaken = accept.split(',').some((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return (
      ['*/*', 'application/*', 'application/json'].includes(type) &&
      !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    );
  });
  if (!isTaken) throw new ApiError(406, 'Answers are application/json; the header Accept allows none.');
}

function refuseOtherVersions({ headers }: FastifyRequest): void {
  const version = headers['x-api-version'];
  if (version === undefined || version === 'v2' || version === '2') return;
  throw new ApiError(400, 'This address is of version v2.', {
    details: [{ field: 'X-API-Version', message: 'must be v2 here' }],
  });
}

/** The pattern a request matched; unknown addresses share one name, so that nobody can make up labels. */
const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? 'unknown';

function account(request: FastifyRequest, reply: FastifyReply, { log, metrics }: { log: Log; metrics: Metrics }): void {
  const facts = {
    method: request.method,
    route: routeOf(request),
    status: reply.statusCode,
    seconds: reply.elapsedTime / 1000,
  };
  metrics.requested(facts);
  log.debug({ request: request.id, ...facts }, 'A request was answered.');
}

/** For what is no HTTP at all: nothing of it can be trusted, not even its id. */
function refuseRaw(socket: Duplex): void {
  if (socket.destroyed || !socket.writable) return;
  const body = JSON.stringify(bodyOf(new ApiError(400, 'The request is not valid HTTP.'), randomUUID()));
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
