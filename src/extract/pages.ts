/** Pages as the run takes them: framed into logical records, hashed, one read ahead. */
import { frame, innerCursor } from './frame.ts';
import { HASH_BYTES, makeHasher } from './hash.ts';
import type { ExtractedPage, FramedPage, ReadPagesOptions } from './types.ts';

/** Reads a stream from the request's cursor on. Closing the generator stops the reading. */
export async function* readPages(options: ReadPagesOptions): AsyncGenerator<ExtractedPage> {
  const { request, stream } = options;
  const isFramed = request.groupBy !== null || stream.children === true;
  const pages = isFramed ? frame(options) : plainPages(options);
  for await (const page of readAhead(pages)) yield withHashes(page, options);
}

async function* plainPages({ source, request }: ReadPagesOptions): AsyncGenerator<FramedPage> {
  for await (const page of source.read({ ...request, cursor: innerCursor(request.cursor) })) {
    const records = page.records.map(({ raw, id, version, position }) => ({ parts: [raw], id, version, position }));
    yield { ...page, records, rows: records.length };
  }
}

function withHashes(page: FramedPage, { decode, isRawJson, stream }: ReadPagesOptions): ExtractedPage {
  const hashes = new Uint8Array(page.records.length * HASH_BYTES);
  const hasher = makeHasher({
    context: page.context,
    // Notes tell of what was left alone, not of records.
    volatileContext: ['notes', ...(stream.volatileContext ?? [])],
    isJson: decode === undefined || isRawJson === true,
    volatilePaths: stream.volatilePaths,
  });
  for (const [at, record] of page.records.entries()) hasher.write(record.parts, hashes, at * HASH_BYTES);
  return { ...page, hashes };
}

/** The hash of the record at `at`, as a view. */
export function hashAt(page: ExtractedPage, at: number): Uint8Array {
  return page.hashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES);
}

/** Asks for the next page while the last one is in use: one page ahead, no more. */
export async function* readAhead<T>(pages: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = pages[Symbol.asyncIterator]();
  const ask = () => {
    const next = iterator.next();
    next.catch(() => {}); // Told when it is awaited; until then it must not count as unhandled.
    return next;
  };
  let next = ask();
  try {
    for (let page = await next; page.done !== true; page = await next) {
      next = ask();
      yield page.value;
    }
  } finally {
    await next.catch(() => {});
    await iterator.return?.();
  }
}
