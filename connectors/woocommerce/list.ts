/** One request for a list: its records as they were written, how many the shop counts, and its clock. */
import type { Json, SourceProblem, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { call, isObject, type Shop } from './client.ts';
import { elementsOf } from './elements.ts';

export type Row = {
  readonly id: number;
  readonly raw: Uint8Array;
  readonly body: Json;
};

export type ListAnswer = {
  /** `null` where an element is no record. */
  readonly rows: readonly (Row | null)[];
  readonly elements: readonly string[];
  readonly total: number;
  readonly sentAt: Date;
  /** The latest time on the shop's clock at which the list was surely not made yet. */
  readonly shopBefore: Date | null;
};

export type ListRequest = {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly trafficClass: TrafficClass;
};

/** @throws TributaryError as `call`, and `ERR_CONNECTOR_PROTOCOL` when the answer is no list of WooCommerce */
export async function list(shop: Shop, request: ListRequest): Promise<ListAnswer> {
  const answer = await call(shop, request);
  const total = Number(answer.headers.get('x-wp-total') ?? Number.NaN);
  if (!Array.isArray(answer.body) || !Number.isSafeInteger(total))
    throw new TributaryError(
      'ERR_CONNECTOR_PROTOCOL',
      `${request.path} is no list with a total, as WooCommerce sends it.`,
      {
        evidence: { path: request.path, status: answer.status },
        remedy: 'Check url and apiPath, and whether a proxy takes the header X-WP-Total away.',
      },
    );
  const elements = elementsOf(answer.text);
  const rows = answer.body.map((body, at) => rowOf(body, elements[at] ?? ''));
  return { rows, elements, total, sentAt: answer.sentAt, shopBefore: shopTime(answer) };
}

function rowOf(body: Json, element: string): Row | null {
  const id = isObject(body) ? body.id : undefined;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id <= 0) return null;
  return { id, raw: Buffer.from(element), body };
}

/** A `Date` header speaks of the end of the answer; the list was read at most as much earlier as the answer took. */
function shopTime(answer: { headers: Pick<Headers, 'get'>; sentAt: Date; answeredAt: Date }): Date | null {
  const date = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isNaN(date)) return null;
  return new Date(date - (answer.answeredAt.getTime() - answer.sentAt.getTime()));
}

/** What stands in a list and is no record. Kept, and told by its place. */
export const noRecord = (position: number, element: string): SourceProblem => ({
  message: 'An element of the list has no id.',
  position,
  raw: Buffer.from(element),
});

/** What the shop counts but does not show. */
export const hiddenRecords = (position: number, after: number | null): SourceProblem => ({
  message: `The shop counts records behind id ${after ?? 0} that it leaves out of its list.`,
  position,
  raw: null,
});
