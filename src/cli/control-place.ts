/** Where the control socket of a folder is. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config/types.ts';

/** `sun_path` holds 104 bytes on macOS, 108 on Linux, the closing zero included. */
export const MAX_SOCKET_BYTES = 100;

const stateFolder = (config: Pick<Config, 'dir'>): string => join(config.dir, '.tributary');

/** `.tributary/control.json`: where the running program listens. */
export const controlFile = (config: Pick<Config, 'dir'>): string => join(stateFolder(config), 'control.json');

/** The socket beside the store, or on Windows a pipe of this folder. */
export function usualPlace(config: Pick<Config, 'dir'>): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\tributary-${hashOf(config.dir)}`;
  return join(stateFolder(config), 'control.sock');
}

/** The place the running program wrote down; `null`: none did. */
export async function notedPlace(config: Pick<Config, 'dir'>): Promise<string | null> {
  try {
    const noted: unknown = JSON.parse(await readFile(controlFile(config), 'utf8'));
    if (typeof noted === 'object' && noted !== null && 'path' in noted && typeof noted.path === 'string')
      return noted.path;
  } catch {
    // Not there, or half-written: nobody listens, or the usual place is right.
  }
  return null;
}

/** Tells stores apart without telling where they are; the embedded one is that of the folder the socket was found by. */
export const storeOf = (config: Pick<Config, 'databaseUrl' | 'tenant'>): string =>
  hashOf(`${config.databaseUrl ?? 'embedded'} ${config.tenant}`);

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
