/**
 * What changed, by (SystemModstamp, Id), deleted rows included; then the delete log, which alone knows what left the recycle bin.
 * A window ends below now, because a transaction that commits late shows its rows under times already read; and each pass starts
 * before the end of the last one, because it may be later still.
 */
import type { Json, Page, Tombstone } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Spotted } from './cursor.ts';
import { externalId } from './ids.ts';
import { NOTHING, pageOf } from './pages.ts';
import { columnsOf, isTimeout, objectNameOf, type Place, protocol, query } from './queries.ts';
import { MOST_IDS, rowsById } from './read-by-id.ts';
import { objectOf, rowsOf, timeOf } from './records.ts';
import { instant, literal } from './soql.ts';

type Window = Spotted<'window'>;
type Deletes = Spotted<'deletes'>;

const MINUTE_MS = 60_000;

export async function* readChanges(
  place: Place,
  spot: Spotted<'changes'> | Window | Deletes,
  limit: number,
): AsyncGenerator<Page> {
  const deletes =
    spot.phase === 'deletes'
      ? spot
      : yield* readWindow(place, spot.phase === 'window' ? spot : open(place, spot), limit);
  yield* readDeletes(place, deletes, limit);
}

function open({ org, stream }: Place, { since, deletesSince, skewMs }: Spotted<'changes'>): Window {
  const low = new Date(Date.parse(since) - stream.overlapMs).toISOString();
  const now = org.context.clock.now().getTime() + skewMs;
  // Never backwards, whatever the clocks do.
  const end = new Date(Math.max(now - stream.visibilityLagMs, Date.parse(since))).toISOString();
  return { phase: 'window', since, deletesSince, skewMs, low, until: end, end, after: null };
}

const frameOf = ({ stream }: Place, end: string) =>
  ({ id: `${stream.name} to ${end}`, kind: 'delta', scope: stream.name }) as const;

async function* readWindow(place: Place, start: Window, limit: number): AsyncGenerator<Page, Deletes> {
  let spot = start;
  for (;;) {
    const found = await query(place, soqlOf(place, spot, limit), true, limit).catch((error: unknown) => {
      if (!isTimeout(error)) throw error;
      return null;
    });
    if (found === null) {
      spot = halved(spot);
      continue;
    }
    const { rows, answer } = found;
    const made = rowsOf(place.stream.name, rows, 1);
    spot = { ...spot, skewMs: answer.vendorNow.getTime() - answer.sentAt.getTime() };
    const isPartEnd = rows.length < limit;
    const page = { ...made, window: frameOf(place, spot.end), observedAt: answer.sentAt };
    if (isPartEnd && spot.until === spot.end) {
      const deletes: Deletes = {
        phase: 'deletes',
        since: spot.since,
        deletesSince: spot.deletesSince,
        skewMs: spot.skewMs,
        end: spot.end,
        after: null,
        covered: null,
      };
      yield pageOf({ ...page, next: deletes });
      return deletes;
    }
    spot = isPartEnd
      ? { ...spot, low: spot.until, until: spot.end, after: null }
      : { ...spot, after: placeBehind(rows, spot) };
    yield pageOf({ ...page, next: spot });
  }
}

function soqlOf({ stream }: Place, { low, until, after }: Window, limit: number): string {
  const from =
    after === null
      ? `SystemModstamp >= ${low}`
      : `((SystemModstamp = ${after.at} AND Id > ${literal(after.id)}) OR SystemModstamp > ${after.at})`;
  return `SELECT ${columnsOf(stream).join(', ')} FROM ${objectNameOf(stream.name)} WHERE ${from} AND SystemModstamp < ${until} ORDER BY SystemModstamp, Id LIMIT ${limit}`;
}

// A row without id or time is a problem, and cannot be read on behind.
function placeBehind(rows: readonly Json[], { after }: Window): { at: string; id: string } {
  for (const row of rows.toReversed()) {
    const { Id, SystemModstamp } = objectOf(row);
    const at = timeOf(SystemModstamp);
    if (at === null || typeof Id !== 'string') continue;
    const place = { at: instant(new Date(at)), id: externalId('', Id) };
    if (place.at === after?.at && place.id === after.id) break;
    return place;
  }
  throw protocol('the same rows come again behind their last time and id');
}

/** The first half of what a query was too slow for. */
function halved(spot: Window): Window {
  const low = Date.parse(spot.after?.at ?? spot.low);
  const middle = Math.ceil((low + Date.parse(spot.until)) / 2 / 1000) * 1000;
  if (middle <= low + 1000 || middle >= Date.parse(spot.until))
    throw new TributaryError(
      'ERR_CONNECTOR_UNREACHABLE',
      'The org is too slow for a query over two seconds of changes.',
      {
        evidence: { code: 'QUERY_TIMEOUT' },
      },
    );
  return { ...spot, until: new Date(middle).toISOString() };
}

async function* readDeletes(place: Place, start: Deletes, limit: number): AsyncGenerator<Page> {
  const { org, stream } = place;
  const observedAt = org.context.clock.now();
  const now = observedAt.getTime() + start.skewMs;
  const horizon = now - (stream.tombstoneHorizonMs ?? 0) + MINUTE_MS;
  const wanted = Date.parse(start.deletesSince) - stream.overlapMs;
  if (wanted < horizon) warnOfGap(place);
  const log = await deletedSince(place, Math.max(wanted, horizon), now);
  const { gone } = log;
  // After a pause the log has more than when its reading began: of that, ids before `after` are for the next pass.
  const covered = start.covered ?? log.covered;
  const rest = { phase: 'changes', since: start.end, deletesSince: covered, skewMs: start.skewMs } as const;
  const { after } = start;
  const left = after === null ? gone : gone.filter(({ id }) => id > after);
  const step = Math.min(limit, MOST_IDS);
  const window = frameOf(place, start.end);
  for (let at = 0; at < left.length; at += step) {
    const part = left.slice(at, at + step);
    const isLast = at + step >= left.length;
    const next = isLast ? rest : { ...start, after: part.at(-1)?.id ?? after, covered };
    yield pageOf({ ...(await inTheBin(place, part)), next, window, observedAt });
  }
  if (left.length === 0) yield pageOf({ ...NOTHING, next: rest, window, observedAt });
}

function warnOfGap({ org, stream }: Place): void {
  org.context.log.warn(
    { stream: stream.name },
    'The delete log does not go back to the last read; a full read finds what is missing.',
  );
}

/** Deleted ids in their order, and how far the log is known. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm */
async function deletedSince(place: Place, start: number, end: number): Promise<{ gone: Tombstone[]; covered: string }> {
  const object = objectNameOf(place.stream.name);
  // Seconds are not looked at; an offset in this form is what the documentation shows.
  const time = (at: number) => encodeURIComponent(`${new Date(at).toISOString().slice(0, 19)}+00:00`);
  const path = `/sobjects/${object}/deleted/?start=${time(start)}&end=${time(Math.max(end, start + 2 * MINUTE_MS))}`;
  try {
    const { body } = await place.org.json({ path, trafficClass: place.trafficClass });
    const { deletedRecords, earliestDateAvailable, latestDateCovered } = objectOf(body);
    const covered = timeOf(latestDateCovered);
    if (!Array.isArray(deletedRecords) || covered === null) throw protocol('the delete log has no list, or no end');
    const gone = deletedRecords.map((entry) => {
      const { id, deletedDate } = objectOf(entry);
      return { id: externalId(place.stream.name, id ?? null), version: timeOf(deletedDate) };
    });
    if ((timeOf(earliestDateAvailable) ?? start) > start) warnOfGap(place);
    gone.sort((one, two) => (one.id < two.id ? -1 : one.id > two.id ? 1 : 0));
    // An org that names its own present has told no more than it was asked for.
    return { gone, covered: new Date(Math.min(covered, Math.max(end, start))).toISOString() };
  } catch (error) {
    const code = error instanceof TributaryError ? error.evidence.code : null;
    // What the log has lost already is no reason to read no changes any more.
    if (code === 'INVALID_REPLICATION_DATE') {
      warnOfGap(place);
      return { gone: [], covered: new Date(end).toISOString() };
    }
    if (code !== 'EXCEEDED_ID_LIMIT' || end - start < 4 * MINUTE_MS) throw error;
    // More than 600,000 ids: the first half now, the rest with the next pass.
    return deletedSince(place, start, start + (end - start) / 2);
  }
}

/** What the bin says of deleted ids: merged into another, back again, or no longer there either. */
async function inTheBin(place: Place, gone: readonly Tombstone[]) {
  const found = await rowsById(
    place,
    gone.map(({ id }) => id),
  );
  const known = new Set([...found.records, ...found.tombstones].map(({ id }) => id));
  return { ...found, tombstones: [...found.tombstones, ...gone.filter(({ id }) => !known.has(id))] };
}
