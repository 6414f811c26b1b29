/** YAML with positions: what both the mapping reader and the case reader need of it. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Json } from '../connector/contract.ts';
import type { Span } from './ast.ts';
import { type PlacedText, type Problems, placeScalar } from './position.ts';

export type YamlNode = ParsedNode;
export type YamlMap = YAMLMap.Parsed;
export type YamlSeq = YAMLSeq.Parsed;

const MAX_TEXT = 1_000_000;
const MAX_DEPTH = 40;

/** Reads a YAML document. `null`: it is no YAML, too long or uses aliases, and the problems are reported. */
export function readYaml(text: string, problems: Problems): YamlNode | null {
  if (text.length > MAX_TEXT) {
    problems.report(
      { start: 0, end: 1 },
      { code: 'limit', message: `The file is longer than ${MAX_TEXT} characters.`, remedy: 'Split it.' },
    );
    return null;
  }
  const document: Document.Parsed = parseDocument(text, {
    lineCounter: new LineCounter(),
    prettyErrors: false,
    uniqueKeys: true,
    version: '1.2',
  });
  // What follows the first errors mostly follows from them.
  for (const error of [...document.errors.slice(0, 3), ...document.warnings]) {
    problems.report(
      { start: error.pos[0], end: error.pos[1] },
      { code: 'yaml', message: error.message, remedy: yamlRemedy(error.code) },
    );
  }
  if (document.errors.length > 0) return null;
  if (document.contents !== null && !isPlain(document.contents, 0, problems)) return null;
  return document.contents;
}

function yamlRemedy(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'Write each name once.';
  if (code === 'BAD_SCALAR_START')
    return "Put the whole value into 'single quotes': it begins with a character that YAML keeps for itself.";
  return 'Look at indentation, colons and quotes; a value that contains ": " or " #" goes into \'single quotes\'.';
}

function isPlain(node: YamlNode, depth: number, problems: Problems): boolean {
  const fail = (message: string, remedy: string): false => {
    problems.report(spanOf(node), { code: 'yaml', message, remedy });
    return false;
  };
  if (isAlias(node)) return fail('Aliases (*name) are not allowed here.', 'Write the value out.');
  if (depth > MAX_DEPTH) return fail(`Nested deeper than ${MAX_DEPTH}.`, 'Flatten the rule.');
  if (isSeq(node)) return (node as YamlSeq).items.every((child) => isPlain(child, depth + 1, problems));
  if (!isMap(node)) return true;
  return (node as YamlMap).items.every((pair) => {
    if (!isScalar(pair.key)) return fail('A name must be plain text.', 'Write `name: value`.');
    return pair.value === null || isPlain(pair.value, depth + 1, problems);
  });
}

/** Where a node stands. */
export function spanOf(node: YamlNode): Span {
  return { start: node.range[0], end: Math.max(node.range[1], node.range[0] + 1) };
}

export type MapEntry = { readonly key: string; readonly keyAt: Span; readonly value: YamlNode | null };

/** Entries of a map, keys as they are written. */
export function entriesOf(map: YamlMap): readonly MapEntry[] {
  return map.items.map((pair) => ({ key: scalarText(pair.key), keyAt: spanOf(pair.key), value: pair.value }));
}

export const asMap = (node: YamlNode | null): YamlMap | null =>
  node !== null && isMap(node) ? (node as YamlMap) : null;
export const asSeq = (node: YamlNode | null): YamlSeq | null =>
  node !== null && isSeq(node) ? (node as YamlSeq) : null;
export const asScalar = (node: YamlNode | null): Scalar.Parsed | null =>
  node !== null && isScalar(node) ? (node as Scalar.Parsed) : null;

/** A scalar as it is written: `1.50` stays "1.50". */
export function scalarText(node: YamlNode): string {
  if (!isScalar(node)) return '';
  return typeof node.value === 'string' ? node.value : ((node as Scalar.Parsed).source ?? String(node.value));
}

/** The text of a scalar with its place. */
export function placedText(text: string, node: Scalar.Parsed): PlacedText {
  return placeScalar(text, node.range[0], node.range[1], scalarText(node));
}

/** The plain value of a node. `cells`: every scalar becomes the text it is written as. */
export function toJson(node: YamlNode | null, cells = false): Json {
  if (node === null) return null;
  const seq = asSeq(node);
  if (seq !== null) return seq.items.map((child) => toJson(child, cells));
  const map = asMap(node);
  // `Object.fromEntries` makes own properties of names such as `__proto__`.
  if (map !== null) return Object.fromEntries(entriesOf(map).map(({ key, value }) => [key, toJson(value, cells)]));
  const scalar = asScalar(node);
  if (scalar === null || scalar.value === null || scalar.value === undefined) return null;
  if (cells) return scalarText(node);
  return toScalar(scalar);
}

function toScalar(scalar: Scalar.Parsed): Json {
  const { value } = scalar;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  // Fractions and long numbers stay text: nothing may go through a float.
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && /^-?\d+$/.test(scalar.source ?? '') ? value : scalarText(scalar as YamlNode);
  return String(value);
}
