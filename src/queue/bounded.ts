/** Waiting with an end. */
import { TributaryError } from '../errors.ts';

/** `work`'s result, or ERR_QUEUE_UNAVAILABLE after `ms`; `work` itself goes on and may still succeed. */
export async function answered<T>(work: Promise<T>, ms: number, backend: string): Promise<T> {
  if (await settled(work, ms)) return work;
  throw new TributaryError('ERR_QUEUE_UNAVAILABLE', `the queue (${backend}) did not answer within ${ms} ms`);
}

/** True when `work` ended, well or badly, within `ms`. */
export async function settled(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const ended = work.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
