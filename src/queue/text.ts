/** Text as every backend keeps it: PostgreSQL takes neither NUL nor half a surrogate pair. */
import { TributaryError } from '../errors.ts';

const MAX_CHARS = 500;

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** For messages: what cannot be stored is replaced, what is too long is cut. */
export function storable(text: string): string {
  return text.slice(0, MAX_CHARS).toWellFormed().replaceAll('\0', '\uFFFD');
}

/** For ids, which must not be altered. */
export function requireStorable(name: string, id: string): void {
  if (id !== '' && isStorable(id)) return;
  throw new TributaryError(
    'ERR_INTERNAL',
    `cannot queue a wake: its ${name} ${JSON.stringify(id)} is empty or has characters no backend keeps`,
  );
}
