/** Migrated PGlite stores, copied from one that the test run made. */
import { openAsBlob } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { askBroker } from './services/broker.ts';
import { postgres, requireService } from './services.ts';

/** In memory. */
export async function memoryStore(): Promise<Store> {
  return openPglite(null, await openAsBlob(join(await askBroker('/pglite'), 'data.tar')));
}

/** Puts one where `openPglite(folder)` finds it. */
export async function layStore(folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  await cp(join(await askBroker('/pglite'), 'data'), folder, { recursive: true });
}

/** Both engines, each with an empty store; PostgreSQL where it is there. @param suite what did not run without it */
export async function bothEngines(suite: string) {
  const hasPostgres = await requireService('postgres', `${suite} on PostgreSQL`);
  return [
    { engine: 'PGlite', open: async () => ({ store: await memoryStore(), drop: async () => {} }) },
    {
      engine: 'PostgreSQL',
      open: async () => {
        const { url, drop } = await postgres();
        const store = await openPostgres(url, { connections: 4 });
        await migrate(store);
        return { store, drop };
      },
    },
  ].slice(0, hasPostgres ? 2 : 1);
}
