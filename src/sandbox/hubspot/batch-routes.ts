/** Batches of at most a hundred: what is done, what is not, and when one bad input spoils all. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { FACTS, type Kind } from './definitions.ts';
import { ApiError, invalid, notFound } from './errors.ts';
import { bodyOf, createOne, locate } from './object-routes.ts';
import type { Portal } from './portal.ts';
import { asList, asObject, asText, shown } from './shapes.ts';
import { checked } from './values.ts';

export const MOST_INPUTS = 100;

export function batch(portal: Portal, kind: Kind, action: string, request: SystemRequest): SystemAnswer {
  const body = bodyOf(request);
  const inputs = asList(body['inputs']).map(asObject);
  if (inputs.length > MOST_INPUTS) throw invalid(`The maximum number of inputs supported in a batch is ${MOST_INPUTS}`);
  switch (action) {
    case 'read':
      return read(portal, kind, body, request.query.get('archived') === 'true');
    case 'archive':
      for (const { id } of inputs) portal.archive(kind, asText(id));
      return { status: 204 };
    case 'create':
      return write(portal, inputs, 201, true, (input) => planCreate(portal, kind, input));
    case 'update':
      refuseTwins(inputs);
      return write(portal, inputs, 200, true, (input) => planUpdate(portal, kind, input));
    case 'upsert': {
      refuseTwins(inputs);
      // By e-mail it is all or nothing: https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
      const mayBePartial = inputs.every(({ idProperty }) => idProperty !== 'email');
      return write(portal, inputs, 200, mayBePartial, (input) => planUpsert(portal, kind, input));
    }
    default:
      throw notFound();
  }
}

function read(portal: Portal, kind: Kind, body: JsonObject, isArchived: boolean): SystemAnswer {
  const properties = asList(body['properties']).map(asText);
  const idProperty = asText(body['idProperty']) || null;
  const ids = asList(body['inputs']).map((input) => asText(asObject(input)['id']));
  const found = ids.flatMap((id) => {
    const entry = locate(portal, kind, id, idProperty);
    return entry && (entry.archivedAt !== null) === isArchived ? [[id, entry] as const] : [];
  });
  const missing = ids.filter((id) => !found.some(([asked]) => asked === id));
  const results = found.map(([, entry]) => shown(portal, kind, entry, properties));
  if (missing.length === 0) return { status: 200, body: completed(portal, results) };
  const message = `Could not get some ${FACTS[kind].singular.toUpperCase()} objects, they may be deleted or not exist.`;
  const errors = [{ status: 'error', category: 'OBJECT_NOT_FOUND', message, context: { ids: missing } }];
  return { status: 207, body: { ...completed(portal, results), numErrors: 1, errors } };
}

/** Checks an input and gives what is left to do. */
type Plan = (input: JsonObject) => () => JsonObject;

/** Does what it can, when every input has a trace id of its own; otherwise one bad input spoils all. */
function write(
  portal: Portal,
  inputs: readonly JsonObject[],
  status: number,
  mayBePartial: boolean,
  plan: Plan,
): SystemAnswer {
  const traces = new Set(inputs.map((input) => asText(input['objectWriteTraceId'])).filter(Boolean));
  // In another order than they came in.
  if (!mayBePartial || traces.size < inputs.length)
    return {
      status,
      body: completed(
        portal,
        inputs
          .map(plan)
          .map((run) => run())
          .reverse(),
      ),
    };
  const results: JsonObject[] = [];
  const errors: JsonObject[] = [];
  for (const input of inputs) {
    try {
      results.push(plan(input)());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      errors.push(errorOf(error, asText(input['objectWriteTraceId'])));
    }
  }
  const body = completed(portal, results.reverse());
  return errors.length === 0 ? { status, body } : { status: 207, body: { ...body, numErrors: errors.length, errors } };
}

function planCreate(portal: Portal, kind: Kind, input: JsonObject): () => JsonObject {
  checked(portal, kind, input['properties'], null);
  return () => made(portal, kind, createOne(portal, kind, input), input);
}

function planUpdate(portal: Portal, kind: Kind, input: JsonObject): () => JsonObject {
  const found = locate(portal, kind, asText(input['id']), asText(input['idProperty']) || null);
  if (!found || found.archivedAt !== null)
    throw new ApiError(404, 'OBJECT_NOT_FOUND', `Could not get some ${FACTS[kind].singular.toUpperCase()} objects`, {
      context: { ids: [asText(input['id'])] },
    });
  const properties = checked(portal, kind, input['properties'], found.id);
  return () => {
    portal.update(kind, found.id, properties);
    return made(portal, kind, found.id, input);
  };
}

function planUpsert(portal: Portal, kind: Kind, input: JsonObject): () => JsonObject {
  const [idProperty, id] = [asText(input['idProperty']), asText(input['id'])];
  if (idProperty === '') throw invalid('idProperty is required');
  const found = locate(portal, kind, id, idProperty);
  const given = { [idProperty]: id, ...asObject(input['properties']) };
  const properties = checked(portal, kind, given, found?.id ?? null);
  return () => {
    if (!found) return { ...made(portal, kind, createOne(portal, kind, { properties: given }), input), new: true };
    portal.update(kind, found.id, properties);
    return { ...made(portal, kind, found.id, input), new: false };
  };
}

function errorOf({ category, message, more }: ApiError, trace: string): JsonObject {
  const context = { ...asObject(more['context']), objectWriteTraceId: [trace] };
  return { status: 'error', category, message, ...more, context };
}

function made(portal: Portal, kind: Kind, id: string, input: JsonObject): JsonObject {
  const entry = portal.get(kind, id);
  const trace: Json | undefined = input['objectWriteTraceId'];
  if (!entry) throw notFound();
  return {
    ...shown(portal, kind, entry, Object.keys(asObject(input['properties']))),
    ...(trace ? { objectWriteTraceId: trace } : {}),
  };
}

function refuseTwins(inputs: readonly JsonObject[]): void {
  const ids = inputs.map(({ id }) => asText(id).toLowerCase());
  const twin = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twin !== undefined) throw invalid(`Duplicate IDs found in batch input: [${twin}]`);
}

function completed(portal: Portal, results: JsonObject[]): JsonObject {
  const at = new Date(portal.now()).toISOString();
  return { status: 'COMPLETE', results, startedAt: at, completedAt: at };
}
