/**
 * Query jobs of the Bulk API 2.0, call by call: jsforce's own reader crashes on several pages of results, counts headers as records,
 * and deletes a job that it waited for too long. https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
 */
import type { Json, JsonObject } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { parseCsv } from './csv.ts';
import type { Spotted } from './cursor.ts';
import { rawNumber } from './json.ts';
import { columnsOf, objectNameOf, type Place, protocol } from './queries.ts';
import { objectOf } from './records.ts';

/** Waits between looks at a job, within one call; a longer one is for the schedule. */
const WAITS_MS = [1000, 2000, 4000, 8000] as const;
const LOOK_AGAIN_MS = 15_000;

/** Starts a job; `null`: the Bulk API does not serve this object or one of its fields. */
export async function createJob({ org, trafficClass }: Place, soql: string): Promise<string | null> {
  try {
    const { body } = await org.json({
      ...{ path: '/jobs/query', method: 'POST', budget: 'bulk', trafficClass },
      body: { operation: 'query', query: soql },
    });
    const { id } = objectOf(body);
    if (typeof id !== 'string') throw protocol('a bulk job was made and has no id');
    return id;
  } catch (error) {
    if (!(error instanceof TributaryError) || error.code !== 'ERR_CONNECTOR_PROTOCOL') throw error;
    const { code } = error.evidence;
    if (code !== 'INVALIDENTITY' && code !== 'API_ERROR' && code !== 'FUNCTIONALITY_NOT_ENABLED') throw error;
    org.context.log.info({ code }, 'The Bulk API refuses the query; the object is read page by page.');
    return null;
  }
}

export type JobState =
  | { readonly kind: 'complete'; readonly rows: number | null }
  | { readonly kind: 'waiting'; readonly notBefore: Date }
  /** Failed, aborted or forgotten. */
  | { readonly kind: 'gone' };

/** Waits a little for the job. */
export async function jobState(place: Place, job: string): Promise<JobState> {
  const { clock, signal } = place.org.context;
  for (const waitMs of [...WAITS_MS, null]) {
    const state = await look(place, job);
    if (state !== null) return state;
    if (waitMs !== null) await clock.sleep(waitMs, signal);
  }
  return { kind: 'waiting', notBefore: new Date(clock.now().getTime() + LOOK_AGAIN_MS) };
}

async function look({ org, trafficClass }: Place, job: string): Promise<JobState | null> {
  try {
    const { body } = await org.json({ path: `/jobs/query/${encodeURIComponent(job)}`, trafficClass });
    const { state, numberRecordsProcessed: rows } = objectOf(body);
    if (state === 'JobComplete') return { kind: 'complete', rows: typeof rows === 'number' ? rows : null };
    return state === 'Failed' || state === 'Aborted' ? { kind: 'gone' } : null;
  } catch (error) {
    if (error instanceof TributaryError && error.evidence.status === 404) return { kind: 'gone' };
    throw error;
  }
}

export type BulkPage = { readonly rows: readonly Json[]; readonly locator: string | null };

/** `null`: the results, or this place in them, are not there any more. */
export async function readResults(
  place: Place,
  spot: Spotted<'bulk'>,
  limit: number,
  types: Types,
): Promise<BulkPage | null> {
  const { org, trafficClass } = place;
  const locator = spot.locator === null ? '' : `&locator=${encodeURIComponent(spot.locator)}`;
  const path = `/jobs/query/${encodeURIComponent(spot.job)}/results?maxRecords=${limit}${locator}`;
  const answer = await org.send({ path, trafficClass, headers: { accept: 'text/csv' } }).catch((error: unknown) => {
    if (isRefused(error)) return null;
    throw error;
  });
  if (answer === null) return null;
  const { text, headers } = answer;
  const columns = columnsOf(place.stream);
  const cells = withoutHeader(parseCsv(text), columns);
  const promised = headers.get('sforce-numberofrecords');
  if (promised !== null && Number(promised) !== cells.rows.length)
    throw new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      `A page of the bulk job ${spot.job} promised ${promised} rows and has ${cells.rows.length}.`,
    );
  const next = headers.get('sforce-locator');
  return {
    rows: cells.rows.map((row) => rowOf(cells.columns, row, types)),
    // The word null at the end; a missing header is no reason to begin again.
    locator: next === null || next === 'null' || next === '' ? null : next,
  };
}

/** Whether the org took the call and said no to what it asks for: not to who asks, and not for the moment. */
const isRefused = (error: unknown): boolean =>
  error instanceof TributaryError &&
  (error.evidence.code === 'INVALID_QUERY_LOCATOR' ||
    (error.code === 'ERR_CONNECTOR_PROTOCOL' && Number(error.evidence.status) >= 400));

/** Removes the job; it would go by itself after seven days. */
export async function deleteJob({ org, trafficClass }: Place, job: string): Promise<void> {
  try {
    await org.send({ path: `/jobs/query/${encodeURIComponent(job)}`, method: 'DELETE', trafficClass });
  } catch (error) {
    if (!(error instanceof TributaryError)) throw error;
    org.context.log.debug({ job, code: error.code }, 'The bulk job could not be removed.');
  }
}

// Every page brings the header, or the first one alone.
function withoutHeader(rows: readonly (readonly string[])[], columns: readonly string[]) {
  const [first = []] = rows;
  const names = new Set(columns);
  const isHeader = first.length === columns.length && first.every((cell) => names.has(cell));
  const body = isHeader ? rows.slice(1) : rows;
  const odd = body.find((row) => row.length !== columns.length);
  if (odd) throw protocol(`a bulk result has a row of ${odd.length} columns instead of ${columns.length}`);
  return { columns: isHeader ? first : columns, rows: body };
}

/** Type of each field as the org describes it. */
export type Types = ReadonlyMap<string, string>;

export async function typesOf({ org, stream, trafficClass }: Place): Promise<Types> {
  const { body } = await org.json({ path: `/sobjects/${objectNameOf(stream.name)}/describe`, trafficClass });
  const { fields } = objectOf(body);
  if (!Array.isArray(fields)) throw protocol('a description has no fields');
  return new Map(fields.map(objectOf).map(({ name, type }) => [String(name), String(type)]));
}

/** The row as the REST API writes it, so that both ways give one hash. Fields of a parent are kept as text. */
function rowOf(columns: readonly string[], cells: readonly string[], types: Types): Json {
  const row: JsonObject = {};
  for (const [at, column] of columns.entries()) {
    const value = cellValue(cells[at] ?? '', types.get(column));
    const [parent = '', name] = column.split('.');
    if (name === undefined) row[column] = value;
    else if (value !== null) row[parent] = { ...objectOf(row[parent]), [name]: value };
    else row[parent] ??= null;
  }
  return row;
}

function cellValue(cell: string, type: string | undefined): Json {
  if (cell === '') return null;
  if (type === 'boolean') return cell === 'true';
  if (type === 'datetime') return cell.replace(/Z$/, '+0000');
  const isNumber = type === 'int' || type === 'double' || type === 'currency' || type === 'percent' || type === 'long';
  if (isNumber && /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(cell))
    return String(Number(cell)) === cell ? Number(cell) : rawNumber(cell);
  return cell;
}
