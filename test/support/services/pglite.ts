import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { migrate } from '../../../src/store/migrate.ts';
import { openPglite } from '../../../src/store/pglite.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CACHE = join(ROOT, 'node_modules/.cache/tributary-pglite');

/**
 * A folder with a migrated PGlite: as a data folder (`data`) and as a dump of it (`data.tar`). To make one takes seconds, to
 * copy it a moment; it is kept until the migrations or PGlite change.
 */
export async function pgliteTemplate(): Promise<string> {
  const folder = join(CACHE, await fingerprint());
  if (!existsSync(folder)) await makeTemplate(folder);
  return folder;
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  hash.update(await readFile(join(ROOT, 'node_modules/@electric-sql/pglite/package.json')));
  for (const name of (await readdir(join(ROOT, 'drizzle'))).sort())
    if (name.endsWith('.sql')) hash.update(name).update(await readFile(join(ROOT, 'drizzle', name)));
  return hash.digest('hex').slice(0, 16);
}

async function makeTemplate(folder: string): Promise<void> {
  await rm(CACHE, { recursive: true, force: true });
  await mkdir(CACHE, { recursive: true });
  const making = await mkdtemp(join(CACHE, 'making-'));
  const store = await openPglite(join(making, 'data'));
  await migrate(store);
  const dump = await store.pglite?.dumpDataDir('none');
  if (!dump) throw new Error('no PGlite');
  await store.close();
  await writeFile(join(making, 'data.tar'), dump.stream());
  await rename(making, folder);
}
