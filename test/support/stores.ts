/** Migrated PGlite stores, copied from one that the test run made. */
import { openAsBlob } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openPglite } from '../../src/store/pglite.ts';
import type { Store } from '../../src/store/store.ts';
import { askBroker } from './services/broker.ts';

/** In memory. */
export async function memoryStore(): Promise<Store> {
  return openPglite(null, await openAsBlob(join(await askBroker('/pglite'), 'data.tar')));
}

/** Puts one where `openPglite(folder)` finds it. */
export async function layStore(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  await cp(join(await askBroker('/pglite'), 'data'), folder, { recursive: true });
}
