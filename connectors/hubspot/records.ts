/** Objects as records: the bytes that are kept, or the problem with them. */
import type { Json, JsonObject, Page, SourceProblem, SourceRecord, Tombstone } from '../../src/connector/index.ts';
import { findId } from './ids.ts';
import { isObject, objectOf, textOf } from './json.ts';
import type { Links } from './links.ts';
import { OBJECTS, type ObjectStream } from './objects.ts';

export type Parts = Pick<Page, 'records' | 'tombstones' | 'problems'>;

const encoder = new TextEncoder();
export const bytesOf = (value: Json): Uint8Array => encoder.encode(JSON.stringify(value));

/**
 * Records of the objects of an answer.
 * @param asked properties that each has to name: what is left out could not be read, and is not empty
 * @param links what they are linked to
 */
export function recordsOf(
  stream: ObjectStream,
  objects: readonly Json[],
  asked: readonly string[],
  links: Links,
): Parts {
  const records: SourceRecord[] = [];
  const tombstones: Tombstone[] = [];
  const problems: SourceProblem[] = [];
  for (const [place, object] of objects.entries()) {
    const position = place + 1;
    const id = findId(object);
    if (id === null || !isObject(object)) {
      problems.push({ message: `An object of ${stream} has no id.`, position, raw: bytesOf(object) });
      continue;
    }
    const message = problemWith(stream, object, asked, links.unread.has(id));
    if (message !== null) {
      problems.push({ message, position, raw: bytesOf(object), id });
      continue;
    }
    const version = modifiedAt(stream, object);
    records.push({ raw: bytesOf(withLinks(stream, object, links.of(id))), id, version, position });
    tombstones.push(...mergedInto(object, id));
  }
  return { records, tombstones, problems };
}

function problemWith(stream: ObjectStream, object: JsonObject, asked: readonly string[], isUnlinked: boolean) {
  if (isUnlinked) return `What an object of ${stream} is linked to could not be read.`;
  const properties = objectOf(object.properties);
  const missing = asked.filter((name) => !Object.hasOwn(properties, name));
  if (missing.length > 0)
    return `An object of ${stream} came without ${missing.join(', ')}, which the account has: a scope may be missing.`;
  return modifiedAt(stream, object) === null ? `An object of ${stream} does not say when it was changed.` : null;
}

function withLinks(stream: ObjectStream, object: JsonObject, links: Readonly<Record<string, readonly string[]>>): Json {
  if (OBJECTS[stream].links.length === 0) return object;
  return { ...object, associations: Object.fromEntries(Object.entries(links).map(([to, ids]) => [to, [...ids]])) };
}

/** Epoch milliseconds of the last change. */
export function modifiedAt(stream: ObjectStream, object: JsonObject): number | null {
  const text = textOf(objectOf(object.properties)[OBJECTS[stream].modified]) ?? textOf(object.updatedAt);
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? null : at;
}

export const MERGED_IDS = 'hs_merged_object_ids';

/** The winner of a merge names the losers, which nothing else does. */
export function mergedInto(object: JsonObject, id: string): readonly Tombstone[] {
  const named = textOf(objectOf(object.properties)[MERGED_IDS]) ?? '';
  return named.split(';').flatMap((text) => {
    const loser = findId(text.trim());
    return loser === null || loser === id ? [] : [{ id: loser, version: null, mergedInto: id }];
  });
}
