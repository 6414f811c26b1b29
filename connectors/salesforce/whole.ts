/**
 * Everything there is, by id: what cannot change while paging. Large objects come out of a job of the Bulk API. The end is proven by
 * counting: as many rows as the org counts must have come, or the window is not complete.
 */
import type { Cursor, Json, Page } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { type BulkPage, createJob, deleteJob, jobState, readResults, typesOf } from './bulk.ts';
import type { Spot, Spotted } from './cursor.ts';
import { NOTHING, pageOf } from './pages.ts';
import { columnsOf, count, isTimeout, objectNameOf, type Place, protocol, query } from './queries.ts';
import { objectOf, type Rows, rowsOf, timeOf } from './records.ts';
import { instant, literal } from './soql.ts';

type Whole = Spotted<'all'> | Spotted<'bulk'>;
type How = { readonly limit: number; readonly isSnapshot: boolean };

export const isWhole = (spot: Spot | null): spot is Whole | null =>
  spot === null || spot.phase === 'all' || spot.phase === 'bulk';

export async function* readWhole(place: Place, spot: Whole | null, how: How): AsyncGenerator<Page> {
  if (spot === null) {
    const begun = await begin(place);
    if (begun.rows !== null && begun.rows < place.org.config.bulkFrom) return yield* readById(place, begun.spot, how);
    const job = await createJob(
      place,
      `SELECT ${columnsOf(place.stream).join(', ')} FROM ${objectNameOf(place.stream.name)}`,
    );
    if (job === null) return yield* readById(place, begun.spot, how);
    const { phase: _phase, after: _after, ...started } = begun.spot;
    const made: Spotted<'bulk'> = { phase: 'bulk', job, locator: null, read: 0, ...started };
    // The job is written down before it is waited for: another process finds it again.
    yield pageOf({ ...NOTHING, next: made, ...frameOf(place, made, how) });
    return yield* readJob(place, made, how);
  }
  yield* spot.phase === 'all' ? readById(place, spot, how) : readJob(place, spot, how);
}

async function begin(place: Place): Promise<{ rows: number | null; spot: Spotted<'all'> }> {
  const { rows, answer } = await count(place, '');
  const bound = new Date(answer.vendorNow.getTime() - place.stream.visibilityLagMs);
  const spot = {
    phase: 'all',
    after: null,
    began: answer.sentAt.toISOString(),
    bound: bound.toISOString(),
    counted: 0,
  } as const;
  return { rows, spot };
}

// Pages of one window carry one time, that of its beginning: what an other run saw later is not taken for absent.
const frameOf = ({ stream }: Place, { began }: Whole, { isSnapshot }: How) => ({
  window: { id: `${stream.name} ${began}`, kind: isSnapshot ? 'snapshot' : 'delta', scope: stream.name } as const,
  observedAt: new Date(began),
});

async function* readById(place: Place, start: Spotted<'all'>, how: How): AsyncGenerator<Page> {
  let spot = start;
  for (let limit = how.limit; ; ) {
    const where = spot.after === null ? '' : ` WHERE Id > ${literal(spot.after)}`;
    const { stream } = place;
    const soql = `SELECT ${columnsOf(stream).join(', ')} FROM ${objectNameOf(stream.name)}${where} ORDER BY Id LIMIT ${limit}`;
    const rows = await query(place, soql, false, limit).then(
      (found) => found.rows,
      (error: unknown) => {
        if (!isTimeout(error) || limit === 1) throw error;
        return null;
      },
    );
    if (rows === null) {
      limit = Math.ceil(limit / 2);
      continue;
    }
    const made = rowsOf(stream.name, rows, 1);
    const counted = spot.counted + countedIn(rows, spot);
    if (rows.length < limit) return yield await lastPage(place, { ...spot, counted }, how, made);
    const after = made.records.at(-1)?.id ?? null;
    if (after === null || after === spot.after) throw protocol('the same rows come again behind their last id');
    spot = { ...spot, after, counted };
    yield pageOf({ ...made, next: spot, ...frameOf(place, spot, how) });
  }
}

async function* readJob(place: Place, start: Spotted<'bulk'>, how: How): AsyncGenerator<Page> {
  let spot = start;
  const state = await jobState(place, spot.job);
  if (state.kind === 'gone') return yield* readWithoutJob(place, spot.job, how);
  if (state.kind === 'waiting')
    return yield pageOf({ ...NOTHING, next: spot, ...frameOf(place, spot, how), notBefore: state.notBefore });
  const types = await typesOf(place);
  for (;;) {
    const page: BulkPage | null = await readResults(place, spot, how.limit, types);
    if (page === null) return yield* readWithoutJob(place, spot.job, how);
    const made = rowsOf(place.stream.name, page.rows, spot.read + 1);
    const before = spot;
    spot = {
      ...spot,
      locator: page.locator,
      read: spot.read + page.rows.length,
      counted: spot.counted + countedIn(page.rows, spot),
    };
    if (page.locator === null) {
      if (state.rows !== null && state.rows !== spot.read)
        throw new TributaryError(
          'ERR_CONNECTOR_UNREACHABLE',
          `The bulk job ${spot.job} has ${state.rows} rows and gave ${spot.read}.`,
        );
      const last = await lastPage(place, spot, how, made);
      return yield { ...last, afterCommit: () => deleteJob(place, spot.job) };
    }
    if (page.locator === before.locator) throw protocol('a bulk result names itself as the next one');
    yield pageOf({ ...made, next: spot, ...frameOf(place, spot, how) });
  }
}

async function* readWithoutJob(place: Place, job: string, how: How): AsyncGenerator<Page> {
  place.org.context.log.warn(
    { job, stream: place.stream.name },
    'The bulk job ended without its results; the object is read page by page.',
  );
  const { spot } = await begin(place);
  yield pageOf({ ...NOTHING, next: spot, ...frameOf(place, spot, how) });
  yield* readById(place, spot, how);
}

async function lastPage(place: Place, spot: Whole, how: How, made: Rows): Promise<Page> {
  const { rows, answer } = await count(place, `CreatedDate < ${instant(new Date(spot.bound))}`);
  const skewMs = answer.vendorNow.getTime() - answer.sentAt.getTime();
  const next: Cursor = { phase: 'changes', since: spot.bound, deletesSince: spot.bound, skewMs };
  const gap = gapOf(place, spot, rows);
  const problems = gap === null ? made.problems : [...made.problems, { message: gap, position: null, raw: null }];
  const complete = how.isSnapshot && problems.length === 0;
  return pageOf({ ...made, problems, next, ...frameOf(place, spot, how), complete });
}

/** Why what came may be less than there is; `null`: all of it came. */
function gapOf({ stream }: Place, spot: Whole, rows: number | null): string | null {
  // A job has told how many rows it has, and they were counted.
  if (rows === null)
    return spot.phase === 'bulk'
      ? null
      : `the org is too slow to count the rows of ${stream.name}, so that nothing proves that all came`;
  if (rows <= spot.counted) return null;
  return `the org counts ${rows} rows of ${stream.name} made before the read began, and ${spot.counted} came`;
}

function countedIn(rows: readonly Json[], { bound }: Whole): number {
  const end = Date.parse(bound);
  return rows.filter((row) => (timeOf(objectOf(row)['CreatedDate']) ?? Number.POSITIVE_INFINITY) < end).length;
}
