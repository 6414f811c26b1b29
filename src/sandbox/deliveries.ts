/** Webhooks that are under way. */

/** Resolves when there is none; what is sent meanwhile counts. */
export async function untilNone(running: ReadonlySet<Promise<void>>): Promise<void> {
  while (running.size > 0) await Promise.allSettled(running);
}
