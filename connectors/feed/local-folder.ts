/** A folder on this machine. */
import { link, lstat, mkdir, open, readdir, realpath, stat, unlink } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { ConnectionContext } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { type FileStat, type Folder, VanishedFile } from './folder.ts';
import { isPlainName } from './patterns.ts';

const PIECE_BYTES = 1 << 20;

/** @throws ERR_CONFIG_INVALID when the folder is missing or outside the allowed roots */
export async function openLocalFolder(path: string, context: ConnectionContext): Promise<Folder> {
  const wanted = resolve(context.baseDir, path);
  const folder = await realpath(wanted).catch((cause: unknown) => {
    throw new TributaryError(
      'ERR_CONFIG_INVALID',
      `connection ${context.connection}: the folder ${wanted} cannot be opened (${codeOf(cause)})`,
      {
        evidence: { connection: context.connection, path: wanted },
        remedy: 'Create the folder or correct path in tributary.yaml.',
        cause,
      },
    );
  });
  const roots = await Promise.all(context.allowedRoots.map((root) => realpath(root).catch(() => resolve(root))));
  if (!roots.some((root) => isWithin(root, folder))) {
    throw new TributaryError(
      'ERR_CONFIG_INVALID',
      `connection ${context.connection}: the folder ${folder} is outside the folders this program may read (${roots.join(', ') || 'none'})`,
      {
        evidence: { connection: context.connection, path: folder },
        remedy: 'Move the feed under an allowed folder, or add this one to allowedRoots.',
      },
    );
  }
  return localFolder(folder, context);
}

function localFolder(folder: string, context: ConnectionContext): Folder {
  const refused = new Set<string>();
  const statOf = async (name: string): Promise<FileStat | null> => {
    if (!isPlainName(name)) return null;
    try {
      const path = join(folder, name);
      const found = await lstat(path);
      // A link may name another file of the folder, nothing else.
      const target = found.isSymbolicLink() ? await realpath(path).catch(() => null) : path;
      if (target === null || (found.isSymbolicLink() && !isWithin(folder, target))) {
        if (!refused.has(name))
          context.log.warn({ file: name }, 'a link that leads out of the feed folder, or nowhere, is not read');
        refused.add(name);
        return null;
      }
      const real = found.isSymbolicLink() ? await stat(target) : found;
      return real.isFile() ? { name, size: real.size, modifiedMs: Math.trunc(real.mtimeMs) } : null;
    } catch (thrown) {
      if (isGone(thrown)) return null;
      throw unreadable(folder, name, thrown);
    }
  };
  return {
    title: folder,
    isLocal: true,
    stat: statOf,
    async list() {
      const names = await readdir(folder).catch((thrown: unknown) => {
        throw unreadable(folder, '', thrown);
      });
      const found = await Promise.all(names.map((name) => (warnOdd(name, context, refused) ? null : statOf(name))));
      return found.filter((file) => file !== null);
    },
    read: (name, start, end, signal) => readPieces(join(folder, name), start, end, signal),
    move: (name, below, target) => moveFile(folder, name, below, target),
    close: async () => {},
  };
}

function warnOdd(name: string, context: ConnectionContext, refused: Set<string>): boolean {
  if (isPlainName(name)) return false;
  if (!refused.has(name))
    context.log.warn(
      { file: JSON.stringify(name) },
      'a file whose name has separators or control characters is not read',
    );
  refused.add(name);
  return true;
}

/** Reads a local file in pieces that nobody writes to afterwards. */
export async function* readPieces(
  path: string,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch((thrown: unknown) => {
    throw isGone(thrown) ? new VanishedFile(path) : unreadable(path, '', thrown);
  });
  try {
    for (let at = start; at < end; ) {
      signal.throwIfAborted();
      const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

// A link and an unlink instead of a rename: a rename would silently replace a file of that name.
async function moveFile(folder: string, name: string, below: string, target: string): Promise<boolean> {
  const to = await openBelow(folder, below);
  try {
    await link(join(folder, name), join(to, target));
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    if (isGone(thrown)) return true; // Moved by an earlier try.
    throw unreadable(folder, name, thrown);
  }
  await unlink(join(folder, name)).catch((thrown: unknown) => {
    if (!isGone(thrown)) throw unreadable(folder, name, thrown);
  });
  return true;
}

/** Makes a folder below, step by step: whoever delivers files may also have put a link there. */
async function openBelow(folder: string, below: string): Promise<string> {
  let at = folder;
  for (const part of below.split('/')) {
    const next = join(at, part);
    try {
      await mkdir(next, { recursive: true });
      at = await realpath(next);
    } catch (thrown) {
      throw unreadable(folder, below, thrown);
    }
    if (isWithin(folder, at)) continue;
    throw new TributaryError('ERR_CONFIG_INVALID', `the archive ${next} is a link that leads out of the feed folder`, {
      evidence: { path: next },
      remedy: 'Remove the link; the archive is a folder below the feed folder.',
    });
  }
  return at;
}

/** True when `path` is `root` or lies below it. Both must be real paths. */
export function isWithin(root: string, path: string): boolean {
  const way = relative(root, path);
  return way === '' || (!isAbsolute(way) && way !== '..' && !way.startsWith(`..${sep}`));
}

function isGone(thrown: unknown): boolean {
  return codeOf(thrown) === 'ENOENT';
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
}

function unreadable(folder: string, name: string, cause: unknown): TributaryError {
  const what = name === '' ? folder : join(folder, name);
  return new TributaryError('ERR_CONNECTOR_UNREACHABLE', `${what} cannot be read or moved (${codeOf(cause)})`, {
    evidence: { path: what },
    remedy: 'Give this program the right to read the folder (and to write it when archive is set).',
    cause,
  });
}
