import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * Is `signature` the base64 HMAC-SHA256 of the parts under one of the secrets? In constant time for each secret.
 * @param secrets the current secret first, then one that is being rotated out
 * @param parts raw bytes or text (as UTF-8), in the order they are signed
 */
export function isSigned(
  secrets: readonly string[],
  parts: readonly (string | Uint8Array)[],
  signature: string,
): boolean {
  const given = Buffer.from(signature, 'base64');
  let matches = false;
  for (const secret of secrets) {
    const hmac = createHmac('sha256', secret);
    for (const part of parts) hmac.update(part);
    const wanted = hmac.digest();
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) matches = true;
  }
  return matches;
}

/**
 * Is a signed time close enough to now? Both directions count: a time in the future could be replayed until then.
 * @param windowMs farthest distance accepted
 */
export function isFresh(sentAt: Date, now: Date, windowMs: number): boolean {
  return Math.abs(now.getTime() - sentAt.getTime()) <= windowMs;
}
