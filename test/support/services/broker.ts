import { createServer, get } from 'node:http';
import { pgliteTemplate } from './pglite.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type RedisServer, startRedis } from './redis.ts';

// Test files run in processes that come and go; the servers they share live in the one process that
// outlasts them, which starts each when it is first asked for.

const ADDRESS = 'TRIBUTARY_TEST_BROKER';

interface Broker {
  /** One line for each suite that did not run. */
  notRun: readonly string[];
  stop(): Promise<void>;
}

/** Opens the broker and tells its address to all processes started from here on. */
export async function openBroker(): Promise<Broker> {
  const notRun: string[] = [];
  let postgres: Promise<PostgresServer> | undefined;
  let redis: Promise<RedisServer> | undefined;
  let pglite: Promise<string> | undefined;
  let redisDatabase = 0;
  const answers: Record<string, (message: string) => Promise<string> | string> = {
    async '/postgres'() {
      postgres ??= startPostgres({ fsync: process.env['TEST_POSTGRES_FSYNC'] !== 'off' });
      return (await postgres).url;
    },
    async '/pglite'() {
      pglite ??= pgliteTemplate();
      return pglite;
    },
    async '/redis'() {
      redis ??= startRedis();
      return `${(await redis).url}/${redisDatabase++}`;
    },
    '/not-run'(message) {
      notRun.push(message);
      return '';
    },
  };
  const server = createServer(async (incoming, outgoing) => {
    try {
      const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://broker');
      const answer = await answers[pathname]?.(searchParams.get('message') ?? '');
      outgoing.end(answer);
    } catch (error) {
      outgoing.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  process.env[ADDRESS] = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    notRun,
    async stop() {
      server.close();
      await Promise.all([postgres, redis].map(async (started) => (await started)?.stop()));
    },
  };
}

export function hasBroker(): boolean {
  return Boolean(process.env[ADDRESS]);
}

// Not by fetch, which tests replace.
export function askBroker(path: '/postgres' | '/redis' | '/pglite' | '/not-run', message = ''): Promise<string> {
  const address = process.env[ADDRESS];
  if (!address) {
    throw new Error('shared services exist only in a test run; elsewhere use startPostgres() or startRedis()');
  }
  return new Promise((resolve, reject) => {
    // A kept connection may be closed by the broker in the moment it is used again.
    get(`${address}${path}?message=${encodeURIComponent(message)}`, { agent: false }, async (response) => {
      const answer = (await response.setEncoding('utf8').toArray()).join('');
      if (response.statusCode === 200) resolve(answer);
      else reject(new Error(answer));
    }).on('error', reject);
  });
}
