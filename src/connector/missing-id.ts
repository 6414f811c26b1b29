import { TributaryError } from '../errors.ts';

/**
 * The error of a record that names no usable id. Never an empty id instead: all such records would become one.
 * @param connector name of the connector
 * @param stream stream the record came from
 */
export function missingId(connector: string, stream: string): TributaryError {
  return new TributaryError(
    'ERR_LOAD_KEY_MISSING',
    `A record of ${connector} ${stream} has no id the source could have given it.`,
    {
      evidence: { connector, stream },
    },
  );
}
