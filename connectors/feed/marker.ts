/** Row counts that done-markers carry. */
import { TributaryError } from '../../src/errors.ts';
import { type Folder, VanishedFile } from './folder.ts';

const MOST_BYTES = 4096;

/** The first whole number in the marker; `null`: the marker is gone. @throws ERR_EXTRACT_PARSE when it holds none */
export async function readMarkerCount(folder: Folder, marker: string, signal: AbortSignal): Promise<number | null> {
  const pieces: Uint8Array[] = [];
  try {
    const found = await folder.stat(marker);
    if (found === null) return null;
    for await (const piece of folder.read(marker, 0, Math.min(found.size, MOST_BYTES), signal)) pieces.push(piece);
  } catch (thrown) {
    if (thrown instanceof VanishedFile) return null;
    throw thrown;
  }
  const [count] = /\d{1,15}/.exec(Buffer.concat(pieces).toString('latin1')) ?? [];
  if (count === undefined) {
    throw new TributaryError('ERR_EXTRACT_PARSE', `the marker ${marker} holds no number of rows`, {
      remedy: 'Have the supplier write the number of rows into it, or set count: false.',
    });
  }
  return Number(count);
}
