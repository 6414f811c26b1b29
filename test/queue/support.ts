import { randomUUID } from 'node:crypto';
import { PGlite } from '@electric-sql/pglite';
import type { Log } from '../../src/connector/contract.ts';
import {
  openQueue,
  type QueueBackend,
  type QueueOptions,
  type QueueTuning,
  type SliceHandler,
  type Wake,
  type WakeQueue,
} from '../../src/queue/queue.ts';
import { requireService, startPostgres, startRedis } from '../support/services.ts';

export type Line = { readonly level: string; readonly fields: Record<string, unknown>; readonly message: string };

export function memoryLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void lines.push({ level, fields, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Short times, so that crashes are noticed within a test. */
export const QUICK: Partial<QueueTuning> = { lockMs: 1500, stalledMs: 500, retryMs: 20, closeMs: 5000 };

/** A prefix of its own per test keeps tests apart in one server. */
export const newPrefix = () => `test-${randomUUID().slice(0, 8)}`;

export type Bench = {
  readonly backend: QueueBackend;
  open(options?: Partial<QueueOptions>): Promise<WakeQueue>;
  /** Closes what the last test opened. */
  reset(): Promise<void>;
  end(): Promise<void>;
};

export const BACKENDS = ['pglite', 'postgres', 'redis'] as const;

export async function isHere(kind: (typeof BACKENDS)[number]): Promise<boolean> {
  return kind === 'pglite' || requireService(kind, `queue on ${kind}`);
}

export async function bench(kind: (typeof BACKENDS)[number]): Promise<Bench> {
  const { backend, end } = await backendOf(kind);
  let prefix = newPrefix();
  let opened: WakeQueue[] = [];
  return {
    backend,
    async open(options = {}) {
      const queue = await openQueue(backend, { log: memoryLog(), prefix, tuning: QUICK, ...options });
      opened.push(queue);
      return queue;
    },
    async reset() {
      await Promise.all(opened.map((queue) => queue.close()));
      opened = [];
      prefix = newPrefix();
    },
    end,
  };
}

async function backendOf(kind: (typeof BACKENDS)[number]): Promise<{ backend: QueueBackend; end(): Promise<void> }> {
  if (kind === 'pglite') {
    const pglite = await PGlite.create();
    return { backend: { kind, pglite }, end: () => pglite.close() };
  }
  const server = await (kind === 'redis' ? startRedis() : startPostgres({ fsync: false }));
  return { backend: { kind, url: server.url }, end: () => server.stop() };
}

export const wakeOf = (run: string, tenant = 'tenant_1'): Wake => ({ run, tenant });

/** A promise and its resolver. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: () => resolve() };
}

/** A handler that does this and wants no more. */
export const only =
  (work: (wake: Wake) => unknown): SliceHandler =>
  async (wake) => {
    await work(wake);
    return null;
  };
