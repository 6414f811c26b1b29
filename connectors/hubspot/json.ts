/** Reading answers, whose shape is only known once it was looked at. */
import type { Json, JsonObject } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
export const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
export const textOf = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);

/** A page of a list. `after` `null`: nothing is behind it. */
export type Listed = {
  readonly results: readonly Json[];
  readonly after: string | null;
  readonly total: number | null;
};

/**
 * The results of a list, and what leads to the next page.
 * @throws TributaryError `ERR_CONNECTOR_PROTOCOL` when there are none: never to be taken for an empty list
 */
export function pageOf(body: Json, what: string): Listed {
  const results = isObject(body) ? body.results : undefined;
  if (!isObject(body) || !Array.isArray(results))
    throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `HubSpot answered a list of ${what} without results.`, {
      remedy: 'Check baseUrl and the paths in the settings.',
    });
  const after = objectOf(objectOf(body.paging).next).after;
  return {
    results,
    after: typeof after === 'string' || typeof after === 'number' ? String(after) : null,
    total: typeof body.total === 'number' ? body.total : null,
  };
}
