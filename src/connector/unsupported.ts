import { TributaryError } from '../errors.ts';
import type { Page } from './contract.ts';

/**
 * The error of an ability that a connector does not have.
 * @param connector name of the connector
 * @param ability in plain words, as the end of "cannot …"
 */
export function unsupported(connector: string, ability: string): TributaryError {
  return new TributaryError(
    'ERR_CONNECTOR_UNSUPPORTED',
    `The ${connector} connector cannot ${ability} in this version.`,
    {
      evidence: { connector },
    },
  );
}

/** Pages that end in `ERR_CONNECTOR_UNSUPPORTED` as soon as somebody asks for the first. */
export function unsupportedPages(connector: string, ability: string): AsyncIterable<Page> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(unsupported(connector, ability)) }) };
}
