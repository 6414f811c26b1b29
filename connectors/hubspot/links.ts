/** Associations as ids: what an object is linked to, the main one first. */
import type { Json, JsonObject, TrafficClass } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { batchIn, isNotThere, unread } from './batch.ts';
import type { Answer } from './client.ts';
import { findId } from './ids.ts';
import { listOf, objectOf, textOf } from './json.ts';
import { MOST_LISTED, OBJECTS, type ObjectStream } from './objects.ts';

/** Names (in lists) and ids (version 4) of the types that mark a contact's or deal's main company. */
const MAIN_TYPES: ReadonlySet<Json | undefined> = new Set<Json>(['contact_to_company', 'deal_to_company', 1, 5]);

type Link = { readonly id: string; readonly isMain: boolean };

/** Links by kind, and those objects of which they could not be read. */
export type Links = {
  of(id: string): Readonly<Record<string, readonly string[]>>;
  readonly unread: ReadonlySet<string>;
};

/**
 * Reads the links of up to 200 objects. Search returns none, so this goes beside it.
 * https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide
 */
export async function readLinks(
  { portal, config }: Account,
  stream: ObjectStream,
  ids: readonly string[],
  trafficClass: TrafficClass,
): Promise<Links> {
  const found = new Map<string, Map<string, Link[]>>();
  const unread = new Set<string>();
  for (const to of OBJECTS[stream].links) {
    let inputs: JsonObject[] = ids.map((id) => ({ id }));
    while (inputs.length > 0) {
      const sent = inputs.splice(0, MOST_LISTED);
      const path = `${config.associationsPath}/${stream}/${to}/batch/read`;
      const answer = await portal.ask({ method: 'POST', path, body: { inputs: sent }, trafficClass });
      const { results } = batchIn(answer, `links to ${to}`);
      for (const id of failedIn(answer, to)) unread.add(id);
      for (const one of results.map(objectOf)) {
        const id = textOf(objectOf(one.from).id) ?? '';
        const kinds = found.get(id) ?? new Map<string, Link[]>();
        kinds.set(to, [...(kinds.get(to) ?? []), ...listOf(one.to).map(objectOf).map(linkOf)]);
        found.set(id, kinds);
        const { after = null } = objectOf(objectOf(one.paging).next);
        if (after !== null) inputs = [...inputs, { id, after: String(after) }];
      }
    }
  }
  const kindsOf = (id: string) => OBJECTS[stream].links.map((to) => [to, ordered(found.get(id)?.get(to) ?? [])]);
  return { unread, of: (id) => Object.fromEntries(kindsOf(id)) };
}

/** The same out of the objects of a list, which show some; who has more than are shown is read apart. */
export async function linksOfList(
  account: Account,
  stream: ObjectStream,
  objects: readonly Json[],
  trafficClass: TrafficClass,
): Promise<Links> {
  const shown = new Map(objects.map((object) => [findId(object) ?? '', linksShown(stream, objectOf(object))]));
  const short = [...shown].flatMap(([id, links]) => (links === null && id !== '' ? [id] : []));
  const more = await readLinks(account, stream, short, trafficClass);
  return { unread: more.unread, of: (id) => shown.get(id) ?? more.of(id) };
}

function linksShown(stream: ObjectStream, object: JsonObject): Record<string, readonly string[]> | null {
  const shown = objectOf(object.associations);
  // Kinds of two words come with a blank between them.
  const kinds = OBJECTS[stream].links.map((to) => [to, objectOf(shown[to] ?? shown[to.replace('_', ' ')])] as const);
  if (kinds.some(([, { paging }]) => paging !== undefined)) return null;
  return Object.fromEntries(
    kinds.map(([to, { results }]) => [to, ordered(listOf(results).map(objectOf).map(linkShown))]),
  );
}

const linkShown = ({ id, type }: JsonObject): Link => ({ id: String(id), isMain: MAIN_TYPES.has(type) });

// To be linked to nothing is no failure, although it comes as an error.
const NOTHING = 'crm.associations.NO_ASSOCIATIONS_FOUND';

function failedIn(answer: Answer, to: string): readonly string[] {
  const failures = listOf(objectOf(answer.body).errors)
    .map(objectOf)
    .filter(({ subCategory }) => subCategory !== NOTHING)
    .map(({ category, context }) => ({ category, ids: listOf(objectOf(context).fromObjectId).map(String) }));
  // Of whom it does not say.
  if (failures.some(({ category, ids }) => ids.length === 0 && !isNotThere(category)))
    throw unread(`links to ${to}`, answer);
  return failures.flatMap(({ ids }) => ids);
}

function linkOf(one: JsonObject): Link {
  const types = listOf(one.associationTypes).map((type) => objectOf(type).typeId);
  return { id: String(one.toObjectId), isMain: types.some((type) => MAIN_TYPES.has(type)) };
}

/** Each id once, the main one first, the others by number: the same whichever way they were read. */
function ordered(links: readonly Link[]): readonly string[] {
  const main = new Set(links.filter(({ isMain }) => isMain).map(({ id }) => id));
  const all = [...new Set(links.map(({ id }) => id))];
  return all.sort((a, b) => Number(main.has(b)) - Number(main.has(a)) || Number(a) - Number(b));
}
