import { randomUUID } from 'node:crypto';
import { askBroker, hasBroker, openBroker } from './services/broker.ts';
import { createDatabase, type Database, type Template } from './services/postgres.ts';
import { hasService, packageOf, type ServiceName } from './services/programs.ts';
import { type RedisOptions, type RedisServer, startRedis } from './services/redis.ts';
import { type SshServer, startSshd } from './services/sshd.ts';
import { greet } from './services/wait.ts';

export { type PostgresServer, startPostgres } from './services/postgres.ts';
export { type RedisServer, startRedis } from './services/redis.ts';
export { type SshServer, startSshd } from './services/sshd.ts';
export { waitFor } from './services/wait.ts';

/** A place of one's own on the Redis that all test files share. */
export interface SharedRedis {
  /** Ends in a database number of its own; an address given by TEST_REDIS_URL is passed on as it is. */
  url: string;
  /** For keys and queue names; needed only where the address was given. */
  prefix: string;
  /** Forgets what was written, where the database is one's own. */
  stop(): Promise<void>;
}

/** A new database on the real PostgreSQL that all test files share; empty, or a copy of a template. */
export async function postgres(options: { template?: Template } = {}): Promise<Database> {
  const given = process.env['TEST_DATABASE_URL'];
  if (!given) return createDatabase(await askBroker('/postgres'), options.template);
  // A template would outlive the run there, and serve the next one although it is out of date.
  const database = await createDatabase(given);
  await options.template?.build(database.url);
  return database;
}

/** A database of one's own on the shared Redis, or a private server that can be killed and restarted. */
export function redis(): Promise<SharedRedis>;
export function redis(options: RedisOptions & { private: true }): Promise<RedisServer>;
export async function redis(options?: RedisOptions & { private: true }): Promise<SharedRedis | RedisServer> {
  if (options) return startRedis(options);
  const prefix = `test-${randomUUID()}`;
  const given = process.env['TEST_REDIS_URL'];
  if (given) return { url: given, prefix, stop: async () => {} };
  const url = await askBroker('/redis');
  const { port, pathname } = new URL(url);
  const stop = async () => {
    await greet(Number(port), `SELECT ${pathname.slice(1)}\r\nFLUSHDB\r\n`);
  };
  return { url, prefix, stop };
}

/** An OpenSSH server of one's own that offers SFTP. */
export function sshd(): Promise<SshServer> {
  return startSshd();
}

/**
 * Whether the service is there. Where it is not, the suite fails on CI, and is named at the end of the
 * run elsewhere.
 * @example describe.runIf(await requireService('sshd', 'sftp suite'))('sftp', () => { … })
 */
export async function requireService(name: ServiceName, suite: string): Promise<boolean> {
  if (hasService(name)) return true;
  const notRun = `${suite}, needs ${packageOf[name]}`;
  if (process.env['CI'] === 'true') throw new Error(`cannot run: ${notRun}`);
  if (hasBroker()) await askBroker('/not-run', notRun);
  return false;
}

/** For vitest's globalSetup: starts nothing but the broker, and returns what ends it. */
export default async function setup(): Promise<() => Promise<void>> {
  const broker = await openBroker();
  return async () => {
    await broker.stop();
    for (const suite of broker.notRun) process.stderr.write(`not run: ${suite}\n`);
  };
}
