/** Bulk API 2.0 query jobs: made, worked on for a while, read page by page by a locator. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { ApiError } from './errors.ts';
import { makeId } from './ids.ts';
import type { SfObject } from './objects.ts';
import type { Org, Row } from './org.ts';
import { find, valueAt } from './query.ts';
import { parseSoql } from './soql.ts';

/** How long a job takes at least, and for each row. */
const JOB_MS = 2000;
const ROW_MS = 0.05;
const JOB_DAYS_MS = 7 * 86_400_000;
const DEFAULT_PAGE = 50_000;
/** Objects the Bulk API does not serve. */
const REFUSED = ['CampaignMemberStatus', 'CaseStatus', 'ContractStatus', 'TaskStatus', 'RecentlyViewed'];

type Job = {
  readonly id: string;
  readonly operation: string;
  readonly object: SfObject;
  readonly select: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly createdAt: number;
  readonly readyAt: number;
  isAborted: boolean;
};

export type Bulk = {
  /** `rest` is what stands behind `/jobs/query`. */
  answer(request: SystemRequest, rest: string, version: string): SystemAnswer;
};

export function makeBulk(org: Org, speed: number, onJob: () => void): Bulk {
  const jobs = new Map<string, Job>();
  const jobOf = (id: string): Job => {
    const job = jobs.get(id);
    if (job && job.createdAt > org.now() - JOB_DAYS_MS) return job;
    throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
  };
  const create = (request: SystemRequest, version: string): SystemAnswer => {
    const { operation, text } = asked(request);
    const query = parseSoql(text);
    if (REFUSED.includes(query.from))
      throw new ApiError(400, 'INVALIDENTITY', `Entity '${query.from}' is not supported by the Bulk API.`);
    if (query.select === null || query.offset > 0)
      throw new ApiError(400, 'API_ERROR', 'The query uses a clause that is not supported by the Bulk API.');
    const { object, rows } = find(org, query, operation === 'queryAll');
    onJob();
    const { select } = query;
    const now = org.now();
    const job: Job = {
      ...{ id: makeId('750', jobs.size + 1), operation, object, select, createdAt: now, isAborted: false },
      ...{
        rows: rows.map((row) => cells(org, object, row, select)),
        readyAt: now + (JOB_MS + rows.length * ROW_MS) / speed,
      },
    };
    jobs.set(job.id, job);
    return { status: 200, body: info(job, version, org.now()) };
  };
  return {
    answer(request, rest, version) {
      const [, id = '', what = ''] = rest.split('/');
      if (id === '') {
        if (request.method === 'POST') return create(request, version);
        const records = [...jobs.values()].map((job) => info(job, version, org.now()));
        return { status: 200, body: { done: true, records, nextRecordsUrl: null } };
      }
      const job = jobOf(id);
      if (what === 'results') return results(request, job, org.now());
      if (request.method === 'DELETE') {
        if (stateOf(job, org.now()) === 'InProgress')
          throw new ApiError(
            400,
            'API_ERROR',
            'Job must be in a terminal state (JobComplete, Aborted, Failed) to be deleted.',
          );
        jobs.delete(id);
        return { status: 204 };
      }
      if (request.method === 'PATCH') job.isAborted = true;
      return { status: 200, body: info(job, version, org.now()) };
    },
  };
}

function asked(request: SystemRequest): { operation: string; text: string } {
  const body: unknown = JSON.parse(request.body.toString() || '{}');
  const read = (name: string): unknown =>
    typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined;
  const operation = read('operation');
  const text = read('query');
  if ((operation !== 'query' && operation !== 'queryAll') || typeof text !== 'string')
    throw new ApiError(400, 'INVALIDJOB', 'operation must be query or queryAll, and query a text');
  return { operation, text };
}

function results(request: SystemRequest, job: Job, now: number): SystemAnswer {
  if (stateOf(job, now) !== 'JobComplete')
    throw new ApiError(400, 'API_ERROR', 'Cannot get results for a job that is not complete.');
  const locator = request.query.get('locator');
  const from = locator === null || locator === '' ? 0 : Number(Buffer.from(locator, 'base64').toString());
  if (!Number.isSafeInteger(from) || from < 0 || from > job.rows.length)
    throw new ApiError(400, 'INVALID_QUERY_LOCATOR', 'The locator is not one of this job.');
  const most = Number(request.query.get('maxRecords') ?? DEFAULT_PAGE);
  const rows = job.rows.slice(from, from + most);
  const end = from + rows.length;
  return {
    status: 200,
    headers: {
      'content-type': 'text/csv; charset=UTF-8',
      'sforce-numberofrecords': String(rows.length),
      'sforce-locator': end < job.rows.length ? Buffer.from(String(end)).toString('base64') : 'null',
    },
    body: [job.select, ...rows].map((row) => `${row.map(quoted).join(',')}\n`).join(''),
  };
}

const stateOf = (job: Job, now: number): string =>
  job.isAborted
    ? 'Aborted'
    : now >= job.readyAt
      ? 'JobComplete'
      : now > job.createdAt
        ? 'InProgress'
        : 'UploadComplete';

function info(job: Job, version: string, now: number): JsonObject {
  const time = (at: number) => new Date(at).toISOString().replace('Z', '+0000');
  const state = stateOf(job, now);
  return {
    ...{ id: job.id, operation: job.operation, object: job.object.name, createdById: '0055g000001AAAAAA4' },
    ...{ createdDate: time(job.createdAt), systemModstamp: time(Math.min(now, job.readyAt)), state },
    ...{ concurrencyMode: 'Parallel', contentType: 'CSV', apiVersion: Number(version), jobType: 'V2Query' },
    ...{ lineEnding: 'LF', columnDelimiter: 'COMMA' },
    ...(state === 'JobComplete' ? { numberRecordsProcessed: job.rows.length, retries: 0 } : {}),
  };
}

function cells(org: Org, object: SfObject, row: Row, select: readonly string[]): string[] {
  return select.map((path) => cell(valueAt(org, object, row, path)));
}

// Times of the Bulk API end in Z, unlike those of the REST API.
function cell(value: Json): string {
  if (value === null) return '';
  return typeof value === 'string' ? value.replace(/^(\d{4}-\d\d-\d\dT[\d:.]+)\+0000$/, '$1Z') : String(value);
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
