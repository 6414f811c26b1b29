/**
 * Reading a stream whole by a bulk query. Shopify works on it for seconds to hours: each look at it is a page without records
 * whose cursor holds the operation's id, so that any process goes on with it.
 */
import {
  type ConnectionContext,
  type Cursor,
  type Page,
  type ReadRequest,
  type SourceProblem,
  type SourceRecord,
  z,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { pick, type Shop } from './client.ts';
import { clocksOf, seconds } from './clocks.ts';
import { linesOf } from './download.ts';
import { isObject, partOfLine } from './nodes.ts';
import { PLAIN } from './page.ts';
import { seesAll } from './scopes.ts';
import { bulkQuery, type Shape } from './shapes.ts';
import { streams } from './streams.ts';

/** Where a bulk read stands. `since`: what changes are read on from when it is through. */
const jobCursor = z.object({ job: z.string(), began: z.string(), since: z.string(), tries: z.int() });
type Job = z.infer<typeof jobCursor>;

const MOST_TRIES = 3;
/** After so long a failed query is tried anew, however often it failed before. */
const FORGET_MS = 600_000;
const FIRST_LOOK_MS = 1000;
const LONGEST_LOOK_MS = 30_000;
const BUSY_MS = 30_000;
/** Lines of a page for each record it may have. */
const LINES_PER_RECORD = 4;

export const RUN_BULK = `mutation TributaryBulkRun($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status }
    userErrors { field message code }
  }
}`;

// As a node: the root field bulkOperation is not there before 2026-01.
export const LOOK_AT_BULK = `query TributaryBulkState($id: ID!) {
  node(id: $id) {
    ... on BulkOperation { id status errorCode objectCount rootObjectCount fileSize url partialDataUrl }
  }
}`;

export const isBulkCursor = (cursor: Cursor | null): boolean => jobCursor.safeParse(cursor).success;

export async function* readBulk(
  shop: Shop,
  context: ConnectionContext,
  shape: Shape,
  request: ReadRequest,
): AsyncGenerator<Page> {
  const known = jobCursor.safeParse(request.cursor);
  if (!known.success) return yield await start(shop, context, shape, request, 0);
  const job = known.data;
  const operation = await look(shop, job, request);
  const status = String(operation?.['status'] ?? 'GONE');
  if (status === 'CREATED' || status === 'RUNNING' || status === 'CANCELING') return yield waiting(context, shape, job);
  if (status !== 'COMPLETED') {
    refuseToRepeat(job, status, operation?.['errorCode'] ?? null, context);
    return yield await start(shop, context, shape, request, job.tries + 1);
  }
  const url = typeof operation?.['url'] === 'string' ? operation['url'] : null;
  const lines = url === null ? null : await linesOf(context, url);
  // The link ended: it lasts a week.
  if (lines === 'gone') {
    refuseToRepeat(job, 'a link that has ended', null, context);
    return yield await start(shop, context, shape, request, job.tries + 1);
  }
  const promised = { lines: Number(operation?.['objectCount']), records: Number(operation?.['rootObjectCount']) };
  yield* resultPages({ shop, context, shape, request, job }, lines ?? none(), promised);
}

async function* none(): AsyncGenerator<Buffer> {}

async function start(
  shop: Shop,
  context: ConnectionContext,
  shape: Shape,
  request: ReadRequest,
  tries: number,
): Promise<Page> {
  const { visibilityLagMs = 0 } = streams.find(({ name }) => name === shape.stream) ?? {};
  const began = context.clock.now();
  const since = seconds(Math.min(...(await clocksOf(shop, context, request))) - visibilityLagMs);
  await context.permit(1, request.trafficClass, 'bulk');
  const { data } = await shop.call({
    query: RUN_BULK,
    variables: { query: bulkQuery(shape) },
    cost: 10,
    trafficClass: request.trafficClass,
  });
  const answer = pick(data, 'bulkOperationRunQuery');
  const id = pick(pick(answer, 'bulkOperation'), 'id');
  if (typeof id !== 'string') throw refused(pick(answer, 'userErrors'), context);
  return waiting(context, shape, { job: id, began: began.toISOString(), since, tries });
}

function refused(userErrors: unknown, { clock }: ConnectionContext): TributaryError {
  const errors = Array.isArray(userErrors) ? userErrors.filter(isObject) : [];
  if (errors.some(({ code }) => code === 'OPERATION_IN_PROGRESS'))
    return new TributaryError('ERR_CONNECTOR_LIMITED', 'The shop already runs as many bulk queries as it allows.', {
      notBefore: new Date(clock.now().getTime() + BUSY_MS),
    });
  const words = errors.map(({ message }) => String(message)).join('; ');
  return new TributaryError('ERR_CONNECTOR_PROTOCOL', `Shopify refused a bulk query: ${words || 'without a reason'}.`);
}

async function look(shop: Shop, job: Job, { trafficClass }: ReadRequest) {
  const { data } = await shop.call({ query: LOOK_AT_BULK, variables: { id: job.job }, cost: 1, trafficClass });
  const node = pick(data, 'node');
  return isObject(node) ? node : null;
}

/** Again by itself a few times, then only after a while: what fails each time would fail for ever. */
function refuseToRepeat(job: Job, status: string, errorCode: unknown, { clock }: ConnectionContext): void {
  const evidence = { status, errorCode: typeof errorCode === 'string' ? errorCode : null, operation: job.job };
  if (errorCode === 'ACCESS_DENIED')
    throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The app lacks a scope for this bulk query.', { evidence });
  const age = clock.now().getTime() - Date.parse(job.began);
  if (job.tries + 1 < MOST_TRIES || age > FORGET_MS) return;
  throw new TributaryError(
    'ERR_CONNECTOR_PROTOCOL',
    `The bulk query failed ${MOST_TRIES} times, at last as ${status}.`,
    {
      evidence,
    },
  );
}

function waiting(context: ConnectionContext, shape: Shape, job: Job): Page {
  const now = context.clock.now().getTime();
  const age = now - Date.parse(job.began);
  const pause = Math.min(LONGEST_LOOK_MS, Math.max(FIRST_LOOK_MS, age / 4));
  return {
    ...PLAIN,
    ...{ records: [], problems: [], window: windowOf(shape, job), observedAt: new Date(job.began) },
    next: { ...job },
    notBefore: new Date(now + pause),
  };
}

/** Everything, the first pass for changes among it: webhooks may have told of records that went before it. */
const windowOf = (shape: Shape, { began }: Job): Page['window'] => ({
  id: `bulk ${began}`,
  kind: 'snapshot',
  scope: shape.stream,
});

type Work = {
  readonly shop: Shop;
  readonly context: ConnectionContext;
  readonly shape: Shape;
  readonly request: ReadRequest;
  readonly job: Job;
};
type Promised = { readonly lines: number; readonly records: number };

async function* resultPages(work: Work, lines: AsyncIterable<Buffer>, promised: Promised): AsyncGenerator<Page> {
  const { shop, context, shape, request, job } = work;
  const expected = Number.isSafeInteger(promised.records) ? promised.records : null;
  const window = windowOf(shape, job);
  const seen = { lines: 0, records: 0, problems: 0 };
  let records: SourceRecord[] = [];
  let roots = 0;
  let problems: SourceProblem[] = [];
  let isTorn = false;
  const page = (next: Cursor, complete: boolean): Page => ({
    ...{ ...PLAIN, records, problems, window, next, complete, expected, observedAt: new Date(job.began) },
  });
  for await (const raw of lines) {
    const isRoot = !raw.includes(PARENT_MARK);
    if (
      records.length > 0 &&
      ((isRoot && roots === request.pageSize) || records.length >= request.pageSize * LINES_PER_RECORD)
    ) {
      yield page({ ...job }, false);
      context.signal.throwIfAborted();
      [records, problems, roots] = [[], [], 0];
    }
    seen.lines += 1;
    const part = partOfLine(shape, raw, seen.lines);
    isTorn = 'message' in part;
    if ('message' in part) problems.push(part);
    else {
      records.push(part);
      if (part.parent === undefined) roots += 1;
      if (part.parent === undefined) seen.records += 1;
    }
    seen.problems += 'message' in part ? 1 : 0;
  }
  const short = shortfall(seen, promised);
  // The parts of a record lie anywhere in a result: of one that was cut, no record is known to be whole.
  if (seen.lines < promised.lines || isTorn)
    throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', `The result was cut: ${short ?? 'its last line is torn'}.`);
  if (short !== null) problems.push({ message: short, position: null, raw: null });
  const isProven = short === null && seen.problems === 0 && (await seesAll(shop, shape.stream, request.trafficClass));
  yield page({ since: job.since }, isProven);
}

const PARENT_MARK = Buffer.from('"__parentId":');

function shortfall(seen: { readonly lines: number; readonly records: number }, promised: Promised): string | null {
  if (seen.lines === promised.lines && seen.records === promised.records) return null;
  return `the bulk query promised ${promised.records} records in ${promised.lines} lines and brought ${seen.records} in ${seen.lines}`;
}
