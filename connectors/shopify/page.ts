/** What the ways of reading share: the rest of a page, nested lists, words of a cursor. */
import type { Cursor, ReadRequest } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { pick, type Shop } from './client.ts';
import { type AskRest, isObject, listOf } from './nodes.ts';
import { restQuery, type Shape } from './shapes.ts';

/** What a page has beside its records, unless it says otherwise. */
export const PLAIN = { tombstones: [], complete: false, expected: null, notBefore: null, context: {} } as const;

/** Asks for the rest of nested lists. */
export function restOf(shop: Shop, shape: Shape, request: Pick<ReadRequest, 'trafficClass'>): AskRest {
  return async function* rest(id, start) {
    const field = shape.child?.field ?? '';
    for (let after: string | null = start; after !== null; ) {
      const { data } = await shop.call({
        query: restQuery(shape),
        variables: { id, after },
        cost: 1 + shape.nodeCost,
        trafficClass: request.trafficClass,
      });
      const node = pick(data, 'node');
      // Gone between two pages: half a record must not be taken for a whole one.
      if (!isObject(node))
        throw new TributaryError(
          'ERR_CONNECTOR_UNREACHABLE',
          `A record of ${shape.stream} went away while it was read.`,
        );
      const list = listOf(node[field]);
      yield list.nodes;
      after = list.after;
    }
  };
}

export function textIn(cursor: Cursor | null, name: string): string | null {
  const value = cursor?.[name];
  return typeof value === 'string' ? value : null;
}
