/** Reads a mapping file into plain data. Shape and spelling are checked here, meaning in check.ts. */
import { ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import type { Json } from '../connector/contract.ts';
import type { Call, FieldRule, MappingFile, Node, OnNull, OutputRule, SkipRule, Span, TableRule } from './ast.ts';
import { parseConditionNode, parseNode, parsePathNode, parseWhen, pipe } from './node.ts';
import { type NodeReading, report } from './node-text.ts';
import type { Problems } from './position.ts';
import { didYouMean } from './suggest.ts';
import type { Conflict } from './types.ts';
import {
  asMap,
  asScalar,
  asSeq,
  entriesOf,
  type MapEntry,
  readYaml,
  scalarText,
  spanOf,
  toJson,
  type YamlNode,
} from './yaml-reader.ts';

const TOP = ['about', 'record', 'columns', 'tables', 'outputs'];
const RECORD = ['group', 'ignore_case', 'key', 'version', 'deleted', 'skip'];
const OUTPUT = ['entity', 'when', 'each', 'key', 'match', 'fields'];
const FIELD = ['required', 'default', 'on_null', 'conflict'];
const CONFLICTS: readonly Conflict[] = ['last_write_wins', 'source_wins', 'platform_wins'];
const ON_NULL: readonly OnNull[] = ['omit', 'clear'];

/** The parsed file, or `null` when too little of it can be read; problems are reported either way. */
export function parseMapping(text: string, file: string, problems: Problems): MappingFile | null {
  const root = readYaml(text, problems);
  const start = { start: 0, end: 1 };
  const bare: NodeReading = { problems, columns: new Set(), text, number: null };
  if (root === null) {
    if (problems.list.length === 0) report(bare, start, 'The file is empty.', 'Begin with `record:` and `outputs:`.');
    return null;
  }
  const entries = readMap(root, bare, TOP);
  if (entries === null) return null;
  const value = (key: string): YamlNode | null => entries.find((entry) => entry.key === key)?.value ?? null;
  const columns = readColumns(value('columns'), bare);
  const reading: NodeReading = { ...bare, columns: new Set(columns?.map(({ name }) => name)) };
  const tables = readTables(value('tables'), reading);
  const outputs = readOutputs(value('outputs'), reading);
  if (outputs.length === 0)
    report(
      reading,
      start,
      'The mapping has no outputs.',
      'Write `outputs:` and below it one map for each entity.',
      'no-outputs',
    );
  const about = value('about');
  return {
    file,
    text,
    about: about === null ? '' : scalarText(about),
    ...readRecord(value('record'), reading),
    columns,
    tables,
    outputs,
  };
}

/** Entries of a map whose keys must be among `allowed`; unknown ones are reported and left out. */
export function readMap(
  node: YamlNode | null,
  reading: NodeReading,
  allowed: readonly string[] | null,
): readonly MapEntry[] | null {
  if (node === null || asScalar(node)?.value === null) return [];
  const map = asMap(node);
  if (map === null)
    return report(
      reading,
      spanOf(node),
      'A map belongs here.',
      `Write one \`name: value\` a line${allowed ? `; there is ${allowed.join(', ')}` : ''}.`,
    );
  return entriesOf(map).filter((entry) => {
    if (allowed === null || allowed.includes(entry.key)) return true;
    report(reading, entry.keyAt, `"${entry.key}" is unknown here.`, didYouMean(entry.key, allowed), 'unknown-key');
    return false;
  });
}

function readColumns(node: YamlNode | null, reading: NodeReading): MappingFile['columns'] {
  if (node === null) return null;
  const seq = asSeq(node);
  if (seq === null)
    return report(reading, spanOf(node), '"columns" is a list of names.', 'Write [name, name] or one `- name` a line.');
  return seq.items.map((item) => ({ name: scalarText(item), at: spanOf(item) }));
}

type RecordPart = Pick<MappingFile, 'groupBy' | 'ignoreCase' | 'key' | 'version' | 'deleted' | 'skip'>;

function readRecord(node: YamlNode | null, reading: NodeReading): RecordPart {
  const entries = readMap(node, reading, RECORD) ?? [];
  const value = (key: string): YamlNode | null => entries.find((entry) => entry.key === key)?.value ?? null;
  const group = value('group');
  const key = value('key');
  const keys = key === null ? [] : (asSeq(key)?.items ?? [key]);
  return {
    groupBy: group === null ? null : scalarText(group),
    ignoreCase: readFlag(value('ignore_case'), reading),
    key: keys.map((item) => parseNode(item, reading)).filter((item) => item !== null),
    version: parseNode(value('version'), reading),
    deleted: parseConditionNode(value('deleted'), reading),
    skip: readSkips(value('skip'), reading),
  };
}

export function readFlag(node: YamlNode | null, reading: NodeReading): boolean {
  if (node === null) return false;
  const value = asScalar(node)?.value;
  if (typeof value === 'boolean') return value;
  report(reading, spanOf(node), `"${scalarText(node)}" is neither true nor false.`, 'Write true or false.');
  return false;
}

export function readSkips(node: YamlNode | null, reading: NodeReading): readonly SkipRule[] {
  if (node === null) return [];
  return (asSeq(node)?.items ?? [node]).flatMap((item) => {
    const entries = readMap(item, reading, ['when', 'reason']) ?? [];
    const reason = entries.find((entry) => entry.key === 'reason')?.value ?? null;
    const when = parseConditionNode(entries.find((entry) => entry.key === 'when')?.value ?? null, reading);
    if (reason === null)
      report(
        reading,
        spanOf(item),
        'The filter does not say why it leaves records out.',
        'Add `reason: …`; runs count records by it.',
        'skip-reason',
      );
    return when && reason ? [{ when, reason: scalarText(reason), at: spanOf(item) }] : [];
  });
}

export function readTables(node: YamlNode | null, reading: NodeReading): ReadonlyMap<string, TableRule> {
  const tables = new Map<string, TableRule>();
  for (const { key, keyAt, value } of readMap(node, reading, null) ?? []) {
    const parts = readMap(value, reading, ['values', 'default', 'otherwise', 'ignore_case']) ?? [];
    const part = (name: string): MapEntry | undefined => parts.find((entry) => entry.key === name);
    const entries = new Map<string, { value: Json; at: Span }>();
    const ignoreCase = readFlag(part('ignore_case')?.value ?? null, reading);
    for (const entry of readMap(part('values')?.value ?? null, reading, null) ?? []) {
      entries.set(ignoreCase ? entry.key.toLowerCase() : entry.key, { value: toJson(entry.value), at: entry.keyAt });
    }
    if (entries.size === 0)
      report(
        reading,
        keyAt,
        `The table "${key}" has no values.`,
        'Write `values:` and below it one `from: to` a line.',
        'table-empty',
      );
    tables.set(key, {
      name: key,
      at: keyAt,
      entries,
      ignoreCase,
      otherwise: readOtherwise(part('default'), part('otherwise'), reading),
    });
  }
  return tables;
}

function readOtherwise(
  fallback: MapEntry | undefined,
  otherwise: MapEntry | undefined,
  reading: NodeReading,
): TableRule['otherwise'] {
  if (fallback !== undefined && otherwise !== undefined) {
    return report(reading, otherwise.keyAt, '"default" and "otherwise" say two things.', 'Keep one of them.');
  }
  if (fallback !== undefined) return { kind: 'value', value: toJson(fallback.value) };
  if (otherwise === undefined) return null;
  const word = otherwise.value === null ? '' : scalarText(otherwise.value);
  if (word === 'reject' || word === 'keep') return { kind: word };
  return report(
    reading,
    otherwise.value ? spanOf(otherwise.value) : otherwise.keyAt,
    `"${word}" is no way to treat unknown values.`,
    'Write reject or keep; or `default: value`.',
  );
}

function readOutputs(node: YamlNode | null, reading: NodeReading): readonly OutputRule[] {
  return (readMap(node, reading, null) ?? []).flatMap(({ key, keyAt, value }) => {
    const output = readOutput(key, keyAt, value, reading);
    return output === null ? [] : [output];
  });
}

function readOutput(name: string, nameAt: Span, node: YamlNode | null, reading: NodeReading): OutputRule | null {
  const entries = readMap(node, reading, OUTPUT);
  if (entries === null || node === null) return null;
  const value = (key: string): YamlNode | null => entries.find((entry) => entry.key === key)?.value ?? null;
  const named = value('entity');
  const entity = [...ENTITY_NAMES, 'stock' as const].find(
    (known) => known === (named === null ? name : scalarText(named)),
  );
  if (entity === undefined) {
    const written = named === null ? name : scalarText(named);
    const remedy = named === null ? 'Add `entity:` to the output, or name the output after an entity.' : '';
    return report(
      reading,
      named === null ? nameAt : spanOf(named),
      `There is no entity "${written}".`,
      `${didYouMean(written, [...ENTITY_NAMES, 'stock'])} ${remedy}`.trim(),
      'unknown-entity',
    );
  }
  const when = parseWhen(entries, reading);
  const each = value('each');
  const match = value('match');
  return {
    name,
    nameAt,
    entity,
    when: when ?? null,
    each: each === null ? null : parsePathNode(each, reading),
    key: parseNode(value('key'), reading),
    match:
      match === null
        ? []
        : (asSeq(match)?.items ?? [match]).map((item) => ({ field: scalarText(item), at: spanOf(item) })),
    fields: (readMap(value('fields'), reading, null) ?? []).flatMap((entry) => {
      const field = readField(entry, entity, reading);
      return field === null ? [] : [field];
    }),
    at: spanOf(node),
  };
}

function readField(entry: MapEntry, entity: EntityName | 'stock', reading: NodeReading): FieldRule | null {
  const { key: name, keyAt: nameAt, value } = entry;
  if (value === null)
    return report(
      reading,
      nameAt,
      `The field "${name}" has no rule.`,
      `Write where ${entity}.${name} comes from, or \`= null\` to keep it empty.`,
    );
  const at = spanOf(value);
  const map = asMap(value);
  const parts = map === null ? [] : entriesOf(map);
  const part = (key: string): MapEntry | undefined => parts.find((candidate) => candidate.key === key);
  const node = parseNode(value, reading, FIELD);
  if (node === null) return null;
  const onNull = readWord(part('on_null'), ON_NULL, reading);
  const conflict = readWord(part('conflict'), CONFLICTS, reading);
  return { name, nameAt, at, onNull, conflict, value: withEndings(node, part('required'), part('default'), reading) };
}

/** `required:` and `default:` are the functions of that name at the end of the pipeline. */
export function withEndings(
  node: Node,
  required: MapEntry | undefined,
  fallback: MapEntry | undefined,
  reading: NodeReading,
): Node {
  const calls: Call[] = [];
  if (required !== undefined && readFlag(required.value, reading)) {
    calls.push({ name: 'required', args: [], at: required.keyAt, nameAt: required.keyAt, text: 'required' });
  }
  if (fallback !== undefined && fallback.value !== null) {
    const value = toJson(fallback.value);
    const decimal = typeof value === 'string' && typeof asScalar(fallback.value)?.value === 'number';
    const literal = { kind: 'literal' as const, value, decimal, at: spanOf(fallback.value) };
    calls.push({
      name: 'default',
      args: [literal],
      at: fallback.keyAt,
      nameAt: fallback.keyAt,
      text: `default(${JSON.stringify(value)})`,
    });
  }
  return pipe(node, calls, node.at);
}

export function readWord<Word extends string>(
  entry: MapEntry | undefined,
  words: readonly Word[],
  reading: NodeReading,
): Word | null {
  if (entry === undefined) return null;
  const written = entry.value === null ? '' : scalarText(entry.value);
  const word = words.find((candidate) => candidate === written);
  return (
    word ??
    report(
      reading,
      entry.value ? spanOf(entry.value) : entry.keyAt,
      `"${written}" is no value of ${entry.key}.`,
      didYouMean(written, words),
      'unknown-word',
    )
  );
}
