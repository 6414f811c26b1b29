/** Records out of what Shopify answers: a record and its nested list as parts, like the lines of a bulk result. */
import type { Json, JsonObject, SourceProblem, SourceRecord } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { findId } from './ids.ts';
import type { Shape } from './shapes.ts';

export type List = { readonly nodes: readonly (JsonObject | null)[]; readonly after: string | null };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A connection as it was answered. @throws TributaryError `ERR_CONNECTOR_PROTOCOL` when it is none */
export function listOf(connection: unknown): List {
  if (isObject(connection) && Array.isArray(connection['nodes']) && isObject(connection['pageInfo'])) {
    const { hasNextPage, endCursor } = connection['pageInfo'];
    if (hasNextPage !== true) return { nodes: connection['nodes'].map(objectOrNull), after: null };
    if (typeof endCursor === 'string') return { nodes: connection['nodes'].map(objectOrNull), after: endCursor };
  }
  throw new TributaryError('ERR_CONNECTOR_PROTOCOL', 'Shopify answered a list without its nodes or its end.');
}

const objectOrNull = (value: Json): JsonObject | null => (isObject(value) ? value : null);

export type Parts = { readonly records: SourceRecord[]; readonly problems: SourceProblem[] };

/**
 * Asks for further pages of a nested list.
 * @param after cursor the first page ended with
 */
export type AskRest = (id: string, after: string) => AsyncIterable<readonly (JsonObject | null)[]>;

/**
 * Parts of the nodes of one answer. Nested lists are read to their end first; a node without an id, or whose nested list cannot
 * be read to its end, becomes a problem.
 * @param from place of the first node, from 1
 */
export async function partsOf(
  shape: Shape,
  nodes: readonly (JsonObject | null)[],
  rest: AskRest,
  from = 1,
): Promise<Parts> {
  const parts: Parts = { records: [], problems: [] };
  for (const [at, node] of nodes.entries()) {
    const position = from + at;
    const id = node === null ? null : findId(node);
    if (node === null || id === null) {
      const raw = Buffer.from(JSON.stringify(node));
      parts.problems.push({ message: `a record of ${shape.stream} came without an id`, position, raw });
    } else parts.records.push(...(await partsOfNode(shape, node, { id, position }, rest)));
  }
  return parts;
}

async function partsOfNode(
  shape: Shape,
  node: JsonObject,
  { id, position }: { readonly id: string; readonly position: number },
  rest: AskRest,
): Promise<SourceRecord[]> {
  const { child } = shape;
  if (child === null) return [rootPart(node, id, position)];
  const { [child.field]: nested, ...own } = node;
  const first = listOf(nested);
  const children = [...first.nodes];
  if (first.after !== null) for await (const more of rest(String(node['id']), first.after)) children.push(...more);
  const within = children.map((one): SourceRecord => {
    if (one === null)
      throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `Shopify left out a record of ${child.field}.`);
    return childPart({ ...one, __parentId: node['id'] ?? null }, id, position);
  });
  return [rootPart(own, id, position), ...within];
}

function rootPart(own: JsonObject, id: string, position: number): SourceRecord {
  return { raw: Buffer.from(JSON.stringify(own)), id, version: versionOf(own), position };
}

function childPart(own: JsonObject, parent: string, position: number): SourceRecord {
  return { raw: Buffer.from(JSON.stringify(own)), id: partId(own), parent, version: null, position };
}

/** A child's own id: for a level with the item it belongs to, which its number alone does not tell. */
function partId(own: JsonObject): string | null {
  return typeof own['id'] === 'string' ? own['id'] : null;
}

/** Epoch milliseconds of the last change. */
function versionOf({ updatedAt }: JsonObject): number | null {
  const at = typeof updatedAt === 'string' ? Date.parse(updatedAt) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

/** One line of a bulk result, as it came. */
export function partOfLine(shape: Shape, raw: Uint8Array, position: number): SourceRecord | SourceProblem {
  const problem = (message: string): SourceProblem => ({ message, position, raw });
  let line: Json;
  try {
    line = JSON.parse(Buffer.from(raw).toString('utf8'));
  } catch {
    return problem(`line ${position} of the bulk result is not JSON`);
  }
  if (!isObject(line)) return problem(`line ${position} of the bulk result is no object`);
  const { __parentId: parentId } = line;
  if (parentId === undefined) {
    const id = findId(line);
    if (id === null || !String(line['id']).includes(`/${shape.type}/`))
      return problem(`line ${position} of the bulk result is no ${shape.type}`);
    return { raw, id, version: versionOf(line), position };
  }
  const parent = findId(parentId);
  if (parent === null) return problem(`line ${position} of the bulk result belongs to nothing`);
  return { raw, id: partId(line), parent, version: null, position };
}
