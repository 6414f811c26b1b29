/** Objects as answers show them. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import { ASSOCIATION_TYPES, FACTS, type Kind, kindNamed, propertyOf } from './definitions.ts';
import { type Entry, type Portal, propertyText } from './portal.ts';

/** Links of one kind shown with an object; the rest has to be asked for. */
export const MOST_SHOWN_LINKS = 100;

/** Properties asked for and those always given; unknown ones are left out without a word, empty ones are null. */
export function shown(portal: Portal, kind: Kind, entry: Entry, asked: readonly string[]): JsonObject {
  const facts = FACTS[kind];
  const always = ['createdate', 'hs_object_id', facts.modified];
  const names = asked.length > 0 ? [...new Set([...asked, ...always])] : facts.usual;
  const known = names.filter((name) => propertyOf(kind, name) !== undefined && !portal.isHidden(kind, name)).sort();
  return {
    id: entry.id,
    properties: Object.fromEntries(known.map((name) => [name, propertyText(kind, entry, name)])),
    createdAt: new Date(entry.createdAt).toISOString(),
    updatedAt: new Date(entry.updatedAt).toISOString(),
    archived: entry.archivedAt !== null,
    ...(entry.archivedAt === null ? {} : { archivedAt: new Date(entry.archivedAt).toISOString() }),
  };
}

/** `associations` of a list or single read: one entry for each type of association, so that a company may be there twice. */
export function associationsOf(portal: Portal, kind: Kind, id: string, asked: readonly string[]): JsonObject {
  const shownOf = asked.flatMap((name): [string, Json][] => {
    const to = kindNamed(name);
    const links = to === null ? [] : portal.linked([kind, id], to);
    if (to === null || links.length === 0) return [];
    const results = links
      .slice(0, MOST_SHOWN_LINKS)
      .flatMap(([other, types]) => types.map((type) => ({ id: other, type: typeName(kind, to, type) })));
    const more =
      links.length > MOST_SHOWN_LINKS ? { paging: { next: { after: links[MOST_SHOWN_LINKS]?.[0] ?? '' } } } : {};
    return [[to, { results, ...more }]];
  });
  return shownOf.length === 0 ? {} : { associations: Object.fromEntries(shownOf) };
}

function typeName(kind: Kind, to: Kind, type: number): string {
  const [usual, main] = ASSOCIATION_TYPES[`${kind} ${to}`] ?? [];
  const name = `${FACTS[kind].singular}_to_${FACTS[to].singular}`;
  return type === usual && main !== null ? `${name}_unlabeled` : name;
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const asObject = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
export const asList = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
export const asText = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** Repeated parameters and lists with commas say the same. */
export const listed = (query: URLSearchParams, name: string): string[] =>
  query.getAll(name).flatMap((value) =>
    value
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  );
