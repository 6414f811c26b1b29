import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Config } from '../config/types.ts';
import type { Clock, Log } from '../connector/contract.ts';
import type { Store } from '../store/store.ts';
import { admit } from './auth.ts';
import { ApiError, asApiError, sendError } from './errors.ts';
import { inventoryRoutes } from './inventory.ts';
import { keyFinder } from './keys.ts';
import type { Route } from './route.ts';

export type ApiOptions = {
  readonly store: Store;
  readonly config: Pick<Config, 'lowStock' | 'requestsPerMinute'>;
  readonly clock: Clock;
  readonly log: Log;
};

const BODY_LIMIT = 1 << 20;
const REQUEST_TIMEOUT_MS = 30_000;
const HANDLER_TIMEOUT_MS = 20_000;

/** Other addresses of the same routes. */
const ALIASES: readonly (readonly [string, string])[] = [
  ['/v1/commerce/', '/api/v1/'],
  ['/v1/', '/api/v1/'],
  ['/v2/', '/api/v2/'],
];

/** The HTTP face of the store. Listens nowhere yet: `app.listen`, or `app.inject` in tests. */
export async function buildApi(options: ApiOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT_MS,
    handlerTimeout: HANDLER_TIMEOUT_MS,
    routerOptions: { maxParamLength: 300 },
    genReqId: (request) => requestId(request.headers['x-request-id']),
    rewriteUrl: (request) => withoutAlias(request.url ?? '/'),
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    });
    refuseOtherTypes(request);
  });
  app.setErrorHandler((error, request, reply) => {
    const status = asApiError(error).status;
    if (status >= 500)
      options.log.error(
        { request: request.id, method: request.method, route: request.routeOptions.url ?? '', status, error },
        'A request failed.',
      );
    return sendError(error, request, reply);
  });
  app.setNotFoundHandler((request, reply) => sendError(new ApiError(404, 'There is no such address.'), request, reply));
  const routes = inventoryRoutes(options.config);
  const find = keyFinder(options.store);
  for (const route of routes) addRoute(app, route, { options, find });
  await app.ready();
  return app;
}

type Around = { readonly options: ApiOptions; readonly find: ReturnType<typeof keyFinder> };

function addRoute(app: FastifyInstance, route: Route, { options, find }: Around): void {
  app.route({
    method: route.method,
    url: route.path,
    handler: async (request) => {
      const caller = await admit(request.headers, route.scope, find);
      const answerWith = route.prepare({ params: request.params, query: request.query });
      const answer = await options.store.answer(caller.tenant, (tx) => answerWith({ tenant: caller.tenant, tx }));
      if (answer === null) throw new ApiError(404, 'There is no such thing.');
      return answer;
    },
  });
}

const requestId = (given: string | string[] | undefined): string =>
  typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();

function withoutAlias(url: string): string {
  const alias = ALIASES.find(([prefix]) => url.startsWith(prefix));
  return alias ? alias[1] + url.slice(alias[0].length) : url;
}

function refuseOtherTypes(request: FastifyRequest): void {
  const accept = request.headers.accept;
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
