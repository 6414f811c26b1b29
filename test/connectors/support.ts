import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import type { ConnectionContext, LimitObservation } from '../../src/connector/index.ts';

export const NOW = new Date('2026-11-21T10:00:00.000Z');

export type Watched = {
  readonly context: ConnectionContext;
  readonly permits: { readonly cost: number; readonly trafficClass: string; readonly budget: string | undefined }[];
  readonly limits: LimitObservation[];
  readonly tokens: (string | undefined)[];
};

/** A context that writes down what a connector asked of it. `token` answers in turn with the given ones. */
export function watchedContext(
  options: { signal?: AbortSignal; tokens?: readonly string[]; fetch?: ConnectionContext['fetch'] } = {},
): Watched {
  const watched: Omit<Watched, 'context'> = { permits: [], limits: [], tokens: [] };
  const quiet = () => {};
  const supply = [...(options.tokens ?? ['token-1'])];
  const context: ConnectionContext = {
    tenant: 'tenant-a',
    connection: 'a connection – mit Ümlaut',
    clock: { now: () => NOW, sleep: () => Promise.resolve() },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    signal: options.signal ?? new AbortController().signal,
    permit: async (cost, trafficClass, budget) => void watched.permits.push({ cost, trafficClass, budget }),
    observeLimits: (observation) => void watched.limits.push(observation),
    token: async (rejected) => {
      watched.tokens.push(rejected);
      if (rejected !== undefined && rejected === supply[0] && supply.length > 1) supply.shift();
      return supply[0] ?? '';
    },
    scratchDir: tmpdir(),
    baseDir: tmpdir(),
    allowedRoots: [],
    ...(options.fetch ? { fetch: options.fetch } : {}),
  };
  return { ...watched, context };
}

export type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};
export type Reply = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
};
export type FakeVendor = AsyncDisposable & { readonly url: string; readonly received: Received[] };

/** A vendor on 127.0.0.1 that answers as `reply` says. Bodies that are no text are sent as JSON. */
export async function fakeVendor(reply: (request: Received) => Reply | 'hang up'): Promise<FakeVendor> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    answer(request, response, received, reply).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  received: Received[],
  reply: (request: Received) => Reply | 'hang up',
) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
  received.push(seen);
  const given = reply(seen);
  if (given === 'hang up') return void request.socket.destroy();
  const text = typeof given.body === 'string' ? given.body : JSON.stringify(given.body);
  const contentType = typeof given.body === 'string' ? 'text/html' : 'application/json';
  response.writeHead(given.status ?? 200, { 'content-type': contentType, ...given.headers }).end(text);
}

/** An address nobody listens at. */
export async function deadAddress(): Promise<string> {
  const vendor = await fakeVendor(() => ({ body: '' }));
  await vendor[Symbol.asyncDispose]();
  return vendor.url;
}
