/** Options that lists share. */

import type { App } from '../app.ts';
import { TributaryError } from '../errors.ts';
import type { RunStream } from '../run/deps.ts';
import { paging, word } from './command.ts';

/** Filters by where something came from, and paging. */
export const sourceFilters = {
  connection: word('<name>', 'Only of this connection'),
  stream: word('<name>', 'Only of streams with this name'),
  ...paging,
};

/** `connection/stream` as a configured stream. @throws ERR_CLI_USAGE, ERR_NOT_FOUND */
export function streamOf(app: App, target: string): RunStream {
  const [connection, stream, ...rest] = target.split('/');
  if (!connection || !stream || rest.length > 0) {
    throw new TributaryError('ERR_CLI_USAGE', `"${target}" is not of the form connection/stream.`, {
      remedy: `There is: ${app.streams.all.map((one) => `${one.connection}/${one.name}`).join(', ')}.`,
    });
  }
  return app.streams.find(connection, stream);
}

/** @throws ERR_CLI_USAGE naming the words there are */
export function known<T extends string>(given: readonly string[], words: readonly T[], what: string): T[] {
  return given.map((one) => {
    const found = words.find((word) => word === one);
    if (found !== undefined) return found;
    throw new TributaryError('ERR_CLI_USAGE', `There is no ${what} ${one}.`, { remedy: `Use ${words.join(', ')}.` });
  });
}
