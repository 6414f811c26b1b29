/**
 * Reads a list from its smallest id to its largest, whatever is made, changed or deleted meanwhile.
 *
 * wc/v3 cannot be asked for "ids above this one", and numbered pages lose records: a delete moves everything behind it up, across
 * the seam of two pages. So pages overlap by the last record read. An offset finds it again, and a page counts only when it
 * begins at or before that record: then nothing can lie between. Otherwise the walk steps back until it meets known ground.
 */
import type { SourceProblem } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Shop } from './client.ts';
import { hiddenRecords, type ListAnswer, type ListRequest, list, noRecord, type Row } from './list.ts';

/** Where a walk goes on. */
export type Place = {
  /** Largest id read. */
  readonly last: number | null;
  /** How many records stood before the next one when it was last seen: where to look for it. */
  readonly at: number;
  /** Records read so far. */
  readonly seen: number;
};

export const START: Place = { last: null, at: 0, seen: 0 };

export type Step = {
  readonly rows: readonly Row[];
  readonly problems: readonly SourceProblem[];
  readonly place: Place;
  readonly isEnd: boolean;
  /** How many there were, as the shop counted at this request. */
  readonly total: number;
  readonly sentAt: Date;
  readonly shopBefore: Date | null;
};

const MOST_PER_PAGE = 100;
/** Requests in a row that may bring nothing: enough to step back through a list that shrinks all the time. */
const MOST_IDLE = 1_000;

type Walk = {
  place: Place;
  /** Where the next page is asked for. */
  offset: number;
  /** The last page held nothing new. */
  isBehindKnown: boolean;
  /** Where a page did not reach back although the one before it held nothing new: met twice, it is what the shop hides. */
  blockedAt: number;
  /** Within what the shop hides: nothing was read since it was told. */
  isInGap: boolean;
};

/** @throws TributaryError as `list`; `ERR_CONNECTOR_PROTOCOL` when the list is not in order of its ids */
export async function* walk(shop: Shop, request: ListRequest, start: Place, pageSize: number): AsyncGenerator<Step> {
  const perPage = Math.min(MOST_PER_PAGE, pageSize + 1);
  const order = { per_page: String(perPage), orderby: 'id', order: 'asc' };
  const state: Walk = {
    place: start,
    offset: Math.max(0, start.at - 1),
    isBehindKnown: false,
    blockedAt: -1,
    isInGap: false,
  };
  for (let idle = 0; idle < MOST_IDLE; idle += 1) {
    const { offset } = state;
    const query = { ...request.query, ...order, ...(offset > 0 ? { offset: String(offset) } : {}) };
    const answer = await list(shop, { ...request, query });
    if (offset > 0 && offset >= answer.total && answer.rows.length > 0) throw ignoresOffset(request.path);
    const overlap = overlapOf(answer.rows, state.place.last);
    const isSound = offset === 0 || overlap >= 0;
    if (!isSound && !state.isInGap && stepsBack(state, perPage)) continue;
    const step = stepAt(state, answer, { overlap, isSound, perPage, pageSize });
    if (step.rows.length + step.problems.length === 0 && !step.isEnd) continue;
    idle = 0;
    yield step;
    if (step.isEnd) return;
  }
  throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `${request.path} changes faster than it can be read.`);
}

/** Back to known ground; not where the way back has already led here once. */
function stepsBack(state: Walk, perPage: number): boolean {
  if (state.isBehindKnown && state.blockedAt === state.offset) return false;
  if (state.isBehindKnown) state.blockedAt = state.offset;
  state.isBehindKnown = false;
  state.offset = Math.max(0, state.offset - perPage + 1);
  return true;
}

type Ground = {
  readonly overlap: number;
  readonly isSound: boolean;
  readonly perPage: number;
  readonly pageSize: number;
};

/** What a page that counts brings, and where to look next. */
function stepAt(state: Walk, answer: ListAnswer, { overlap, isSound, perPage, pageSize }: Ground): Step {
  const { place, offset } = state;
  const from = overlap + 1;
  const taken = take(answer.rows, answer.elements, { from, most: pageSize, place });
  const isShort = answer.rows.length < perPage && offset + perPage >= answer.total;
  const hidden = isSound || state.isInGap || offset >= answer.total ? [] : [hiddenRecords(place.seen + 1, place.last)];
  state.isBehindKnown = taken.count === 0;
  state.isInGap = taken.count === 0 && (state.isInGap || !isSound);
  state.place = {
    last: taken.rows.at(-1)?.id ?? place.last,
    at: taken.count === 0 ? offset + perPage : offset + from + taken.count,
    seen: place.seen + taken.rows.length,
  };
  state.offset = Math.max(0, state.place.at - 1);
  return {
    rows: taken.rows,
    problems: [...hidden, ...taken.problems],
    place: state.place,
    isEnd: isShort && from + taken.count >= answer.rows.length,
    ...{ total: answer.total, sentAt: answer.sentAt, shopBefore: answer.shopBefore },
  };
}

/** Place of the last record of a page that was read before; -1: none was. */
function overlapOf(rows: readonly (Row | null)[], last: number | null): number {
  return last === null ? -1 : rows.findLastIndex((row) => row !== null && row.id <= last);
}

type Taking = { readonly from: number; readonly most: number; readonly place: Place };

function take(rows: readonly (Row | null)[], elements: readonly string[], { from, most, place }: Taking) {
  const taken: Row[] = [];
  const problems: SourceProblem[] = [];
  let last = place.last ?? 0;
  let at = from;
  for (; at < rows.length && taken.length < most; at++) {
    const row = rows[at];
    if (!row) {
      problems.push(noRecord(place.seen + taken.length + 1, elements[at] ?? ''));
      continue;
    }
    if (row.id <= last)
      throw new TributaryError(
        'ERR_CONNECTOR_PROTOCOL',
        'The shop does not keep to the order of ids it was asked for.',
        {
          evidence: { id: row.id, after: last },
          remedy: 'Look for a plugin that changes the order of REST lists; without order, records would be lost.',
        },
      );
    last = row.id;
    taken.push(row);
  }
  return { rows: taken, problems, count: at - from };
}

function ignoresOffset(path: string): TributaryError {
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', `The shop answers ${path} the same whatever the offset.`, {
    remedy: 'Look for a plugin or proxy that drops query parameters; without them only the first page could be read.',
  });
}
