import { type Json, missingId } from '../../src/connector/index.ts';

/**
 * The number behind a record: `gid://shopify/Product/123`, `123` and `"123"` are the same one, whichever of them the
 * way it came knows.
 * @throws TributaryError `ERR_LOAD_KEY_MISSING` when there is none
 */
export function externalId(stream: string, raw: Json): string {
  const id = findId(raw);
  if (id === null) throw missingId('shopify', stream);
  return id;
}

/** The same for a record that may name none: `null` then. */
export function findId(raw: Json): string | null {
  const id = isObject(raw) ? (raw.id ?? raw.admin_graphql_api_id ?? null) : raw;
  const text = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id;
  return typeof text === 'string'
    ? (/^(?:gid:\/\/shopify\/[A-Za-z]+\/)?(\d+)(?:\?.*)?$/.exec(text)?.[1] ?? null)
    : null;
}

function isObject(raw: Json): raw is { [name: string]: Json } {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
