import type { Json, JsonObject } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { SHAPES } from './shapes.ts';

/**
 * A record out of its parts: the first one is the record, the others are its nested list in any order. Connections become plain
 * lists; numbers with a fraction stay as they were written.
 */
export function decode(parts: readonly Uint8Array[]): Json {
  const [root, ...children] = parts.map(parse);
  if (!isObject(root)) throw new TributaryError('ERR_EXTRACT_PARSE', 'A record of Shopify is no object.');
  if (root['__parentId'] !== undefined)
    throw new TributaryError(
      'ERR_EXTRACT_PARSE',
      `A part came without the record it belongs to, ${root['__parentId']}.`,
    );
  const record = Object.fromEntries(Object.entries(root).map(([name, value]) => [name, plain(value)]));
  const field = SHAPES.find(({ type }) => String(root['id']).startsWith(`gid://shopify/${type}/`))?.child?.field;
  if (field === undefined) return record;
  const list = onceEach(children.filter(isObject).map(({ __parentId, ...own }): JsonObject => own));
  return { ...record, [field]: list.length > 0 ? list.sort(inOrder) : (record[field] ?? []) };
}

function parse(part: Uint8Array): Json {
  const asWritten = (_key: string, value: unknown, found?: { source?: string }) =>
    typeof value === 'number' && found?.source !== undefined && !Number.isSafeInteger(value) ? found.source : value;
  return JSON.parse(Buffer.from(part).toString('utf8'), asWritten);
}

/** A connection that came inside of its record, as its list. */
function plain(value: Json): Json {
  if (!isObject(value)) return value;
  if (Array.isArray(value['nodes'])) return value['nodes'];
  return Array.isArray(value['edges'])
    ? value['edges'].map((edge) => (isObject(edge) ? (edge['node'] ?? null) : null))
    : value;
}

/** A list that moves while it is read page by page shows one of its records twice: the one changed last stands. */
function onceEach(list: readonly JsonObject[]): JsonObject[] {
  const changedAt = ({ updatedAt }: JsonObject) => String(updatedAt ?? '');
  const kept = new Map<unknown, JsonObject>();
  for (const one of list) {
    const key = one['id'] ?? Symbol('without id');
    const other = kept.get(key);
    if (!other || changedAt(one) >= changedAt(other)) kept.set(key, one);
  }
  return [...kept.values()];
}

/** By place where there is one, else by id: digits of one length more come later. */
function inOrder(a: JsonObject, b: JsonObject): number {
  const place = (one: JsonObject) => (typeof one['position'] === 'number' ? one['position'] : 0);
  const [left, right] = [String(a['id']), String(b['id'])];
  return place(a) - place(b) || left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
