/** An HTTP server on this machine for a vendor system: bounded bodies, faults of the socket, an end that does not hang. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../connector/contract.ts';
import type { Faults, RequestFault } from './faults.ts';

export type SystemRequest = {
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The address as it was asked for, query included: some vendors sign it. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** To be answered in the vendor's shape. */
  readonly fault: Extract<RequestFault, { kind: 'limited' | 'unavailable' | 'expired' | 'html' }> | null;
};

export type SystemAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: string | Uint8Array | object;
};

export type RunningServer = { readonly url: string; readonly port: number; close(): Promise<void> };

const MOST_BYTES = 20 * 1024 * 1024;

/** Listens on 127.0.0.1. */
export async function serve(
  answer: (request: SystemRequest) => SystemAnswer | Promise<SystemAnswer>,
  options: { readonly clock: Clock; readonly faults: Faults; readonly port?: number },
): Promise<RunningServer> {
  const closing = new AbortController();
  const server = createServer((request, response) => {
    respond(request, response).catch((thrown: unknown) => {
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(thrown instanceof Error ? thrown.message : String(thrown));
    });
  });
  const respond = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = incoming.url ?? '/';
    const at = new URL(target, 'http://localhost');
    const method = incoming.method ?? 'GET';
    const fault = options.faults.onRequest({ method, path: at.pathname });
    const body = await readBody(incoming);
    const isOfSocket = fault?.kind === 'cut' || fault?.kind === 'slow';
    const given = await answer({
      ...{ method, path: at.pathname, query: at.searchParams, target, body },
      headers: headersOf(incoming),
      fault: fault === null || isOfSocket ? null : fault,
    });
    const bytes = bytesOf(options.faults.drift ? drifted(given, options.faults.drift) : given.body);
    response.writeHead(given.status, {
      ...(isJson(given) ? { 'content-type': 'application/json; charset=utf-8' } : {}),
      ...given.headers,
      ...(given.status === 204 ? {} : { 'content-length': String(bytes.length) }),
    });
    if (fault?.kind === 'cut') {
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
      return;
    }
    if (fault?.kind === 'slow') {
      response.write(bytes.subarray(0, Math.floor(bytes.length / 2)));
      await options.clock.sleep(fault.ms, closing.signal).catch(() => undefined);
      response.end(bytes.subarray(Math.floor(bytes.length / 2)));
      return;
    }
    response.end(bytes);
  };
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close: async () => {
      closing.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function isJson(answer: SystemAnswer): answer is SystemAnswer & { readonly body: object } {
  return typeof answer.body === 'object' && !(answer.body instanceof Uint8Array);
}

/** A good answer in JSON as the drift leaves it, also where the system wrote its text by itself. */
function drifted(given: SystemAnswer, drift: NonNullable<Faults['drift']>): SystemAnswer['body'] {
  if (given.status !== 200) return given.body;
  if (isJson(given)) return drift(given.body);
  const isText = typeof given.body === 'string' && /application\/json\b/.test(given.headers?.['content-type'] ?? '');
  return isText ? drift(JSON.parse(String(given.body))) : given.body;
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MOST_BYTES) throw new RangeError(`the body is larger than ${MOST_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

function bytesOf(body: SystemAnswer['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string') return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
}
