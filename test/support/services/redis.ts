import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './programs.ts';
import { removeFolder, serverFolder, startServer } from './server-process.ts';
import { freePort, greet, waitFor } from './wait.ts';

export const REDIS_DATABASES = 512;

export interface RedisOptions {
  /** Append-only file, synced every second: keeps its data through a restart. @defaultValue false */
  appendOnly?: boolean;
}

export interface RedisServer extends AsyncDisposable {
  url: string;
  port: number;
  /** SIGKILL; the address stays dead until a restart. */
  kill(): Promise<void>;
  /** Kills and starts on the same port; what the append-only file holds is there again. */
  restart(): Promise<void>;
  /** Kills and starts on the same port with all data lost. */
  restartEmpty(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a Redis server of its own in a temporary folder. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const command = findProgram('redis-server');
  if (!command) throw new Error('no redis-server on this machine; install it or give TEST_REDIS_URL');
  const folder = serverFolder('redis');
  const data = join(folder, 'data');
  const port = await freePort();
  const start = async () => {
    mkdirSync(data, { recursive: true });
    const args = redisArgs(port, data, options);
    const started = await startServer({ command, args, folder, stopSignal: 'SIGTERM' });
    await waitFor('Redis to answer', async () => {
      if (!started.isRunning()) throw new Error(`Redis ended: ${started.log()}`);
      return (await greet(port, 'PING\r\n')).startsWith('+PONG') ? true : undefined;
    });
    return started;
  };
  let server = await start();
  const kill = () => server.end('SIGKILL');
  const restart = async () => {
    await kill();
    server = await start();
  };
  const stop = async () => {
    await server.end();
    removeFolder(folder);
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    restart,
    async restartEmpty() {
      await kill();
      removeFolder(data);
      await restart();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function redisArgs(port: number, data: string, options: RedisOptions): string[] {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: data,
    save: '',
    appendonly: options.appendOnly ? 'yes' : 'no',
    databases: String(REDIS_DATABASES),
    // What BullMQ asks for: a full server must refuse, not forget.
    'maxmemory-policy': 'noeviction',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}
