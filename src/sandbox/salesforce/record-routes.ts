/** Single records, collections of up to 200, and upserts by an external id. */
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { ApiError } from './errors.ts';
import { longId } from './ids.ts';
import { fieldNamed, OBJECTS, objectNamed, type SfObject } from './objects.ts';
import { type Org, refuseWrongTypes } from './org.ts';

const MOST_RECORDS = 200;

/** `/sobjects/<Object>[/<id>|/<field>/<value>]` */
export function singleRecord(org: Org, request: SystemRequest, parts: readonly string[], base: string): SystemAnswer {
  const object = known(parts[0] ?? '');
  if (parts.length === 1) {
    if (request.method !== 'POST')
      throw new ApiError(
        405,
        'METHOD_NOT_ALLOWED',
        `HTTP Method '${request.method}' not allowed. Allowed are GET,POST`,
      );
    return { status: 201, body: { id: org.create(object, bodyOf(request)), success: true, errors: [] } };
  }
  if (parts.length === 3 && parts[1] !== 'Id') return upsertOne(org, request, object, parts);
  const id = parts.at(-1) ?? '';
  if (request.method === 'PATCH') {
    org.update(object, id, bodyOf(request));
    return { status: 204 };
  }
  if (request.method === 'DELETE') {
    org.remove(object, id);
    return { status: 204 };
  }
  const row = org.row(object, id);
  if (!row) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
  const fields = request.query.get('fields')?.split(',') ?? [...object.fields.keys()];
  const values = Object.fromEntries(fields.map((name) => [name, row.values[name] ?? null]));
  return {
    status: 200,
    body: { attributes: { type: object.name, url: `${base}/sobjects/${object.name}/${row.id}` }, ...values },
  };
}

function upsertOne(org: Org, request: SystemRequest, object: SfObject, parts: readonly string[]): SystemAnswer {
  const [, field = '', value = ''] = parts;
  const found = byExternalId(org, object, field, value);
  if (request.method !== 'PATCH')
    throw new ApiError(405, 'METHOD_NOT_ALLOWED', `HTTP Method '${request.method}' not allowed.`);
  if (found !== null) {
    org.update(object, found, bodyOf(request));
    return { status: 200, body: { id: found, success: true, errors: [], created: false } };
  }
  const id = org.create(object, { ...bodyOf(request), [field]: value });
  return { status: 201, body: { id, success: true, errors: [], created: true } };
}

/** `/composite/sobjects[/<Object>/<field>]`: an outcome for each record, in order, with status 200. */
export function collection(org: Org, request: SystemRequest, parts: readonly string[]): SystemAnswer {
  if (request.method === 'DELETE') return removeAll(org, request);
  const { records, allOrNone } = asked(request);
  if (allOrNone) throw new ApiError(400, 'NOT_SUPPORTED', 'allOrNone is not offered here');
  const [name, field] = parts;
  // A field an object does not have, or a value of the wrong kind, is the fault of the whole request.
  for (const [at, record] of records.entries()) {
    const object = typeOf(record);
    const unknown = Object.keys(record).find((key) => !isMeta(key) && fieldNamed(object, key) === null);
    if (unknown !== undefined)
      throw new ApiError(
        400,
        'INVALID_FIELD',
        `No such column '${unknown}' on sobject of type ${object.name} at records[${at}]`,
      );
    refuseWrongTypes(object, record);
  }
  const keys = records.map((record) =>
    String((field === undefined ? (record['id'] ?? record['Id']) : record[field]) ?? ''),
  );
  const outcomes = records.map((record, at) => {
    const object = name === undefined ? typeOf(record) : known(name);
    try {
      const key = keys[at] ?? '';
      if (key !== '' && keys.indexOf(key) !== keys.lastIndexOf(key))
        throw new ApiError(400, 'DUPLICATE_VALUE', `Duplicate external id specified: ${key}`);
      return write(org, request.method, object, record, field);
    } catch (error) {
      return failed(error);
    }
  });
  return { status: 200, body: outcomes };
}

function write(org: Org, method: string, object: SfObject, record: JsonObject, field: string | undefined): object {
  if (method === 'POST') return { id: org.create(object, record), success: true, errors: [] };
  if (field === undefined) {
    const id = longId(String(record['id'] ?? record['Id'] ?? ''));
    org.update(object, id, record);
    return { id, success: true, errors: [] };
  }
  const value = record[field];
  const found = typeof value === 'string' && value !== '' ? byExternalId(org, object, field, value) : null;
  if (found !== null) {
    org.update(object, found, record);
    return { id: found, success: true, errors: [], created: false };
  }
  return { id: org.create(object, record), success: true, errors: [], created: true };
}

function removeAll(org: Org, request: SystemRequest): SystemAnswer {
  const ids = (request.query.get('ids') ?? '').split(',').filter((id) => id !== '');
  if (ids.length === 0 || ids.length > MOST_RECORDS)
    throw new ApiError(400, 'EXCEEDED_MAX_SIZE_REQUEST', 'ids: 1 to 200');
  const outcomes = ids.map((given) => {
    const id = longId(given);
    try {
      const object = [...OBJECTS.values()].find(({ keyPrefix }) => id.startsWith(keyPrefix));
      if (!object) throw new ApiError(400, 'MALFORMED_ID', `bad id ${given}`);
      org.remove(object, id);
      return { id, success: true, errors: [] };
    } catch (error) {
      return failed(error);
    }
  });
  return { status: 200, body: outcomes };
}

function byExternalId(org: Org, object: SfObject, name: string, value: string): string | null {
  const field = fieldNamed(object, name);
  if (!field || !(field.isExternalId || field.name === 'Id'))
    throw new ApiError(404, 'NOT_FOUND', `Provided external ID field does not exist or is not accessible: ${name}`);
  if (field.name === 'Id') return org.row(object, value)?.id ?? null;
  return org.holder(object, field.name, value);
}

function failed(error: unknown): object {
  if (!(error instanceof ApiError)) throw error;
  return {
    success: false,
    errors: [{ statusCode: error.errorCode, message: error.message, fields: error.fields ?? [] }],
  };
}

const isMeta = (key: string): boolean => key === 'attributes' || key.toLowerCase() === 'id';

function typeOf(record: JsonObject): SfObject {
  const { attributes } = record;
  const type =
    typeof attributes === 'object' && attributes !== null && !Array.isArray(attributes) ? attributes['type'] : null;
  if (typeof type !== 'string')
    throw new ApiError(400, 'INVALID_INPUT', 'Include an entity type attribute in each record');
  return known(type);
}

function known(name: string): SfObject {
  const object = objectNamed(name);
  if (object) return object;
  throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
}

function bodyOf(request: SystemRequest): JsonObject {
  const body: unknown = JSON.parse(request.body.toString() || '{}');
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as JsonObject;
  throw new ApiError(400, 'JSON_PARSER_ERROR', 'The HTTP entity body must be an object');
}

function asked(request: SystemRequest): { records: readonly JsonObject[]; allOrNone: boolean } {
  const body = bodyOf(request);
  const { records } = body;
  if (!Array.isArray(records) || records.length === 0)
    throw new ApiError(400, 'REQUIRED_FIELD_MISSING', 'Include the records in the body');
  if (records.length > MOST_RECORDS)
    throw new ApiError(
      400,
      'EXCEEDED_MAX_SIZE_REQUEST',
      `record limit reached. cannot submit more than ${MOST_RECORDS} records in this request`,
    );
  return { records: records as JsonObject[], allOrNone: body['allOrNone'] === true };
}
