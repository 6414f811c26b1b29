import { type Json, missingId } from '../../src/connector/index.ts';

/**
 * The object's number as text: `id` of a page, `objectId` of an event and `hs_object_id` of a file are the same one.
 * Campaigns have a UUID instead, and submissions are named by form, time and conversion.
 * @throws TributaryError `ERR_LOAD_KEY_MISSING` when there is none
 */
export function externalId(stream: string, raw: Json): string {
  const id = stream === 'form_submissions' ? submissionId(raw) : findId(raw);
  if (id === null) throw missingId('hubspot', stream);
  return id;
}

/** The same for a record that may name none: `null` then. */
export function findId(raw: Json): string | null {
  const id = isObject(raw) ? (raw.id ?? raw.objectId ?? raw.hs_object_id ?? null) : raw;
  if (typeof id === 'number') return Number.isSafeInteger(id) && id > 0 ? String(id) : null;
  if (typeof id !== 'string') return null;
  if (/^0*[1-9]\d*$/.test(id)) return id.replace(/^0+/, '');
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id) ? id.toLowerCase() : null;
}

function submissionId(raw: Json): string | null {
  const id = isObject(raw) ? raw.id : raw;
  return typeof id === 'string' && /^[^/]+\/\d+\/[^/]+$/.test(id) ? id : null;
}

function isObject(raw: Json): raw is { [name: string]: Json } {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
