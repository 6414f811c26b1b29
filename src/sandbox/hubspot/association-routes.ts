/** Associations, version 4: read and written apart from the objects they link. */
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { ASSOCIATION_TYPES, FACTS, type Kind } from './definitions.ts';
import { invalid, notFound } from './errors.ts';
import { bodyOf } from './object-routes.ts';
import type { Portal } from './portal.ts';
import { asList, asObject, asText } from './shapes.ts';

const MOST_READ = 1000;
const MOST_LINKS_PER_PAGE = 500;

/** `/{from}/{to}/batch/{action}` */
export function associationBatch(
  portal: Portal,
  [from, to]: readonly [Kind, Kind],
  action: string,
  request: SystemRequest,
): SystemAnswer {
  const inputs = asList(bodyOf(request)['inputs']).map(asObject);
  if (inputs.length > MOST_READ) throw invalid(`The maximum number of inputs supported is ${MOST_READ}`);
  const idOf = (input: JsonObject, side: 'from' | 'to'): string => asText(asObject(input[side])['id']);
  switch (action) {
    case 'read':
      return read(portal, [from, to], inputs);
    case 'create':
    case 'associate/default': {
      for (const input of inputs)
        if (portal.get(from, idOf(input, 'from')) === null || portal.get(to, idOf(input, 'to')) === null)
          throw notFound();
      const main = ASSOCIATION_TYPES[`${from} ${to}`]?.[1] ?? null;
      for (const input of inputs) {
        const types = asList(input['types']).map((type) => asObject(type)['associationTypeId'] ?? null);
        portal.link([from, idOf(input, 'from')], [to, idOf(input, 'to')], main !== null && types.includes(main));
      }
      const isDefault = action === 'associate/default';
      return {
        status: isDefault ? 200 : 201,
        body: completed(
          portal,
          inputs.map((input) => labels([from, idOf(input, 'from')], [to, idOf(input, 'to')])),
        ),
      };
    }
    case 'archive':
      for (const input of inputs)
        for (const other of asList(input['to']).map(asObject))
          portal.unlink([from, idOf(input, 'from')], [to, asText(other['id'])]);
      return { status: 204 };
    default:
      throw notFound();
  }
}

/** Those without any link come back as errors of a 207. */
function read(portal: Portal, [from, to]: readonly [Kind, Kind], inputs: readonly JsonObject[]): SystemAnswer {
  const results: JsonObject[] = [];
  const none: string[] = [];
  for (const input of inputs) {
    const id = asText(input['id']);
    const page = linkPage(portal, [from, id], to, asText(input['after']), MOST_LINKS_PER_PAGE);
    if (page.results.length === 0) none.push(id);
    else results.push({ from: { id }, to: page.results, ...page.paging });
  }
  const body = completed(portal, results);
  if (none.length === 0) return { status: 200, body };
  const errors = none.map((id) => ({
    ...{ status: 'error', category: 'OBJECT_NOT_FOUND', subCategory: 'crm.associations.NO_ASSOCIATIONS_FOUND' },
    message: `No ${to} is associated with ${FACTS[from].singular} ${id}.`,
    context: { fromObjectId: [id], fromObjectType: [FACTS[from].singular], toObjectType: [FACTS[to].singular] },
  }));
  return { status: 207, body: { ...body, numErrors: errors.length, errors } };
}

/** `/{from}/{id}/associations/{to}` and one link of it. */
export function associationsOfOne(
  portal: Portal,
  from: readonly [Kind, string],
  to: Kind,
  rest: { readonly id: string | null; readonly isDefault: boolean },
  request: SystemRequest,
): SystemAnswer {
  if (portal.get(from[0], from[1]) === null) throw notFound();
  if (rest.id === null) {
    const { results, paging } = linkPage(portal, from, to, request.query.get('after') ?? '', MOST_LINKS_PER_PAGE);
    return { status: 200, body: { results, ...paging } };
  }
  if (request.method === 'DELETE') {
    portal.unlink(from, [to, rest.id]);
    return { status: 204 };
  }
  if (request.method !== 'PUT' || portal.get(to, rest.id) === null) throw notFound();
  portal.link(from, [to, rest.id]);
  return rest.isDefault
    ? { status: 200, body: completed(portal, [labels(from, [to, rest.id])]) }
    : { status: 201, body: labels(from, [to, rest.id]) };
}

type LinkPage = { readonly results: JsonObject[]; readonly paging: JsonObject };

function linkPage(portal: Portal, from: readonly [Kind, string], to: Kind, after: string, limit: number): LinkPage {
  const links = portal.linked(from, to);
  const start = after === '' ? 0 : links.findIndex(([id]) => id === after);
  const page = links.slice(Math.max(start, 0), Math.max(start, 0) + limit);
  const next = links[Math.max(start, 0) + limit]?.[0];
  const [usual, main] = ASSOCIATION_TYPES[`${from[0]} ${to}`] ?? [];
  const results = page.map(([id, types]) => ({
    // A number here, a text everywhere else.
    toObjectId: Number(id),
    associationTypes: types.map((typeId) => ({
      ...{ category: 'HUBSPOT_DEFINED', typeId },
      label: typeId === main && typeId !== usual ? 'Primary' : null,
    })),
  }));
  return { results, paging: next === undefined ? {} : { paging: { next: { after: next, link: '' } } } };
}

const labels = ([from, id]: readonly [Kind, string], [to, other]: readonly [Kind, string]): JsonObject => ({
  ...{ fromObjectTypeId: FACTS[from].typeId, fromObjectId: id },
  ...{ toObjectTypeId: FACTS[to].typeId, toObjectId: other, labels: [] },
});

function completed(portal: Portal, results: JsonObject[]): JsonObject {
  const at = new Date(portal.now()).toISOString();
  return { status: 'COMPLETE', results, startedAt: at, completedAt: at };
}
