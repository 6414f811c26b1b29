/**
 * Makes a delivery ready to be read: all its bytes are looked at once before the first record leaves, so that a half
 * transferred file is found out before anything of it is loaded. Remote files are copied into the scratch folder for that.
 */
import { createHash } from 'node:crypto';
import type { ConnectionContext } from '../../src/connector/index.ts';
import type { Reading } from './cursor.ts';
import { type Delivery, isSame } from './delivery.ts';
import { type FileStat, type Folder, VanishedFile } from './folder.ts';
import type { Input } from './formats/format.ts';
import { openSpool } from './spool.ts';

export type Prepared = { readonly input: Input; readonly hash: string };

/** The file's content hash and a way to read it; a text says why it cannot be read now. */
export async function prepare(folder: Folder, file: Delivery, context: ConnectionContext): Promise<Prepared | string> {
  const { signal } = context;
  let source: Input | null = null;
  let isReady = false;
  try {
    source = folder.isLocal ? directInput(folder, file) : await openSpool(folder, file, 0, context);
    const hash = createHash('sha256');
    let size = 0;
    for await (const piece of source.bytes(0, file.size, signal)) {
      hash.update(piece);
      size += piece.length;
    }
    const now = await folder.stat(file.name);
    if (now === null) return 'it is gone';
    if (size !== file.size || !isSame(file, now)) return `it has ${size} of ${now.size} bytes so far`;
    isReady = true;
    return { input: source, hash: hash.digest('base64url').slice(0, 22) };
  } catch (thrown) {
    if (thrown instanceof VanishedFile) return 'it is gone';
    throw thrown;
  } finally {
    if (!isReady) await source?.release?.();
  }
}

/** The rest of a file that was being read; nothing before the cursor is read again. */
export async function resumeInput(folder: Folder, reading: Reading, context: ConnectionContext): Promise<Input> {
  const file = { name: reading.file, size: reading.size, modifiedMs: reading.modifiedMs };
  return folder.isLocal ? directInput(folder, file) : openSpool(folder, file, reading.place.offset, context);
}

function directInput(folder: Folder, file: FileStat): Input {
  return {
    name: file.name,
    size: file.size,
    bytes: (start, end, signal) => folder.read(file.name, start, end, signal),
  };
}
