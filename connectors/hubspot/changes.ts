/**
 * Objects that changed, by search: in order of their time, and of their id where many have the same time.
 * A search ends at 10,000 results and its numbered pages lose what moves on while they are read; so every page is a search of its
 * own that starts at the last time seen, and numbered pages are never asked for.
 * https://developers.hubspot.com/docs/api-reference/search/guide
 */
import type { Json, JsonObject, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Account } from './account.ts';
import { findId } from './ids.ts';
import { objectOf, pageOf } from './json.ts';
import { readLinks } from './links.ts';
import { OBJECTS, type ObjectStream } from './objects.ts';
import { modifiedAt, type Parts, recordsOf } from './records.ts';

const MOST_FOUND = 200;

/**
 * Where a search goes on: from time `at` on or, where a page was full of one time, at exactly that time behind the id `past`.
 * Epoch milliseconds.
 */
export type Place = { readonly at: number; readonly past: string | null };

export type ChangesRequest = {
  readonly stream: ObjectStream;
  readonly place: Place;
  readonly until: number;
  readonly pageSize: number;
  readonly trafficClass: TrafficClass;
};

/** `next` `null`: there is nothing more up to `until`. */
export type ChangesPage = Parts & { readonly next: Place | null; readonly observedAt: Date };

export async function changesPage(account: Account, request: ChangesRequest): Promise<ChangesPage> {
  const { stream, place, until, trafficClass } = request;
  const asked = await account.properties.asked(stream);
  const observedAt = account.context.clock.now();
  const { modified } = OBJECTS[stream];
  const limit = Math.min(request.pageSize, MOST_FOUND);
  const filters =
    place.past === null
      ? [filter(modified, 'GTE', place.at), filter(modified, 'LTE', until)]
      : [filter(modified, 'EQ', place.at), filter('hs_object_id', 'GT', place.past)];
  const sort = place.past === null ? modified : 'hs_object_id';
  const body = {
    filterGroups: [{ filters }],
    sorts: [{ propertyName: sort, direction: 'ASCENDING' }],
    properties: [...asked],
    limit,
  };
  const path = `${account.config.objectsPath}/${stream}/search`;
  const found = pageOf(
    await account.portal.get({ method: 'POST', path, body, trafficClass, budget: 'search' }),
    stream,
  );
  const ids = found.results.flatMap((object) => findId(object) ?? []);
  const links = await readLinks(account, stream, ids, trafficClass);
  const isEnd = found.after === null && (found.total ?? 0) <= found.results.length;
  const next = place.past === null ? nextTime(stream, place, found.results, isEnd) : nextId(place, ids, isEnd);
  return { ...recordsOf(stream, found.results, asked, links), next, observedAt };
}

const filter = (propertyName: string, operator: string, value: number | string): JsonObject => ({
  ...{ propertyName, operator },
  value: String(value),
});

/** Behind a page in order of time. The last time is read again from its start: others may have the same. */
function nextTime(stream: ObjectStream, { at }: Place, objects: readonly Json[], isEnd: boolean): Place | null {
  if (isEnd) return null;
  const times = objects.map((object) => modifiedAt(stream, objectOf(object)) ?? at);
  const last = times.at(-1) ?? at;
  if (objects.length === 0 || times.some((time, place) => time < (times[place - 1] ?? at)))
    throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `HubSpot found ${stream} in another order than asked for.`, {
      evidence: { stream },
      remedy: 'Try again; if it stays, report it to HubSpot.',
    });
  return last > at ? { at: last, past: null } : { at, past: '0' };
}

/** Behind a page of one time in order of ids. The next time is at least a millisecond later. */
function nextId({ at, past }: Place, ids: readonly string[], isEnd: boolean): Place {
  const last = ids.at(-1) ?? past;
  return isEnd ? { at: at + 1, past: null } : { at, past: last };
}
