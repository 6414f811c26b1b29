/** Reads an outgoing mapping file (`write:`) into plain data: a canonical entity, or stock, as a record of a vendor. */
import { ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import type { WriteIntent } from '../connector/contract.ts';
import type { Argument, Condition, FieldRule, MappingFile, Node, Span } from './ast.ts';
import { parseNode, parseWhen } from './node.ts';
import { type NodeReading, report } from './node-text.ts';
import { readFlag, readMap, readSkips, readTables, readWord, withEndings } from './parse.ts';
import type { Problems } from './position.ts';
import { didYouMean } from './suggest.ts';
import { asMap, asSeq, entriesOf, type MapEntry, readYaml, scalarText, spanOf, type YamlNode } from './yaml-reader.ts';

export type WriteAction = Exclude<WriteIntent['action'], 'upsert'>;

export type WriteField = FieldRule & {
  /** An empty value empties the vendor's field; otherwise it is left alone. */
  readonly clear: boolean;
  /** The only action that names the field. */
  readonly on: 'create' | 'update' | null;
};

export type Named<Name = string> = { readonly name: Name; readonly at: Span };

export type OutgoingFile = {
  /** What it has in common with other mapping files: places, tables, filters. */
  readonly base: MappingFile;
  readonly entity: EntityName | 'stock';
  /** Stock: one thing per variant, all its levels added up, for vendors that keep one figure; otherwise one per level. */
  readonly isSum: boolean;
  readonly to: Named;
  readonly when: { readonly condition: Condition; readonly reason: string } | null;
  /** Where the vendor's id comes from: the entity's own link in the stream written to, when the file does not say. */
  readonly id: Node;
  readonly match: readonly Named[];
  readonly actions: readonly Named<WriteAction>[];
  readonly fields: readonly WriteField[];
  readonly at: Span;
};

const TOP = ['about', 'write', 'tables', 'fields'];
const WRITE = ['entity', 'each', 'to', 'when', 'skip', 'id', 'match', 'actions'];
const ACTIONS: readonly WriteAction[] = ['create', 'update', 'delete'];
const FIELD = ['clear', 'on', 'required', 'default'];

/** Whether a mapping file speaks of writing. */
export const isOutgoing = (text: string): boolean => /^write\s*:/m.test(text);

/** The parsed file, or `null` when too little of it can be read; problems are reported either way. */
export function parseOutgoing(text: string, file: string, problems: Problems): OutgoingFile | null {
  const reading: NodeReading = { problems, columns: new Set(), text, number: null, outgoing: true };
  const entries = readMap(readYaml(text, problems), reading, TOP);
  if (entries === null) return null;
  const value = (key: string): YamlNode | null => entries.find((entry) => entry.key === key)?.value ?? null;
  const node = value('write');
  const write = readMap(node, reading, WRITE);
  if (node === null || write === null) return null;
  const part = (key: string): YamlNode | null => write.find((entry) => entry.key === key)?.value ?? null;
  const entity = readEntity(part('entity'), spanOf(node), reading);
  const to = part('to');
  if (to === null) report(reading, spanOf(node), 'Nothing says which stream is written to.', 'Write `to: stream`.');
  if (entity === null || to === null) return null;
  const fields = (readMap(value('fields'), reading, null) ?? []).flatMap((entry) => readField(entry, reading) ?? []);
  const about = value('about');
  const idNode = part('id');
  const id = idNode === null ? ownLink(scalarText(to), spanOf(to)) : parseNode(idNode, reading);
  const when = parseWhen(write, reading);
  const whenNode = part('when');
  if (id === null || when === undefined) return null;
  return {
    base: {
      file,
      text,
      about: about === null ? '' : scalarText(about),
      groupBy: null,
      ignoreCase: false,
      key: [id],
      version: null,
      deleted: null,
      skip: readSkips(part('skip'), reading),
      columns: null,
      tables: readTables(value('tables'), reading),
      outputs: [],
    },
    entity,
    isSum: readEach(part('each'), entity, reading) === 'variant',
    to: { name: scalarText(to), at: spanOf(to) },
    when: when && whenNode && { condition: when, reason: reasonOf(text, spanOf(whenNode)) },
    id,
    match: readNames(part('match')),
    actions: readActions(part('actions'), entity, reading),
    fields,
    at: spanOf(node),
  };
}

/** `link("<stream>")` */
function ownLink(stream: string, at: Span): Node {
  const source: Node = { kind: 'path', scope: 'record', segments: [], text: '$', at };
  const name: Argument = { kind: 'literal', value: stream, decimal: false, at };
  return {
    kind: 'pipe',
    source,
    calls: [{ name: 'link', args: [name], at, nameAt: at, text: `link("${stream}")` }],
    at,
  };
}

/** The condition as it is written is the reason for leaving out what does not meet it. */
function reasonOf(text: string, at: Span): string {
  const written = text.slice(at.start, at.end).replaceAll(/\s+/g, ' ').trim();
  return `not: ${/^(['"]).*\1$/.test(written) ? written.slice(1, -1) : written}`;
}

function readEntity(node: YamlNode | null, at: Span, reading: NodeReading): OutgoingFile['entity'] | null {
  const known = [...ENTITY_NAMES, 'stock' as const];
  if (node === null)
    return report(reading, at, 'Nothing says what is written.', `Write \`entity:\` with one of ${known.join(', ')}.`);
  const entity = known.find((name) => name === scalarText(node));
  if (entity !== undefined) return entity;
  return report(
    reading,
    spanOf(node),
    `There is no entity "${scalarText(node)}".`,
    didYouMean(scalarText(node), known),
    'unknown-entity',
  );
}

const EACH = ['level', 'variant'] as const;

function readEach(
  node: YamlNode | null,
  entity: OutgoingFile['entity'],
  reading: NodeReading,
): (typeof EACH)[number] | null {
  if (node === null) return null;
  if (entity !== 'stock')
    return report(reading, spanOf(node), `\`each\` is for stock, not for a ${entity}.`, 'Leave it out.');
  const each = EACH.find((name) => name === scalarText(node));
  if (each !== undefined) return each;
  return report(
    reading,
    spanOf(node),
    `Stock is written for each level or for each variant, not for each "${scalarText(node)}".`,
    didYouMean(scalarText(node), EACH),
    'unknown-word',
  );
}

function readNames(node: YamlNode | null): readonly Named[] {
  if (node === null) return [];
  return (asSeq(node)?.items ?? [node]).map((item) => ({ name: scalarText(item), at: spanOf(item) }));
}

function readActions(
  node: YamlNode | null,
  entity: OutgoingFile['entity'],
  reading: NodeReading,
): readonly Named<WriteAction>[] {
  // A stock level is never made or removed, only set.
  const usual: readonly WriteAction[] = entity === 'stock' ? ['update'] : ['create', 'update'];
  if (node === null) return usual.map((name) => ({ name, at: { start: 0, end: 1 } }));
  return readNames(node).flatMap(({ name, at }) => {
    const action = ACTIONS.find((known) => known === name);
    if (action !== undefined) return [{ name: action, at }];
    report(reading, at, `"${name}" is no action.`, didYouMean(name, ACTIONS), 'unknown-word');
    return [];
  });
}

function readField(entry: MapEntry, reading: NodeReading): WriteField | null {
  const { key: name, keyAt: nameAt, value } = entry;
  if (value === null)
    return report(reading, nameAt, `The field "${name}" has no rule.`, 'Write where its value comes from.');
  const map = asMap(value);
  const parts = map === null ? [] : entriesOf(map);
  const part = (key: string): MapEntry | undefined => parts.find((candidate) => candidate.key === key);
  const from = part('value');
  const node =
    from === undefined
      ? parseNode(value, reading, FIELD)
      : readMap(value, reading, ['value', ...FIELD]) && parseNode(from.value, reading);
  if (node === null) return null;
  const clear = part('clear');
  return {
    name,
    nameAt,
    at: spanOf(value),
    value: withEndings(node, part('required'), part('default'), reading),
    onNull: null,
    conflict: null,
    clear: clear !== undefined && readFlag(clear.value, reading),
    on: readWord(part('on'), ['create', 'update'] as const, reading),
  };
}
