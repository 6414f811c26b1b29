/** getDeleted and getUpdated: ids by time, in whole minutes, for as long as the log goes back. */
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { ApiError } from './errors.ts';
import type { SfObject } from './objects.ts';
import type { Org } from './org.ts';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DELETED_DAYS = 15;
const UPDATED_DAYS = 30;

export function deletedSince(org: Org, object: SfObject, request: SystemRequest): SystemAnswer {
  const { start, end } = span(org, request, DELETED_DAYS);
  const deletedRecords = org
    .removed(object)
    .filter(({ at }) => at >= start && at < end)
    .map(({ id, at }) => ({ id, deletedDate: offset(at) }));
  const earliest = org.now() - DELETED_DAYS * DAY_MS;
  return {
    status: 200,
    body: { deletedRecords, earliestDateAvailable: offset(minute(earliest)), latestDateCovered: offset(end) },
  };
}

export function updatedSince(org: Org, object: SfObject, request: SystemRequest): SystemAnswer {
  const { start, end } = span(org, request, UPDATED_DAYS);
  const ids = org
    .rows(object)
    .filter(({ values }) => {
      const at = Date.parse(String(values['SystemModstamp']));
      return at >= start && at < end;
    })
    .map(({ id }) => id);
  return { status: 200, body: { ids, latestDateCovered: offset(end) } };
}

function span(org: Org, request: SystemRequest, days: number): { start: number; end: number } {
  const [start = Number.NaN, end = Number.NaN] = ['start', 'end'].map((name) =>
    Date.parse(request.query.get(name) ?? ''),
  );
  if (Number.isNaN(start) || Number.isNaN(end))
    throw new ApiError(400, 'MALFORMED_QUERY', 'start and end are dates with a time');
  if (minute(end) <= minute(start))
    throw new ApiError(400, 'INVALID_REPLICATION_DATE', 'startDate before endDate must be at least one minute');
  if (start < org.now() - days * DAY_MS - MINUTE_MS)
    throw new ApiError(400, 'INVALID_REPLICATION_DATE', `start time must be within ${days} days of now`);
  // Nothing is known of the minute that has not ended.
  return { start: minute(start), end: Math.min(minute(end), minute(org.now())) };
}

const minute = (at: number): number => Math.floor(at / MINUTE_MS) * MINUTE_MS;
const offset = (at: number): string => new Date(at).toISOString().replace('Z', '+0000');
