/** One object at a time, and lists of them. */
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { type Kind, kindNamed, propertyOf } from './definitions.ts';
import { invalid, notFound } from './errors.ts';
import type { Entry, Portal } from './portal.ts';
import { asList, asObject, associationsOf, asText, listed, shown } from './shapes.ts';
import { checked, holderOf } from './values.ts';

const MOST_LISTED = 100;
const USUALLY_LISTED = 10;

/** Objects in order of their ids, behind `after`; no `paging` on the last page. */
export function list(portal: Portal, kind: Kind, { query, path }: SystemRequest): SystemAnswer {
  const limit = Number(query.get('limit') ?? USUALLY_LISTED);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_LISTED)
    throw invalid(`Invalid input limit: ${query.get('limit')}. It must be from 1 to ${MOST_LISTED}.`);
  const after = query.get('after') ?? '0';
  if (!/^\d+$/.test(after)) throw invalid(`Invalid paging token: ${after}`);
  const all = portal.all(kind, query.get('archived') === 'true');
  const left = all.filter(({ id }) => Number(id) > Number(after));
  const page = left.slice(0, limit);
  const last = page.at(-1)?.id ?? '';
  const link = `${path}?after=${last}`;
  return {
    status: 200,
    body: {
      results: page.map((entry) => full(portal, kind, entry, query)),
      ...(left.length > page.length ? { paging: { next: { after: last, link } } } : {}),
    },
  };
}

/** By id, or by a unique property. The loser of a merge answers as the winner. */
export function single(portal: Portal, kind: Kind, id: string, request: SystemRequest): SystemAnswer {
  const { query, method } = request;
  const found = locate(portal, kind, id, query.get('idProperty'));
  if (method === 'GET') {
    const wantsArchived = query.get('archived') === 'true';
    if (!found || (found.archivedAt !== null) !== wantsArchived) throw notFound();
    return { status: 200, body: full(portal, kind, found, query) };
  }
  if (method === 'DELETE') {
    if (found) portal.archive(kind, found.id);
    return { status: 204 };
  }
  if (!found || found.archivedAt !== null) throw notFound();
  const properties = checked(portal, kind, bodyOf(request)['properties'], found.id);
  portal.update(kind, found.id, properties);
  return { status: 200, body: shown(portal, kind, portal.get(kind, found.id) ?? found, Object.keys(properties)) };
}

export function create(portal: Portal, kind: Kind, request: SystemRequest): SystemAnswer {
  const id = createOne(portal, kind, bodyOf(request));
  const made = portal.get(kind, id);
  return { status: 201, body: made ? shown(portal, kind, made, Object.keys(made.properties)) : {} };
}

/** Makes an object with the links it is to have. */
export function createOne(portal: Portal, kind: Kind, input: JsonObject): string {
  const properties = checked(portal, kind, input['properties'], null);
  const id = portal.create(kind, Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== '')));
  for (const one of asList(input['associations']).map(asObject)) {
    const to = asText(asObject(one['to'])['id']);
    const target = KINDS_LINKED[kind]?.find((other) => portal.get(other, to) !== null);
    if (target) portal.link([kind, id], [target, to]);
  }
  return id;
}

const KINDS_LINKED: Partial<Record<Kind, readonly Kind[]>> = {
  contacts: ['companies', 'deals'],
  companies: ['contacts', 'deals'],
  deals: ['contacts', 'companies', 'line_items'],
  line_items: ['deals'],
};

export function merge(portal: Portal, kind: Kind, request: SystemRequest): SystemAnswer {
  const body = bodyOf(request);
  const [winner, loser] = [asText(body['primaryObjectId']), asText(body['objectIdToMerge'])];
  if (!portal.get(kind, winner) || !portal.get(kind, loser)) throw notFound();
  portal.merge(kind, winner, loser);
  const entry = portal.get(kind, winner);
  return { status: 200, body: entry ? shown(portal, kind, entry, []) : {} };
}

/** Forgets a contact for good. */
export function forget(portal: Portal, request: SystemRequest): SystemAnswer {
  const body = bodyOf(request);
  const idProperty = asText(body['idProperty']) || null;
  const found = locate(portal, 'contacts', asText(body['objectId']), idProperty);
  if (found) portal.purge('contacts', found.id);
  return { status: 204 };
}

/** @throws ApiError 400 when the property is none, or not unique */
export function locate(portal: Portal, kind: Kind, id: string, idProperty: string | null): Entry | null {
  if (idProperty === null || idProperty === '' || idProperty === 'hs_object_id')
    return portal.get(kind, portal.follow(id));
  if (propertyOf(kind, idProperty)?.isUnique !== true)
    throw invalid(`Property ${idProperty} is not a unique identifier property of ${kind}`);
  return holderOf(portal, kind, idProperty, id);
}

export function bodyOf({ body }: SystemRequest): JsonObject {
  try {
    return asObject(JSON.parse(body.toString('utf8')));
  } catch {
    throw invalid('Invalid input JSON');
  }
}

function full(portal: Portal, kind: Kind, entry: Entry, query: URLSearchParams): JsonObject {
  const associations = listed(query, 'associations');
  const unknown = associations.find((name) => kindNamed(name) === null);
  if (unknown !== undefined) throw invalid(`Unable to infer object type from: ${unknown}`);
  return {
    ...shown(portal, kind, entry, listed(query, 'properties')),
    ...associationsOf(portal, kind, entry.id, associations),
  };
}
