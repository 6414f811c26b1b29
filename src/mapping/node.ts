/** Reads a value in the long form (`first:`, `choose:`, `each:` …) or hands its text to the one-line reader. */
import type { Branch, Call, Condition, Entry, LoopBody, Node, Path, Span } from './ast.ts';
import { parseCondition } from './condition.ts';
import { parseExpression, parsePath, parsePipeline } from './expression.ts';
import { type NodeReading, parseTemplate, placed, report } from './node-text.ts';
import { didYouMean } from './suggest.ts';
import {
  asMap,
  asScalar,
  asSeq,
  entriesOf,
  type MapEntry,
  scalarText,
  spanOf,
  toJson,
  type YamlMap,
  type YamlNode,
} from './yaml-reader.ts';

/** Each way to say where a value comes from, with the keys that may stand beside it. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  from: [],
  const: [],
  template: [],
  first: [],
  choose: [],
  object: [],
  list: [],
  each: ['when', 'item', 'key', 'value'],
  numbered: ['when', 'item', 'key', 'value'],
  output: [],
  match: ['from'],
  external: ['stream'],
  jsonata: [],
};
const FORM_NAMES = Object.keys(FORMS);
const MAX_NUMBERED = 100;

/** A value: one line, a constant, or the long form. `extra` are keys the caller reads itself. */
export function parseNode(node: YamlNode | null, reading: NodeReading, extra: readonly string[] = []): Node | null {
  if (node === null) return null;
  const map = asMap(node);
  if (map !== null) return parseForm(map, reading, extra);
  const scalar = asScalar(node);
  if (scalar === null)
    return report(
      reading,
      spanOf(node),
      'A list is no value.',
      'Write one line, or `list:` with the elements below it.',
    );
  if (scalar.value === null && !scalar.source)
    reading.problems.report(spanOf(node), {
      code: 'no-value',
      message: 'There is no value, so it is null.',
      remedy: 'Write where it comes from, or `= null`.',
      severity: 'warning',
    });
  if (typeof scalar.value === 'string') {
    const text = placed(node, reading);
    return text && parseExpression(text, reading);
  }
  return constant(node);
}

function constant(node: YamlNode): Node {
  const value = toJson(node);
  const written = typeof asScalar(node)?.value === 'number';
  return { kind: 'literal', value, decimal: written && typeof value === 'string', at: spanOf(node) };
}

function parseForm(map: YamlMap, reading: NodeReading, extra: readonly string[]): Node | null {
  const entries = entriesOf(map);
  const at = spanOf(map as YamlNode);
  const forms = entries.filter((entry) => Object.hasOwn(FORMS, entry.key));
  const main = forms.find((entry) => entry.key !== 'from' && entry.key !== 'object') ?? forms[0];
  if (main === undefined) {
    const unknown = entries.find((entry) => !extra.includes(entry.key) && entry.key !== 'through');
    return report(
      reading,
      unknown?.keyAt ?? at,
      unknown ? `"${unknown.key}" is no way to make a value.` : 'Nothing says where the value comes from.',
      didYouMean(unknown?.key ?? '', FORM_NAMES, 'Write one of'),
    );
  }
  const beside = [
    ...(FORMS[main.key] ?? []),
    ...extra,
    'through',
    ...(main.key === 'each' || main.key === 'numbered' ? ['object'] : []),
  ];
  let isGood = true;
  for (const entry of entries) {
    if (entry === main || beside.includes(entry.key)) continue;
    isGood = false;
    const isForm = Object.hasOwn(FORMS, entry.key);
    report(
      reading,
      entry.keyAt,
      isForm ? `"${entry.key}" cannot stand beside "${main.key}".` : `"${entry.key}" is unknown here.`,
      isForm ? 'Keep one of the two.' : didYouMean(entry.key, [...beside, ...FORM_NAMES]),
    );
  }
  const value = parseMain(main, entries, reading, at);
  return isGood && value !== null ? through(value, entries, reading, at) : null;
}

function through(value: Node, entries: readonly MapEntry[], reading: NodeReading, at: Span): Node | null {
  const entry = entries.find(({ key }) => key === 'through');
  if (entry === undefined) return value;
  const text = entry.value && placed(entry.value, reading);
  if (!text) return report(reading, entry.keyAt, '"through" needs functions.', 'Write `through: trim | lower`.');
  const calls = parsePipeline(text, reading);
  return calls && pipe(value, calls, at);
}

/** `value | call | call`; pipes inside pipes become one. */
export function pipe(value: Node, calls: readonly Call[], at: Span): Node {
  if (calls.length === 0) return value;
  if (value.kind === 'pipe') return { kind: 'pipe', source: value.source, calls: [...value.calls, ...calls], at };
  return { kind: 'pipe', source: value, calls, at };
}

function parseMain(main: MapEntry, entries: readonly MapEntry[], reading: NodeReading, at: Span): Node | null {
  const { value } = main;
  if (value === null) return report(reading, main.keyAt, `"${main.key}" is empty.`, 'Write what it is, or remove it.');
  switch (main.key) {
    case 'from':
      return parseNode(value, reading);
    case 'const':
      return constant(value);
    case 'template':
      return parseTemplate(value, reading);
    case 'first':
      return parseElements(value, reading, (options) => ({ kind: 'first', options, at: spanOf(value) }));
    case 'list':
      return parseElements(value, reading, (elements) => ({ kind: 'list', elements, at: spanOf(value) }));
    case 'choose':
      return parseChoose(value, reading);
    case 'object':
      return parseObject(value, reading);
    case 'each':
      return parseEach(value, entries, reading, at);
    case 'numbered':
      return parseNumbered(value, entries, reading, at);
    case 'output':
      return { kind: 'output', name: scalarText(value), at: spanOf(value) };
    case 'match':
      return parseMatch(main, value, entries, reading);
    case 'external':
      return parseExternal(value, entries, reading);
    default:
      return { kind: 'jsonata', text: scalarText(value), at: spanOf(value) };
  }
}

function parseElements(node: YamlNode, reading: NodeReading, make: (nodes: readonly Node[]) => Node): Node | null {
  const seq = asSeq(node);
  if (seq === null || seq.items.length === 0)
    return report(
      reading,
      spanOf(node),
      'A list of values belongs here.',
      'Write [value, value] or one `- value` a line.',
    );
  const nodes = seq.items.map((child) => parseNode(child, reading));
  const known = nodes.filter((child) => child !== null);
  return known.length === nodes.length ? make(known) : null;
}

function parseChoose(node: YamlNode, reading: NodeReading): Node | null {
  const seq = asSeq(node);
  if (seq === null)
    return report(
      reading,
      spanOf(node),
      '"choose" is a list.',
      'Write `- when: condition` with `then: value` below, and `- else: value` last.',
    );
  const branches = seq.items.map((child) => parseBranch(child, reading));
  const known = branches.filter((branch) => branch !== null);
  return known.length === branches.length ? { kind: 'choose', branches: known, at: spanOf(node) } : null;
}

function parseBranch(node: YamlNode, reading: NodeReading): Branch | null {
  const entries = asMap(node) ? entriesOf(asMap(node) as YamlMap) : [];
  const read = (key: string): MapEntry | undefined => entries.find((entry) => entry.key === key);
  const bad = entries.find((entry) => !['when', 'then', 'else'].includes(entry.key));
  const otherwise = read('else');
  const when = read('when');
  const then = read('then');
  const isShaped = otherwise ? entries.length === 1 : when !== undefined && then !== undefined;
  if (bad !== undefined || !isShaped) {
    return report(
      reading,
      bad?.keyAt ?? spanOf(node),
      bad ? `"${bad.key}" is unknown here.` : 'A choice is `when` with `then`, or `else` alone.',
      bad ? didYouMean(bad.key, ['when', 'then', 'else']) : 'Complete it.',
    );
  }
  const value = parseNode(otherwise?.value ?? then?.value ?? null, reading);
  const condition = otherwise ? null : parseConditionNode(when?.value ?? null, reading);
  if (value === null || (condition === null && !otherwise)) return null;
  return { when: condition, value, at: spanOf(node) };
}

/** One line, or `all:` / `any:` with a list, or `not:`. */
export function parseConditionNode(node: YamlNode | null, reading: NodeReading): Condition | null {
  if (node === null) return null;
  const map = asMap(node);
  if (map === null) {
    const text = placed(node, reading);
    return text
      ? parseCondition(text, reading)
      : report(reading, spanOf(node), 'A list is no condition.', 'Write `all:` or `any:` with the list below it.');
  }
  const [entry, second] = entriesOf(map);
  if (entry === undefined || second !== undefined || !['all', 'any', 'not'].includes(entry.key)) {
    return report(
      reading,
      second?.keyAt ?? entry?.keyAt ?? spanOf(node),
      'A condition is one line, or one of `all`, `any`, `not`.',
      'Keep one of them.',
    );
  }
  const at = spanOf(node);
  if (entry.key === 'not') {
    const condition = parseConditionNode(entry.value, reading);
    return condition && { kind: 'not', condition, at };
  }
  const parsed = (asSeq(entry.value)?.items ?? []).map((child) => parseConditionNode(child, reading));
  const known = parsed.filter((condition) => condition !== null);
  if (known.length === 0)
    return report(
      reading,
      entry.keyAt,
      `"${entry.key}" needs a list of conditions.`,
      'Write one `- condition` a line below it.',
    );
  return known.length === parsed.length ? { kind: entry.key === 'all' ? 'all' : 'any', conditions: known, at } : null;
}

function parseObject(node: YamlNode, reading: NodeReading): Node | null {
  const map = asMap(node);
  if (map === null)
    return report(reading, spanOf(node), '"object" is a map.', 'Write one `name: value` a line below it.');
  const entries: Entry[] = [];
  let isGood = true;
  for (const entry of entriesOf(map)) {
    const value = parseNode(entry.value, reading);
    if (value === null) isGood = false;
    else entries.push({ name: entry.key, value, at: entry.keyAt });
  }
  return isGood ? { kind: 'object', entries, at: spanOf(node) } : null;
}

/** What the loop makes of each element: `item:`, `object:`, or `key:` with `value:`. */
function parseBody(entries: readonly MapEntry[], reading: NodeReading, at: Span): LoopBody | null {
  const read = (key: string): YamlNode | null => entries.find((entry) => entry.key === key)?.value ?? null;
  const shapes = [read('item'), read('object'), read('key')].filter((shape) => shape !== null);
  if (shapes.length !== 1 || (read('key') === null) !== (read('value') === null)) {
    return report(
      reading,
      at,
      'The loop does not say what it makes.',
      'Write one of `item: value`, `object:` with fields, or `key: value` and `value: value`.',
    );
  }
  if (read('key') !== null) {
    const key = parseNode(read('key'), reading);
    const value = parseNode(read('value'), reading);
    return key && value && { kind: 'entries', key, value };
  }
  const object = read('object');
  const value = object !== null ? parseObject(object, reading) : parseNode(read('item'), reading);
  return value && { kind: 'values', value };
}

/** The condition beside a loop or an output; `undefined`: there is one, but it cannot be read. */
export function parseWhen(entries: readonly MapEntry[], reading: NodeReading): Condition | null | undefined {
  const entry = entries.find(({ key }) => key === 'when');
  return entry === undefined ? null : (parseConditionNode(entry.value, reading) ?? undefined);
}

function parseEach(node: YamlNode, entries: readonly MapEntry[], reading: NodeReading, at: Span): Node | null {
  const over = parseNode(node, reading);
  const when = parseWhen(entries, reading);
  const body = parseBody(entries, reading, at);
  return over && body && when !== undefined ? { kind: 'each', over, when, body, at } : null;
}

/** A node that is a path and nothing else. */
export function parsePathNode(node: YamlNode, reading: NodeReading): Path | null {
  const text = placed(node, reading);
  if (text === null) return report(reading, spanOf(node), 'A path belongs here.', 'Write the name of a list.');
  return parsePath(text, 0, text.text.trimEnd().length, reading);
}

function parseNumbered(node: YamlNode, entries: readonly MapEntry[], reading: NodeReading, at: Span): Node | null {
  const range = /^(\d+)\.\.(\d+)$/.exec(scalarText(node).trim());
  const first = Number(range?.[1]);
  const last = Number(range?.[2]);
  if (range === null || last < first || last - first >= MAX_NUMBERED) {
    return report(
      reading,
      spanOf(node),
      `"${scalarText(node)}" is no range of numbers.`,
      `Write first..last, such as 1..3, at most ${MAX_NUMBERED} numbers, and {n} where the number goes.`,
    );
  }
  const rounds: { when: Condition | null; body: LoopBody }[] = [];
  for (let number = first; number <= last; number += 1) {
    const inside = { ...reading, number };
    const when = parseWhen(entries, inside);
    const body = parseBody(entries, inside, at);
    if (body === null || when === undefined) return null;
    rounds.push({ when, body });
  }
  return { kind: 'numbered', rounds, at };
}

function parseMatch(main: MapEntry, value: YamlNode, entries: readonly MapEntry[], reading: NodeReading): Node | null {
  const from = entries.find((entry) => entry.key === 'from');
  if (from === undefined)
    return report(
      reading,
      main.keyAt,
      '"match" does not say which value to look for.',
      'Write `from: value` beside it.',
    );
  const looked = parseNode(from.value, reading);
  return looked && { kind: 'match', field: scalarText(value), value: looked, at: spanOf(value) };
}

function parseExternal(value: YamlNode, entries: readonly MapEntry[], reading: NodeReading): Node | null {
  const stream = entries.find((entry) => entry.key === 'stream')?.value ?? null;
  const id = parseNode(value, reading);
  return id && { kind: 'external', stream: stream === null ? null : scalarText(stream), value: id, at: spanOf(value) };
}
