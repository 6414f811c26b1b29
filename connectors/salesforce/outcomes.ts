/** What became of a record that was written, in words without its values. */
import type { Json, WriteOutcome } from '../../src/connector/index.ts';
import type { TributaryError } from '../../src/errors.ts';
import { refusalsOf } from './errors.ts';
import { externalId } from './ids.ts';
import { objectNameOf } from './queries.ts';
import { objectOf } from './records.ts';

type Rejected = Extract<WriteOutcome, { state: 'rejected' }>;

const TRANSIENT = [
  'UNABLE_TO_LOCK_ROW',
  'SERVER_UNAVAILABLE',
  'REQUEST_RUNNING_TOO_LONG',
  'UNKNOWN_EXCEPTION',
  'QUERY_TIMEOUT',
];

/** The org's own messages quote values, personal ones among them. */
const WORDS: Readonly<Record<string, string>> = {
  REQUIRED_FIELD_MISSING: 'Fields that the org requires are missing.',
  STRING_TOO_LONG: 'A text is longer than its field.',
  INVALID_EMAIL_ADDRESS: 'The org does not take the e-mail address.',
  INVALID_FIELD: 'The org does not have a field, or does not show it to this user.',
  INVALID_FIELD_FOR_INSERT_UPDATE: 'A field may not be written by this user.',
  INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST: 'A value is none of its picklist.',
  FIELD_CUSTOM_VALIDATION_EXCEPTION: 'A validation rule of the org refuses the record.',
  DUPLICATES_DETECTED: 'A duplicate rule of the org refuses the record.',
  DUPLICATE_VALUE: 'A value that must be unique is taken.',
  ENTITY_IS_DELETED: 'The record was deleted in the org.',
  NOT_FOUND: 'The org has no such record.',
  CANNOT_UPDATE_CONVERTED_LEAD: 'The lead was converted; its contact takes its place.',
  UNABLE_TO_LOCK_ROW: 'Somebody else is changing the record at the moment.',
  INSUFFICIENT_ACCESS_OR_READONLY: 'The user may not write the record.',
  JSON_PARSER_ERROR: 'A value is of a kind that its field does not take.',
};

export function rejected(code: string, message: string, fields: readonly string[]): Rejected {
  return { state: 'rejected', code, message, fields, retry: TRANSIENT.includes(code) ? 'transient' : 'terminal' };
}

/** @param known id the record was addressed by, where there was one */
export function outcomeOfResult(result: Json, known: string | null, stream: string): WriteOutcome {
  const { success, id, errors } = objectOf(result);
  if (success === true) {
    const given = typeof id === 'string' ? externalId(stream, id) : known;
    return given === null
      ? { state: 'unknown', message: 'The org says that it wrote the record, and names no id.' }
      : { state: 'ok', id: given, version: null };
  }
  const first = objectOf(Array.isArray(errors) ? errors[0] : null);
  const code = typeof first['statusCode'] === 'string' ? first['statusCode'] : 'UNKNOWN';
  const fields = Array.isArray(first['fields']) ? first['fields'].map(String) : [];
  const made = rejected(code, WORDS[code] ?? `The org refused the record (${code}).`, fields);
  const existingId = existingIn(first, stream);
  return existingId === null ? made : { ...made, existingId };
}

/** The record in the way: the only one of its object that the duplicate rule names, or that in the message of a unique field. */
function existingIn(error: { [key: string]: Json }, stream: string): string | null {
  const quoted = /record with id: ([A-Za-z0-9]{15,18})\b/.exec(String(error['message'] ?? ''))?.[1];
  const named = quoted === undefined ? matchesIn(error, objectNameOf(stream)) : [quoted];
  const ids = new Set(
    named.flatMap((id) => (/^(?:[A-Za-z0-9]{15}|[A-Za-z0-9]{18})$/.test(id) ? externalId(stream, id) : [])),
  );
  const [only] = ids;
  return ids.size === 1 && only !== undefined ? only : null;
}

/** Ids of what a duplicate rule found; rules compare leads with contacts as well, and a contact is no lead. */
function matchesIn(error: { [key: string]: Json }, object: string): readonly string[] {
  return listOf(objectOf(error['duplicateResult'])['matchResults']).flatMap((result) => {
    const { entityType, matchRecords } = objectOf(result);
    return listOf(matchRecords).flatMap((match) => {
      const record = objectOf(objectOf(match)['record']);
      const type = objectOf(record['attributes'])['type'] ?? entityType ?? object;
      return type === object && typeof record['Id'] === 'string' ? [record['Id']] : [];
    });
  });
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** What a failed call makes of each record in it; `null`: none was carried out, and the failure is not about them. */
export function outcomeOfError(error: TributaryError): WriteOutcome | null {
  const { status, wasSent } = error.evidence;
  if (error.code === 'ERR_CONNECTOR_UNREACHABLE')
    return wasSent === false ? null : { state: 'unknown', message: 'The answer of the org was lost.' };
  if (error.code !== 'ERR_CONNECTOR_PROTOCOL') return null;
  // An answer that breaks the rules says nothing about what was done.
  if (typeof status !== 'number') return { state: 'unknown', message: error.message };
  const [first] = refusalsOf(error);
  const code = first?.code ?? `HTTP_${status}`;
  return rejected(code, WORDS[code] ?? `The org refused the record (${code}).`, first?.fields ?? []);
}
