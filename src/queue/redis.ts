/** BullMQ on Redis, one server or a cluster, through ioredis. */
import { Queue, Worker } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import { TributaryError } from '../errors.ts';
import { answered, settled } from './bounded.ts';
import type { Engine, SliceResult, WakeData } from './bull.ts';
import type { CauseLog } from './causes.ts';

const MAX_RECONNECT_MS = 3000;

export type RedisEngineOptions = {
  readonly name: string;
  readonly prefix: string;
  readonly events: number;
  readonly answerMs: number;
  readonly causes: CauseLog;
};

export function openRedisEngine(url: string, options: RedisEngineOptions): Engine {
  const { name, answerMs, causes } = options;
  const client = connectRedis(url);
  const duplicates = duplicatesOf(client);
  client.on('error', causes.failed);
  const change = nextChange(client);
  client.on('ready', causes.recovered);
  // The braces keep all keys of the queue on one node of a cluster.
  const prefix = `{${options.prefix}}`;
  const queue = new Queue<WakeData, SliceResult>(name, {
    connection: client,
    prefix,
    streams: { events: { maxLen: options.events } },
  });
  return {
    causes,
    queue,
    worker: (processor, settings) =>
      new Worker<WakeData, SliceResult>(name, processor, { ...settings, connection: client, prefix }),
    startsLater: true,
    async ready() {
      if (client.status === 'ready') return;
      const isOnItsWay = client.status === 'connecting' || client.status === 'connect';
      if (isOnItsWay && (await settled(change(), answerMs)) && isReady(client)) return;
      // A command sent now would wait in memory for as long as Redis is away.
      throw new TributaryError('ERR_QUEUE_UNAVAILABLE', `Redis is not reachable (connection is ${client.status})`);
    },
    async ping() {
      await answered(client.ping(), answerMs, 'redis');
    },
    close() {
      for (const connection of [client, ...duplicates]) connection.disconnect();
      return Promise.resolve();
    },
  };
}

const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 10), MAX_RECONNECT_MS);
// A replica that was the primary before a failover: find the new one.
const reconnectOnError = (error: Error) => (error.message.startsWith('READONLY') ? 2 : false);

export function connectRedis(url: string): Redis | Cluster {
  const addresses = url.split(',').map((address) => address.trim());
  // BullMQ's blocking reads outlive any number of reconnects.
  const common = { maxRetriesPerRequest: null, reconnectOnError };
  const [first] = addresses;
  if (addresses.length === 1 && first !== undefined) return new Redis(first, { ...common, retryStrategy });
  const nodes = addresses.map((address) => new URL(address.includes('://') ? address : `redis://${address}`));
  const { username, password, protocol } =
    nodes.find((node) => node.password !== '') ?? nodes[0] ?? new URL('redis://localhost');
  return new Cluster(
    nodes.map((node) => ({ host: node.hostname, port: Number(node.port || 6379) })),
    {
      clusterRetryStrategy: retryStrategy,
      redisOptions: {
        ...common,
        ...(username ? { username: decodeURIComponent(username) } : {}),
        ...(password ? { password: decodeURIComponent(password) } : {}),
        ...(protocol === 'rediss:' ? { tls: {} } : {}),
      },
    },
  );
}

/** What BullMQ makes of the connection for blocking reads, and leaves reconnecting for good when it is closed without a Redis. */
function duplicatesOf(client: Redis | Cluster): (Redis | Cluster)[] {
  const made: (Redis | Cluster)[] = [];
  const keep = <C extends Redis | Cluster>(duplicate: C): C => {
    made.push(duplicate);
    return duplicate;
  };
  if (client instanceof Redis) {
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override) => keep(duplicate(override));
  } else {
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (...override) => keep(duplicate(...override));
  }
  return made;
}

function isReady(client: Redis | Cluster): boolean {
  return client.status === 'ready';
}

/** Resolves with the next change: connected, or the attempt failed. Callers share one pair of listeners. */
function nextChange(client: Redis | Cluster): () => Promise<void> {
  let change: Promise<void> | null = null;
  return () => {
    change ??= new Promise<void>((resolve) => {
      const done = () => {
        client.off('ready', done);
        client.off('close', done);
        change = null;
        resolve();
      };
      client.on('ready', done);
      client.on('close', done);
    });
    return change;
  };
}
