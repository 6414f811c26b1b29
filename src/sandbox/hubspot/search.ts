/** Search: filters over the index, which trails; at most 10,000 results of one query; archived objects never. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { FACTS, type Kind, propertyOf } from './definitions.ts';
import { invalid } from './errors.ts';
import { bodyOf } from './object-routes.ts';
import { type Entry, type Portal, propertyText } from './portal.ts';
import { asList, asObject, asText, shown } from './shapes.ts';
import { timeOf } from './values.ts';

const MOST_PER_PAGE = 200;
const MOST_RESULTS = 10_000;
const MOST_GROUPS = 5;
const MOST_FILTERS = 6;
const MOST_FILTERS_IN_ALL = 18;

export function search(portal: Portal, kind: Kind, request: SystemRequest): SystemAnswer {
  const body = bodyOf(request);
  const limit = Number(body['limit'] ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_PER_PAGE)
    throw invalid(`Invalid limit: ${limit}. It must be from 1 to ${MOST_PER_PAGE}.`);
  const offset = Number(body['after'] ?? 0);
  if (!Number.isInteger(offset) || offset < 0) throw invalid(`Invalid after: ${asText(body['after'])}`);
  if (offset + limit > MOST_RESULTS)
    throw invalid(`The maximum number of results for a search is ${MOST_RESULTS}; refine the filters.`);
  const groups = asList(body['filterGroups']).map(asObject);
  const filters = groups.map((group) => asList(group['filters']).map(asObject));
  if (
    groups.length > MOST_GROUPS ||
    filters.some((some) => some.length > MOST_FILTERS) ||
    filters.flat().length > MOST_FILTERS_IN_ALL
  )
    throw invalid('Too many filters');
  for (const filter of filters.flat()) checkFilter(kind, filter);
  const tests = filters.map((all) => all.map((filter) => testOf(kind, filter)));
  const found = portal
    .indexed(kind)
    .filter((entry) => tests.length === 0 || tests.some((all) => all.every((holds) => holds(entry))));
  const sorted = inOrder(kind, asList(body['sorts']), found);
  const page = sorted.slice(offset, offset + limit);
  const properties = asList(body['properties']).map(asText);
  const next = String(offset + page.length);
  return {
    status: 200,
    body: {
      total: found.length,
      results: page.map((entry) => shown(portal, kind, entry, properties)),
      ...(sorted.length > offset + page.length ? { paging: { next: { after: next, link: '' } } } : {}),
    },
  };
}

const OPERATORS = new Set([
  ...['EQ', 'NEQ', 'LT', 'LTE', 'GT', 'GTE', 'BETWEEN', 'IN', 'NOT_IN'],
  ...['HAS_PROPERTY', 'NOT_HAS_PROPERTY', 'CONTAINS_TOKEN', 'NOT_CONTAINS_TOKEN'],
]);

function checkFilter(kind: Kind, filter: JsonObject): void {
  const name = asText(filter['propertyName']);
  if (!propertyOf(kind, name)) throw invalid(`There was a problem with the request: property ${name} does not exist`);
  if (!OPERATORS.has(asText(filter['operator']))) throw invalid(`Invalid operator ${asText(filter['operator'])}`);
}

type Key = number | string;

/** Compared as what the property is; texts without case. `null`: empty. */
function keyOf(kind: Kind, entry: Entry, name: string): Key | null {
  if (name === FACTS[kind].modified) return entry.updatedAt;
  if (name === 'createdate') return entry.createdAt;
  const text = propertyText(kind, entry, name);
  return text === null ? null : keyIn(kind, name, text);
}

function keyIn(kind: Kind, name: string, text: string): Key {
  const type = propertyOf(kind, name)?.type;
  if (type === 'datetime' || type === 'date') return timeOf(text);
  return type === 'number' ? Number(text) : text.toLowerCase();
}

function testOf(kind: Kind, filter: JsonObject): (entry: Entry) => boolean {
  const name = asText(filter['propertyName']);
  const operator = asText(filter['operator']);
  const wanted = keyIn(kind, name, scalar(filter['value']));
  const highest = keyIn(kind, name, scalar(filter['highValue']));
  const many = asList(filter['values']).map((one) => keyIn(kind, name, scalar(one)));
  return (entry) => {
    const has = keyOf(kind, entry, name);
    if (operator === 'HAS_PROPERTY') return has !== null;
    if (operator === 'NOT_HAS_PROPERTY') return has === null;
    // What is empty matches nothing, not even "not equal".
    if (has === null) return false;
    switch (operator) {
      case 'EQ':
        return has === wanted;
      case 'NEQ':
        return has !== wanted;
      case 'LT':
        return has < wanted;
      case 'LTE':
        return has <= wanted;
      case 'GT':
        return has > wanted;
      case 'GTE':
        return has >= wanted;
      case 'BETWEEN':
        return has >= wanted && has <= highest;
      case 'IN':
        return many.includes(has);
      case 'NOT_IN':
        return !many.includes(has);
      default:
        return String(has).includes(String(wanted).replaceAll('*', '')) === (operator === 'CONTAINS_TOKEN');
    }
  };
}

const scalar = (value: Json | undefined): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : '';

/** One sort at most. What is equal comes in no order that means anything. */
function inOrder(kind: Kind, sorts: readonly Json[], entries: readonly Entry[]): readonly Entry[] {
  if (sorts.length > 1) throw invalid('Only one sort is allowed');
  const [sort] = sorts;
  const [name, direction] =
    typeof sort === 'string'
      ? [sort.replace(/^-/, ''), sort.startsWith('-') ? 'DESCENDING' : 'ASCENDING']
      : [asText(asObject(sort)['propertyName']) || 'createdate', asText(asObject(sort)['direction']) || 'ASCENDING'];
  if (!propertyOf(kind, name)) throw invalid(`Invalid sort property ${name} of ${FACTS[kind].singular}`);
  const sign = direction === 'DESCENDING' ? -1 : 1;
  const keyed = entries.map((entry) => ({ entry, key: keyOf(kind, entry, name) ?? '', tie: shuffled(entry.id) }));
  keyed.sort((one, other) => {
    if (one.key !== other.key) return one.key < other.key ? -sign : sign;
    return one.tie - other.tie || Number(one.entry.id) - Number(other.entry.id);
  });
  return keyed.map(({ entry }) => entry);
}

const shuffled = (id: string): number => (Number(id) * 7919) % 10_007;
