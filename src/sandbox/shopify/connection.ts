/** A list of the API as a connection: cut into pages by first or last, before and after a cursor. */
import { GraphQLError } from 'graphql';
import type { Shop } from './shop.ts';

/** What every resolver is given. */
export type Execution = {
  readonly shop: Shop;
  readonly url: string;
  /** The API version that answers. */
  readonly version: string;
  /** A bulk query has no pages: lists come whole. */
  readonly isBulk: boolean;
  /** Search terms as they were understood, told beside the answer. */
  readonly searches: unknown[];
  readonly random: () => number;
};

export type Args = Readonly<Record<string, unknown>>;
/** A value of the API: its fields, or functions that make them. */
export type View = { readonly [field: string]: unknown };
export type Entry = { readonly id: number; readonly sort: string | number; view(): View };

export function badRequest(message: string, code = 'BAD_REQUEST'): GraphQLError {
  return new GraphQLError(message, { extensions: { code } });
}

/** @throws GraphQLError as the vendor refuses a page */
export function connection(entries: readonly Entry[], args: Args, execution: Execution): View {
  const { first, last } = args;
  const ordered = [...entries].sort((a, b) => order(a.sort, b.sort) || a.id - b.id);
  if (args['reverse'] === true) ordered.reverse();
  if (execution.isBulk) return page(ordered, false, false);
  const [front, back] = [sizeOf(first), sizeOf(last)];
  if (front === null && back === null) throw badRequest('you must provide one of first or last');
  if (front !== null && back !== null) throw badRequest('providing both first and last is not supported');
  const start = place(ordered, args['after'], args['reverse'] === true);
  const end = place(ordered, args['before'], args['reverse'] === true);
  const from = start === null ? 0 : start.behind;
  const to = end === null ? ordered.length : end.before;
  const within = ordered.slice(from, to);
  const kept = front !== null ? within.slice(0, front) : back === 0 ? [] : within.slice(-(back ?? 0));
  return page(
    kept,
    front !== null ? within.length > kept.length : to < ordered.length,
    front !== null ? from > 0 : within.length > kept.length,
  );
}

function page(entries: readonly Entry[], hasNextPage: boolean, hasPreviousPage: boolean): View {
  const [first, last] = [entries[0], entries.at(-1)];
  return {
    nodes: () => entries.map((entry) => entry.view()),
    edges: () => entries.map((entry) => ({ cursor: cursorOf(entry), node: entry.view() })),
    pageInfo: {
      ...{ hasNextPage, hasPreviousPage },
      startCursor: first ? cursorOf(first) : null,
      endCursor: last ? cursorOf(last) : null,
    },
  };
}

function sizeOf(size: unknown): number | null {
  if (typeof size !== 'number') return null;
  if (size < 0 || size > 250) throw badRequest(`first or last must be between 0 and 250, not ${size}`);
  return size;
}

function order(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const cursorOf = ({ id, sort }: Entry): string =>
  Buffer.from(JSON.stringify({ last_id: id, last_value: String(sort) })).toString('base64');

/** Where a cursor stands: a cursor names a value and an id, so it holds although its record moved or went. */
function place(
  ordered: readonly Entry[],
  cursor: unknown,
  isReversed: boolean,
): { before: number; behind: number } | null {
  if (typeof cursor !== 'string') return null;
  const at = readCursor(cursor);
  const isNumeric = typeof ordered[0]?.sort === 'number';
  const value = isNumeric ? Number(at.last_value) : at.last_value;
  const side = (entry: Entry) => (order(entry.sort, value) || entry.id - at.last_id) * (isReversed ? -1 : 1);
  const before = ordered.findIndex((entry) => side(entry) >= 0);
  const behind = ordered.findIndex((entry) => side(entry) > 0);
  return { before: before < 0 ? ordered.length : before, behind: behind < 0 ? ordered.length : behind };
}

function readCursor(cursor: string): { last_id: number; last_value: string } {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64').toString('utf8'));
    if (typeof read === 'object' && read !== null && 'last_id' in read && 'last_value' in read)
      return { last_id: Number(read.last_id), last_value: String(read.last_value) };
  } catch {
    // Not one of ours: told below.
  }
  throw badRequest('Malformed cursor');
}
