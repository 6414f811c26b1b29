/** The state of rate budgets in Redis, for all processes on it: one hash, each field changed by whoever read it last. */
import type { Cluster, Redis } from 'ioredis';
import { TributaryError } from '../errors.ts';
import { answered } from './bounded.ts';
import { connectRedis } from './redis.ts';

type Change<T> = (state: unknown) => { readonly state: unknown; readonly result: T };

const KEY = '{tributary}:budgets';
const ANSWER_MS = 5_000;
/** Writers that were quicker one after another. */
const TRIES = 100;
/** Writes only over what was read. */
const SWAP = `
if (redis.call('hget', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('hset', KEYS[1], ARGV[1], ARGV[3])
return 1`;

/** Connects to Redis, or to a cluster; a Redis that is away makes calls fail, and is found again. */
export function redisBudgets(url: string) {
  const client: Redis | Cluster = connectRedis(url);
  client.on('error', () => undefined); // Each call tells.
  const call = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await answered(work, ANSWER_MS, 'redis');
    } catch (thrown) {
      throw thrown instanceof TributaryError
        ? thrown
        : new TributaryError('ERR_QUEUE_UNAVAILABLE', 'Redis does not answer, where rate budgets are kept.', {
            cause: thrown,
          });
    }
  };
  return {
    async update<T>(key: string, change: Change<T>): Promise<T> {
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        const known = await call(client.hget(KEY, key));
        const { state, result } = change(known === null ? null : JSON.parse(known));
        if ((await call(client.eval(SWAP, 1, KEY, key, known ?? '', JSON.stringify(state)))) === 1) return result;
      }
      throw new TributaryError('ERR_QUEUE_UNAVAILABLE', `The rate budget ${key} is changed by too many at once.`);
    },
    async all(): Promise<ReadonlyMap<string, unknown>> {
      const states = await call(client.hgetall(KEY));
      return new Map(Object.entries(states).map(([key, text]): [string, unknown] => [key, JSON.parse(text)]));
    },
    close: () => client.disconnect(),
  };
}
