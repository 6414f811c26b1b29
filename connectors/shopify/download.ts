/** The lines of a bulk result, as they come. */
import type { ConnectionContext } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';

const LONGEST_MS = 30 * 60_000;
const LONGEST_LINE = 32 * 1024 * 1024;
const NEWLINE = 10;

/**
 * Opens the link. It is signed and leads away from the shop: no credentials go with it.
 * @returns `gone` when the link has ended
 * @throws TributaryError `ERR_CONNECTOR_UNREACHABLE`
 */
export async function linesOf(context: ConnectionContext, url: string): Promise<AsyncIterable<Buffer> | 'gone'> {
  await context.permit(1, 'backfill', 'bulk_download');
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LONGEST_MS)]);
  const answer = await (context.fetch ?? fetch)(url, { redirect: 'manual', signal }).catch((cause) => {
    throw context.signal.aborted ? context.signal.reason : broken(cause);
  });
  if (answer.status === 400 || answer.status === 403 || answer.status === 404 || answer.status === 410) {
    await answer.body?.cancel();
    return 'gone';
  }
  const type = answer.headers.get('content-type') ?? '';
  if (answer.status !== 200 || answer.body === null || type.includes('html')) {
    await answer.body?.cancel();
    throw new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      `The result of a bulk query came as HTTP ${answer.status} ${type}.`,
    );
  }
  return split(answer.body, context.signal);
}

async function* split(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      let from = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        const line = Buffer.concat([...pieces, chunk.subarray(from, end)]);
        [pieces, size, from] = [[], 0, end + 1];
        if (line.length > 0) yield line;
      }
      const rest = chunk.subarray(from);
      size += rest.length;
      if (size > LONGEST_LINE)
        throw new TributaryError(
          'ERR_CONNECTOR_PROTOCOL',
          `A line of a bulk result is longer than ${LONGEST_LINE} bytes.`,
        );
      pieces.push(rest);
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof TributaryError ? error : broken(error);
  }
  // A result ends with a newline; without one its last line may be cut, which the counts tell.
  const last = Buffer.concat(pieces);
  if (last.length > 0) yield last;
}

const broken = (cause: unknown): TributaryError =>
  new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'The result of a bulk query broke off.', { cause });
