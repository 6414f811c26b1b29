/** Adding a wake so that a run has one at most, the earliest asked for. */
import { randomUUID } from 'node:crypto';
import type { BullQueue, WakeData, WakeJob } from './bull.ts';
import type { FairOrder } from './fair.ts';
import type { Wake, WakeClass } from './types.ts';

const ATTEMPTS = 10;
const LOOKS = 4;
const KEPT_FAILURES = 100;

export type Due = { readonly class: WakeClass; readonly delayMs: number };

export async function addWake(queue: BullQueue, order: FairOrder, wake: Wake, due: Due): Promise<void> {
  const dueAt = Date.now() + due.delayMs;
  const priority = order.priority(wake.tenant, due.class, due.delayMs);
  const offer = { queue, wake, priority };
  // The one that waits may be taken while it is looked at; then look again.
  for (let look = 0; look < LOOKS; look += 1) {
    const standing = await add(offer, due.delayMs, {});
    if (standing === null) return order.charge(wake.tenant);
    if (await settleWith(offer, standing, dueAt, order)) return;
  }
}

type Offer = { readonly queue: BullQueue; readonly wake: Wake; readonly priority: number };

/** True when the run's standing job, as it is now, covers the wake. */
async function settleWith(offer: Offer, jobId: string, dueAt: number, order: FairOrder): Promise<boolean> {
  const job = await offer.queue.getJob(jobId);
  if (!job) return false;
  const state = await job.getState();
  if (state === 'active') {
    // BullMQ keeps only the last of these, so they are all "right after".
    await add(offer, 0, { keepLastIfActive: true });
    return true;
  }
  if (state === 'delayed') {
    if (job.timestamp + job.delay <= dueAt) return true;
    const better = { ...offer, priority: Math.min(offer.priority, job.priority || offer.priority) };
    const standing = await add(better, Math.max(0, dueAt - Date.now()), { replace: true, keepLastIfActive: true });
    if (standing === null) order.charge(offer.wake.tenant);
    return true;
  }
  if (state === 'waiting' || state === 'prioritized') {
    if (offer.priority < job.priority) await raise(job, offer.priority);
    return true;
  }
  return false;
}

/** Adds a job unless the run has one; returns that one's id, or `null` when the new one stands. */
async function add(
  offer: Offer,
  delayMs: number,
  onDuplicate: { replace?: true; keepLastIfActive?: true },
): Promise<string | null> {
  const { queue, wake, priority } = offer;
  const jobId = randomUUID();
  const data: WakeData = { run: wake.run, tenant: wake.tenant };
  const job = await queue.add('slice', data, {
    jobId,
    priority,
    delay: delayMs,
    deduplication: { id: `${wake.tenant}/${wake.run}`, ...onDuplicate },
    attempts: ATTEMPTS,
    backoff: { type: 'slice' },
    removeOnComplete: true,
    removeOnFail: KEPT_FAILURES,
    stackTraceLimit: 1,
  });
  return job.id === jobId || job.id === undefined ? null : job.id;
}

async function raise(job: WakeJob, priority: number): Promise<void> {
  try {
    await job.changePriority({ priority });
  } catch (thrown) {
    // Taken in the meantime: it cannot come sooner than that.
    if (!(thrown instanceof Error && thrown.message.includes('Missing key'))) throw thrown;
  }
}
