/** What is known of the records: a tree of names, from a declared schema, from samples, or from `columns:`. */
import type { DeclaredField } from '../connector/contract.ts';
import type { MappingFile, Path, Segment, Span } from './ast.ts';
import type { Problems } from './position.ts';
import { didYouMean } from './suggest.ts';
import type { SourceSchema } from './types.ts';

export type Known = {
  readonly children: Map<string, Known>;
  isList: boolean;
  /** May hold names nobody declared. */
  isOpen: boolean;
  field: DeclaredField | null;
};

const newKnown = (): Known => ({ children: new Map(), isList: false, isOpen: false, field: null });

/** Something of which nothing is known. */
const ANYTHING: Known = { children: new Map(), isList: false, isOpen: true, field: null };

export type KnownRecord = {
  readonly root: Known;
  readonly isDeclared: boolean;
  readonly severity: 'error' | 'warning';
  readonly origin: string;
};

const ORIGINS: Readonly<Record<SourceSchema['origin'], string>> = {
  declared: 'the source does not declare it',
  learned: 'no record seen so far has it',
  sample: 'the sample does not have it',
  mapping: '`columns:` does not name it',
};

/** `null`: nothing is known, so paths cannot be judged. */
export function knownRecord(file: MappingFile, schema: SourceSchema | null): KnownRecord | null {
  if (schema === null && file.columns === null) return null;
  const root = newKnown();
  const name = (text: string): string => (file.ignoreCase ? text.toLowerCase() : text);
  for (const column of file.columns ?? []) descend(root, name(column.name));
  for (const field of schema?.fields ?? []) {
    let node = root;
    for (const part of partsOf(field.path)) {
      const isList = part.endsWith('[]');
      node = descend(node, name(isList ? part.slice(0, -2) : part));
      node.isList ||= isList;
    }
    node.field = field;
    node.isOpen = field.type === 'json' || field.type === 'list';
    node.isList ||= field.type === 'list';
  }
  // What was only seen in samples may have more than the samples show.
  const severity = schema?.origin === 'learned' ? 'warning' : 'error';
  return { root, isDeclared: schema?.origin === 'declared', severity, origin: ORIGINS[schema?.origin ?? 'mapping'] };
}

/** Parts of a declared path: cut at dots outside backticks. */
function partsOf(path: string): readonly string[] {
  return [...path.matchAll(/`([^`]*)`((?:\[\])*)|[^.`]+/g)].map(([whole, quoted, brackets]) =>
    quoted === undefined ? whole : quoted + brackets,
  );
}

function descend(node: Known, name: string): Known {
  const found = node.children.get(name);
  if (found !== undefined) return found;
  const made = newKnown();
  node.children.set(name, made);
  return made;
}

/** Where a path starts and how its names are compared. */
export type PathScope = {
  readonly record: KnownRecord | null;
  readonly here: Known;
  readonly isTop: boolean;
  readonly isGrouped: boolean;
  readonly ignoreCase: boolean;
};

/** Follows a path; reports where it leaves what is known. Gives what it ends at. */
export function checkPath(path: Path, scope: PathScope, problems: Problems): Known {
  const { record } = scope;
  const fromRecord = path.scope === 'record' || scope.isTop;
  const [first] = path.segments;
  const isRows = scope.isGrouped && fromRecord && first?.kind === 'name' && first.name === 'rows';
  let node = fromRecord ? (record?.root ?? ANYTHING) : scope.here;
  let isElement = true;
  let isMany = false;
  for (const segment of isRows ? path.segments.slice(1) : path.segments) {
    if (isRows && segment === path.segments[1] && segment.kind !== 'name') {
      isMany = segment.kind === 'every';
      continue;
    }
    if (node.isOpen && node.children.size === 0) return ANYTHING;
    const next = step(node, isElement, segment, { path, scope, problems });
    if (next === null) return ANYTHING;
    isElement = segment.kind !== 'name' || !next.isList;
    isMany ||= segment.kind === 'every';
    node = next;
  }
  if (isRows && path.segments.length === 1) return { ...(record?.root ?? ANYTHING), isList: true };
  return isMany || (node.isList && isElement && path.segments.at(-1)?.kind !== 'name')
    ? { ...node, isList: isMany }
    : node;
}

type Walk = { readonly path: Path; readonly scope: PathScope; readonly problems: Problems };

function step(node: Known, isElement: boolean, segment: Segment, walk: Walk): Known | null {
  const { record } = walk.scope;
  const report = (at: Span, code: string, message: string, remedy: string): null => {
    walk.problems.report(at, { code, message, remedy, severity: record?.severity ?? 'error' });
    return null;
  };
  if (segment.kind !== 'name') {
    if (node.isList || node.isOpen) return segment.kind === 'where' ? judgeWhere(node, segment, walk, report) : node;
    return report(
      segment.at,
      'not-a-list',
      `"${walk.path.text}" puts brackets behind something that is no list.`,
      'Leave the brackets out.',
    );
  }
  if (node.isList && !isElement)
    return report(
      segment.at,
      'list-without-brackets',
      `"${segment.name}" stands behind a list, which has no names itself.`,
      'Write [] behind the list for all elements, [0] for the first, or use `each:`.',
    );
  const name = walk.scope.ignoreCase ? segment.name.toLowerCase() : segment.name;
  const found = node.children.get(name) ?? numbered(node, name);
  if (found !== undefined) return found;
  if (node.isOpen) return ANYTHING;
  return report(
    segment.at,
    'unknown-path',
    `There is no "${segment.name}": ${record?.origin ?? 'it is unknown'}.`,
    pathRemedy(segment.name, node),
  );
}

function judgeWhere(
  node: Known,
  segment: Extract<Segment, { kind: 'where' }>,
  walk: Walk,
  report: (at: Span, code: string, message: string, remedy: string) => null,
): Known | null {
  if (node.isOpen || node.children.has(walk.scope.ignoreCase ? segment.name.toLowerCase() : segment.name)) return node;
  return report(segment.at, 'unknown-path', `Elements have no "${segment.name}".`, pathRemedy(segment.name, node));
}

function pathRemedy(name: string, node: Known): string {
  return didYouMean(name, [...node.children.keys()], 'Correct it, or name it in `columns:`. There is');
}

function numbered(node: Known, name: string): Known | undefined {
  return node.children.get(name.replace(/\d+/, '{n}'));
}
