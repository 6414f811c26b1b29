/** Copies of remote files in the scratch folder. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionContext } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { FileStat, Folder } from './folder.ts';
import type { Input } from './formats/format.ts';
import { readPieces } from './local-folder.ts';

/**
 * A local copy of the file from `from` on, made when there is none yet. A copy that a former slice of the run made is used
 * again; after a crash the scratch folder is empty and only the bytes behind the cursor are fetched.
 * @throws ERR_CONNECTOR_UNREACHABLE when fewer bytes came than the server told
 */
export async function openSpool(
  folder: Folder,
  file: FileStat,
  from: number,
  context: ConnectionContext,
): Promise<Input> {
  const dir = join(context.scratchDir, 'spool');
  await mkdir(dir, { recursive: true });
  const key = createHash('sha256')
    .update(`${folder.title}\n${file.name}\n${file.size}\n${file.modifiedMs}`)
    .digest('hex')
    .slice(0, 32);
  const start =
    (await findCopy(dir, key, file.size, from)) ??
    (await fetchCopy(folder, file, from, { dir, key, signal: context.signal }));
  const path = join(dir, `${key}-${start}`);
  return {
    ...{ name: file.name, size: file.size },
    bytes: (first, end, signal) => readPieces(path, first - start, end - start, signal),
    release: () => rm(path, { force: true }),
  };
}

async function findCopy(dir: string, key: string, size: number, from: number): Promise<number | null> {
  for (const name of await readdir(dir)) {
    const [of, start] = name.split('-');
    if (of !== key || start === undefined || !/^\d+$/.test(start) || Number(start) > from) continue;
    const copy = await stat(join(dir, name));
    if (copy.size === size - Number(start)) return Number(start);
  }
  return null;
}

type Target = { readonly dir: string; readonly key: string; readonly signal: AbortSignal };

async function fetchCopy(folder: Folder, file: FileStat, from: number, target: Target): Promise<number> {
  const partial = join(target.dir, `${target.key}-${from}.part`);
  const copy = await open(partial, 'w', 0o600);
  let size = 0;
  try {
    for await (const piece of folder.read(file.name, from, file.size, target.signal)) {
      // Unlike `write`, all of it or an error.
      await copy.writeFile(piece);
      size += piece.length;
    }
  } finally {
    await copy.close();
    if (size !== file.size - from) await rm(partial, { force: true });
  }
  if (size !== file.size - from) {
    throw new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      `${file.name}: ${size} bytes came where the server said ${file.size - from}`,
      {
        evidence: { file: file.name, expectedBytes: file.size - from, receivedBytes: size },
      },
    );
  }
  await rename(partial, join(target.dir, `${target.key}-${from}`));
  return from;
}
