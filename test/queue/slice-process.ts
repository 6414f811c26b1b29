/**
 * A process of its own that works on a queue: `slice-process.ts <backend> <address> <prefix> <mode>`.
 * `hang`: slices never end. `work`: slices end at once. `leave`: closes, and must end by itself. Says on stdout, one JSON line each: ready, and the runs it takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { openQueue, type QueueBackend } from '../../src/queue/queue.ts';
import { memoryLog, QUICK } from './support.ts';

const [kind, address = '', prefix = '', mode] = process.argv.slice(2);

const say = (line: Record<string, string>) => process.stdout.write(`${JSON.stringify(line)}\n`);
const queue = await openQueue(await backend(), { log: memoryLog(), prefix, tuning: QUICK });
await queue.work(
  async ({ run }) => {
    say({ run });
    await sleep(mode === 'hang' ? 600_000 : 5);
    return null;
  },
  { concurrency: 2 },
);
if (kind === 'pglite') await queue.wake({ run: 'run_1', tenant: 'tenant_1' });
say({ state: 'ready' });

async function backend(): Promise<QueueBackend> {
  if (kind === 'pglite') return { kind, pglite: await PGlite.create(address) };
  if (kind === 'postgres' || kind === 'redis') return { kind, url: address };
  throw new Error(`no such backend: ${kind}`);
}
if (mode === 'leave') await queue.close();
