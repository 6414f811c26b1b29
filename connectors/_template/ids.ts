import { type Json, missingId } from '../../src/connector/index.ts';

/** The id of a thing, from a record, a webhook or as text. @throws ERR_LOAD_KEY_MISSING */
export function externalId(raw: Json): string {
  const id = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? raw['id'] : raw;
  if (typeof id === 'number' && Number.isSafeInteger(id)) return String(id);
  if (typeof id === 'string' && /^\d+$/.test(id)) return id.replace(/^0+(?=\d)/, '');
  throw missingId('acme', 'things');
}
