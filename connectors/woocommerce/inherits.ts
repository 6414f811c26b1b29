/**
 * A variation without a SKU or GTIN is listed with its product's. Taken for its own it would make all forms of a product one, so the
 * products are asked, and `decode` leaves empty what is theirs.
 */
import type { Json, JsonObject, TrafficClass } from '../../src/connector/index.ts';
import { isObject, type Shop } from './client.ts';
import { list, type Row } from './list.ts';

const KEYS = ['sku', 'global_unique_id'];
const MOST_PER_CALL = 100;

/** `{inherits: {<variation>: [<field>, …]}}`, or nothing where no record of the page has what is its product's. */
export async function inheritsIn(
  shop: Shop,
  stream: string,
  rows: readonly Row[],
  trafficClass: TrafficClass,
): Promise<JsonObject> {
  const keyed =
    stream === 'variations' ? rows.filter(({ body }) => KEYS.some((name) => textIn(body, name) !== '')) : [];
  const parents = await productsOf(shop, [...new Set(keyed.map(({ body }) => parentOf(body)))], trafficClass);
  const inherits = keyed.flatMap(({ id, body }) => {
    const parent = parents.get(parentOf(body));
    const fields = KEYS.filter((name) => textIn(body, name) !== '' && textIn(body, name) === textIn(parent, name));
    return fields.length === 0 ? [] : [[String(id), fields] as const];
  });
  return inherits.length === 0 ? {} : { inherits: Object.fromEntries(inherits) };
}

/** A variation without what its page says is its product's. */
export function withoutInherited(record: Json, { inherits }: JsonObject): Json {
  const fields = isObject(record) && isObject(inherits) ? inherits[String(record.id)] : undefined;
  if (!isObject(record) || !Array.isArray(fields)) return record;
  return { ...record, ...Object.fromEntries(fields.map((name) => [String(name), ''])) };
}

const parentOf = (body: Json): string => String(isObject(body) ? body.parent_id : '');

function textIn(body: Json | undefined, name: string): string {
  const value = isObject(body) ? body[name] : undefined;
  return typeof value === 'string' ? value : '';
}

async function productsOf(
  shop: Shop,
  ids: readonly string[],
  trafficClass: TrafficClass,
): Promise<ReadonlyMap<string, Json>> {
  const found = new Map<string, Json>();
  for (let at = 0; at < ids.length; at += MOST_PER_CALL) {
    const include = ids.slice(at, at + MOST_PER_CALL).join(',');
    const query = { status: 'any', include, per_page: String(MOST_PER_CALL), _fields: ['id', ...KEYS].join(',') };
    for (const row of (await list(shop, { path: '/products', query, trafficClass })).rows)
      if (row) found.set(String(row.id), row.body);
  }
  return found;
}
