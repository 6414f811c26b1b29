/** Queries of one stream, and their answers page by page. */
import type { Json, StreamDeclaration, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Answer, Org } from './client.ts';
import { objectOf } from './records.ts';
import { queryPath } from './soql.ts';
import { OBJECT_OF } from './streams.ts';

/** A stream of an open connection. */
export type Place = { readonly org: Org; readonly stream: StreamDeclaration; readonly trafficClass: TrafficClass };

/** Most records an answer of the REST API has. */
export const MOST_ROWS = 2000;
/** Least that may be asked for at once. */
const LEAST_BATCH = 200;

export const objectNameOf = (stream: string): string => {
  const name = OBJECT_OF[stream];
  if (name !== undefined) return name;
  throw new TributaryError('ERR_CONFIG_INVALID', `Salesforce has no stream ${stream}.`, {
    remedy: `Use one of: ${Object.keys(OBJECT_OF).join(', ')}.`,
  });
};

export const columnsOf = (stream: StreamDeclaration): readonly string[] =>
  (stream.fields ?? []).map(({ path }) => path);

export type Found = { readonly rows: readonly Json[]; readonly totalSize: number; readonly answer: Answer };

/**
 * All rows of a query with a LIMIT. The org may give them in several answers whatever the limit is (wide rows make short ones), each
 * asked for by its own call: jsforce's own way stops at 10,000 without a word.
 */
export async function query(place: Place, soql: string, withDeleted: boolean, limit: number): Promise<Found> {
  const batch = Math.min(Math.max(limit, LEAST_BATCH), MOST_ROWS);
  const headers = { 'sforce-query-options': `batchSize=${batch}` };
  const { trafficClass } = place;
  const first = await place.org.json({ path: queryPath(soql, withDeleted), trafficClass, headers });
  const rows: Json[] = [];
  const seen = new Set<string>();
  let page = readPage(first.body);
  for (;;) {
    rows.push(...page.rows);
    if (page.next === null) break;
    if (seen.has(page.next)) throw protocol('the org names the same further page twice');
    seen.add(page.next);
    page = readPage((await place.org.json({ path: page.next, trafficClass, headers })).body);
  }
  if (rows.length !== page.totalSize)
    throw new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      `The org found ${page.totalSize} rows of ${place.stream.name} and gave ${rows.length}.`,
    );
  return { rows, totalSize: page.totalSize, answer: first.answer };
}

/**
 * How many rows there are; `null`: the org is too slow to count them.
 * @param where a condition, or nothing
 */
export async function count(
  place: Place,
  where: string,
): Promise<{ readonly rows: number | null; readonly answer: Answer }> {
  const { org, trafficClass } = place;
  const soql = `SELECT COUNT() FROM ${objectNameOf(place.stream.name)}${where === '' ? '' : ` WHERE ${where}`}`;
  try {
    const { body, answer } = await org.json({ path: queryPath(soql, false), trafficClass });
    return { rows: readPage(body).totalSize, answer };
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return { rows: null, answer: await org.send({ path: '/limits', trafficClass }) };
  }
}

export const isTimeout = (error: unknown): boolean =>
  error instanceof TributaryError && error.evidence.code === 'QUERY_TIMEOUT';

function readPage(body: Json): { rows: readonly Json[]; totalSize: number; next: string | null } {
  const { records, totalSize, done, nextRecordsUrl } = objectOf(body);
  if (!Array.isArray(records) || typeof totalSize !== 'number' || typeof done !== 'boolean')
    throw protocol('the answer to a query is none');
  if (done) return { rows: records, totalSize, next: null };
  if (typeof nextRecordsUrl !== 'string' || !nextRecordsUrl.startsWith('/services/data/'))
    throw protocol('a query is not done, and its further page has no address');
  return { rows: records, totalSize, next: nextRecordsUrl };
}

export function protocol(what: string): TributaryError {
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', `Salesforce broke its rules: ${what}.`);
}
