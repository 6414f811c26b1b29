/**
 * The oracle: evaluates the parsed file directly, slowly and plainly, without sharing, generated code or tracing.
 * Only the declared functions and the value converters are those of the product.
 */
import { ENTITIES, type Field } from '../../src/canonical/entities.ts';
import { NORMALISERS } from '../../src/canonical/normalise.ts';
import { parseFormat } from '../../src/canonical/time-format.ts';
import type { Json, JsonObject } from '../../src/connector/contract.ts';
import type {
  Argument,
  Call,
  Condition,
  FieldRule,
  LoopBody,
  MappingFile,
  Node,
  OutputRule,
  Path,
  Segment,
} from '../../src/mapping/ast.ts';
import { Fault } from '../../src/mapping/fault.ts';
import { fieldsOf } from '../../src/mapping/fields.ts';
import { FUNCTIONS } from '../../src/mapping/functions.ts';
import { runJsonata } from '../../src/mapping/jsonata.ts';
import { compilePattern } from '../../src/mapping/pattern.ts';
import * as runtime from '../../src/mapping/runtime.ts';
import type { EntityOutput, MapResult, ReferenceValue, StockOutput, Values } from '../../src/mapping/types.ts';

type Value = Json | undefined;
type Place = {
  readonly file: MappingFile;
  readonly page: JsonObject;
  readonly whole: Json;
  readonly record: JsonObject;
  readonly here: Value;
  readonly isTop: boolean;
  readonly index: number;
  readonly field: Field | null;
  readonly output: (name: string) => ReferenceValue | null;
};

class Stop extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.code);
    this.fault = fault;
  }
}

function good<Made>(made: Made | Fault): Made {
  if (made instanceof Fault) throw new Stop(made);
  return made;
}

const isObject = (value: Value): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const read = (value: Value, name: string): Value =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

/** Maps one record as the file says. Problems are reduced to field and code. */
export function interpret(
  file: MappingFile,
  record: Json,
  page: JsonObject,
): { readonly kind: string; readonly [name: string]: unknown } {
  if (!isObject(record)) return { kind: 'rejected', problems: ['record not-an-object'] };
  const fold = (row: Value): JsonObject => (file.ignoreCase ? foldNames(row) : isObject(row) ? row : {});
  const given = file.groupBy === null ? null : read(record, 'rows');
  const rows = file.groupBy === null || Array.isArray(given) ? given : [record];
  if (file.groupBy !== null && (!Array.isArray(rows) || rows.length === 0))
    return { kind: 'rejected', problems: ['record not-grouped'] };
  const folded = Array.isArray(rows) ? rows.map((row) => (file.ignoreCase ? fold(row) : row)) : [];
  const first = file.groupBy === null ? fold(record) : fold(folded[0]);
  const problems: string[] = [];
  const attempt = (field: string, work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof Stop)) throw thrown;
      problems.push(`${field} ${thrown.fault.code}`);
      return false;
    }
  };
  const top: Place = {
    file,
    page,
    whole: file.groupBy === null ? first : { rows: folded },
    record: first,
    here: first,
    isTop: true,
    index: 1,
    field: null,
    output: () => null,
  };
  let id: string | null = null;
  let version: number | null = null;
  if (file.key.length > 0) {
    attempt('record.key', () => {
      id = runtime.joinKey(file.key.map((part) => evaluate(part, top)));
      if (id === null) throw new Stop(runtime.KEY_MISSING);
    });
  }
  attempt('record.version', () => {
    const value = file.version === null ? null : evaluate(file.version, top);
    if (value !== null && value !== undefined) version = good(runtime.asVersion(value));
  });
  let exit: string | null = null;
  const isThrough = attempt('record', () => {
    const skip = file.skip.find((rule) => holds(rule.when, top));
    if (skip !== undefined) exit = `filtered ${skip.reason}`;
    else if (file.deleted !== null && holds(file.deleted, top)) exit = 'deleted';
  });
  if (!isThrough || (exit !== null && problems.length > 0)) return { kind: 'rejected', problems };
  if (exit !== null) return { kind: exit };
  const entities: EntityOutput[] = [];
  const stock: StockOutput[] = [];
  const produced = new Map<string, { each: Path | null; keys: Map<number, string> }>();
  for (const output of file.outputs) runOutput(output, { file, top, produced, entities, stock, attempt });
  if (problems.length > 0) return { kind: 'rejected', problems };
  if (entities.length + stock.length === 0) return { kind: 'filtered no output applies' };
  return { kind: 'mapped', id, version, entities, stock };
}

function foldNames(row: Value): JsonObject {
  const folded: JsonObject = Object.create(null);
  for (const [name, value] of Object.entries(isObject(row) ? row : {}))
    if (!(name.toLowerCase() in folded)) folded[name.toLowerCase()] = value;
  return folded;
}

type Run = {
  readonly file: MappingFile;
  readonly top: Place;
  readonly produced: Map<string, { each: Path | null; keys: Map<number, string> }>;
  readonly entities: EntityOutput[];
  readonly stock: StockOutput[];
  readonly attempt: (field: string, work: () => void) => boolean;
};

function runOutput(output: OutputRule, run: Run): void {
  const keys = new Map<number, string>();
  const refer =
    (at: number) =>
    (name: string): ReferenceValue | null => {
      const found = run.produced.get(name);
      const key =
        found === undefined
          ? undefined
          : found.each === null
            ? found.keys.get(0)
            : found.each.text === output.each?.text
              ? found.keys.get(at)
              : undefined;
      return key === undefined ? null : { kind: 'output', key };
    };
  const { each } = output;
  if (each === null) {
    run.attempt(output.name, () => {
      const place = { ...run.top, output: refer(0) };
      if (output.when !== null && !holds(output.when, place)) return;
      makeOutput(output, output.name, place, run);
      keys.set(0, output.name);
    });
  } else {
    run.attempt(output.name, () => {
      const list = readPath(each, run.top);
      if (list === undefined || list === null) return;
      const elements = good(runtime.asList(list));
      let index = 0;
      const seen = new Set<string>();
      (Array.isArray(elements) ? elements : []).forEach((here, at) => {
        run.attempt(output.name, () => {
          const place = { ...run.top, here, isTop: false, index: index + 1, output: refer(at) };
          if (output.when !== null && !holds(output.when, { ...place, index })) return;
          index += 1;
          const part =
            output.key === null ? String(index) : runtime.joinKey([evaluate(output.key, { ...place, index })]);
          if (part === null) throw new Stop(runtime.KEY_MISSING);
          if (seen.has(part)) throw new Stop(runtime.twice(part));
          makeOutput(output, `${output.name}:${part}`, { ...place, index }, run);
          seen.add(part);
          keys.set(at, `${output.name}:${part}`);
        });
      });
    });
  }
  run.produced.set(output.name, { each, keys });
}

function makeOutput(output: OutputRule, key: string, place: Place, run: Run): void {
  const values: Values = {};
  for (const rule of output.fields) {
    const spec = fieldsOf(output.entity)[rule.name];
    if (spec === undefined) continue;
    run.attempt(`${output.name}.${rule.name}`, () => {
      const value = fieldValue(rule, spec, { ...place, field: spec });
      if (value !== undefined) values[rule.name] = value;
    });
  }
  if (output.entity === 'stock') {
    const { variant, location, quantity, as_of } = values;
    run.stock.push({
      key,
      entity: 'stock',
      variant: variant as unknown as ReferenceValue,
      location: typeof location === 'string' ? location : 'default',
      quantity: Number(quantity),
      asOf: typeof as_of === 'string' ? Date.parse(as_of) : null,
    });
    return;
  }
  const { entity } = output;
  const match = output.match.flatMap(({ field }) => {
    const value = values[field];
    const normal =
      typeof value === 'string' ? NORMALISERS[ENTITIES[entity].fields[field]?.match ?? 'exact'](value) : '';
    return normal === '' ? [] : [{ field, value: normal }];
  });
  run.entities.push({ key, entity, match, values });
}

function fieldValue(rule: FieldRule, spec: Field, place: Place): Value {
  let value = evaluate(rule.value, place);
  if (value !== undefined && value !== null) value = keep(value, spec);
  if (rule.onNull === 'clear' && value === undefined) value = null;
  if (spec.required && (value === undefined || value === null)) throw new Stop(runtime.REQUIRED);
  return rule.onNull === 'omit' && value === null ? undefined : value;
}

function keep(value: Json, spec: Field): Json {
  if (spec.type === 'reference') return value;
  const converted = convert(value, spec.type);
  if (converted === null) return null;
  if (spec.type === 'json' || spec.type === 'list') return good(runtime.keepStructure(converted));
  if (spec.type !== 'text') return converted;
  const text = good(runtime.keepText(String(converted), spec.max ?? 10_000_000));
  if (text !== null && spec.values !== undefined && !spec.values.includes(String(text)))
    throw new Stop(new Fault('not-allowed', ''));
  return text;
}

const CONVERTERS: Readonly<Record<string, (value: Json) => Json | Fault>> = {
  text: runtime.asText,
  integer: runtime.asInteger,
  decimal: runtime.asDecimal,
  boolean: runtime.asBoolean,
  timestamp: runtime.asTimestamp,
  date: runtime.asDate,
  json: runtime.asObject,
  list: runtime.asList,
};

function convert(value: Json, type: string): Json {
  const converter = CONVERTERS[type];
  return converter === undefined ? value : good(converter(value));
}

function evaluate(node: Node, place: Place): Value {
  switch (node.kind) {
    case 'path':
      return readPath(node, place);
    case 'literal':
      return node.value;
    case 'context': {
      const value = node.name === 'index' ? place.index : read(place.page, node.name);
      return value === '' ? null : value;
    }
    case 'pipe':
      return node.calls.reduce((value: Value, call) => runCall(call, value, place), evaluate(node.source, place));
    case 'template': {
      const texts = node.parts.map((part) => (typeof part === 'string' ? part : text(evaluate(part, place))));
      return texts.includes(null) ? null : texts.join('');
    }
    case 'first': {
      const values = node.options.map((option) => lazily(() => evaluate(option, place)));
      let seen: Value;
      for (const value of values) {
        const found = value();
        if (found !== undefined && found !== null) return found;
        if (found === null) seen = null;
      }
      return seen;
    }
    case 'choose': {
      const branch = node.branches.find((one) => one.when === null || holds(one.when, place));
      return branch === undefined ? null : evaluate(branch.value, place);
    }
    case 'object':
    case 'list':
    case 'each':
    case 'numbered':
      return gather(node, place);
    case 'jsonata':
      return good(runJsonata(node.text, place.isTop ? place.whole : place.here, place.page));
    case 'output':
      return place.output(node.name) as unknown as Value;
    case 'match':
      return matchReference(node.field, evaluate(node.value, place), place);
    default: {
      const found = evaluate(node.value, place);
      if (found === undefined) return undefined;
      const value = text(found);
      const id = runtime.joinKey([value]);
      return id === null
        ? null
        : ({ kind: 'external', entity: place.field?.entity ?? 'product', stream: node.stream, id } as JsonObject);
    }
  }
}

function gather(node: Extract<Node, { kind: 'object' | 'list' | 'each' | 'numbered' }>, place: Place): Value {
  switch (node.kind) {
    case 'object': {
      const entries = node.entries
        .map((entry) => [entry.name, evaluate(entry.value, place)] as const)
        .filter(([, value]) => value !== undefined);
      return entries.every(([, value]) => value === null) ? null : (Object.fromEntries(entries) as JsonObject);
    }
    case 'list': {
      const found = node.elements
        .map((element) => evaluate(element, place))
        .filter((value) => value !== undefined && value !== null);
      return found.length === 0 ? null : found;
    }
    case 'each': {
      const list = evaluate(node.over, place);
      if (list === undefined || list === null) return undefined;
      const elements = convert(list, 'list');
      return loop(
        (Array.isArray(elements) ? elements : []).map((here) => ({
          place: { ...place, here, isTop: false },
          when: node.when,
          body: node.body,
        })),
        node.body.kind,
      );
    }
    default:
      return loop(
        node.rounds.map((round) => ({ place, when: round.when, body: round.body })),
        node.rounds[0]?.body.kind ?? 'values',
      );
  }
}

const lazily = <Made>(work: () => Made): (() => Made) => work;

function matchReference(field: string, found: Value, place: Place): Value {
  if (found === undefined) return undefined;
  const value = text(found);
  const entity = place.field?.entity ?? 'product';
  const normal = value === null ? '' : NORMALISERS[ENTITIES[entity].fields[field]?.match ?? 'exact'](value);
  return normal === '' ? null : { kind: 'match', entity, field, value: normal };
}

function text(value: Value): string | null {
  return value === undefined || value === null ? null : String(convert(value, 'text'));
}

function loop(
  rounds: readonly { place: Place; when: Condition | null; body: LoopBody }[],
  kind: LoopBody['kind'],
): Value {
  const list: Json[] = [];
  const object = new Map<string, Json>();
  let index = 0;
  for (const { place, when, body } of rounds) {
    if (when !== null && !holds(when, { ...place, index })) continue;
    index += 1;
    const inside = { ...place, index };
    if (body.kind === 'values') {
      const value = evaluate(body.value, inside);
      if (value !== undefined && value !== null) list.push(value);
      continue;
    }
    const key = text(evaluate(body.key, inside));
    const value = evaluate(body.value, inside);
    if (key === null || value === undefined || value === null) continue;
    if (object.has(key)) throw new Stop(runtime.twice(key));
    object.set(key, value);
  }
  if (kind === 'values') return list.length === 0 ? null : list;
  return object.size === 0 ? null : Object.fromEntries(object);
}

function runCall(call: Call, before: Value, place: Place): Value {
  const declared = FUNCTIONS.get(call.name);
  if (declared === undefined) throw new TypeError(`no function ${call.name}`);
  let value = before;
  if (!declared.takesEmpty) {
    if (value === undefined || value === null) return value;
    value = convert(value, declared.input);
    if (value === null) return null;
  }
  const args = call.args.map((arg, index) => callArgument(arg, declared.args[index] ?? declared.args.at(-1), place));
  const run = declared.run as unknown as (value: Json, ...args: unknown[]) => Json | Fault;
  const made = good(run(value ?? null, ...args));
  return declared.output === 'text' && made === '' ? null : made;
}

function callArgument(
  arg: Argument,
  spec: { readonly kind: string; readonly name: string; readonly min?: number; readonly max?: number } | undefined,
  place: Place,
): unknown {
  const kind = spec?.kind ?? 'any';
  if (kind === 'table') return place.file.tables.get(arg.kind === 'path' ? arg.text : '');
  if (arg.kind === 'literal') {
    if (kind === 'pattern') return compilePattern(String(arg.value));
    if (kind === 'format') return parseFormat(String(arg.value));
    return (kind === 'text' || kind === 'decimal') && arg.value !== null ? String(arg.value) : arg.value;
  }
  const value = evaluate(arg, place);
  if (kind === 'any') return value ?? null;
  const converted = value === undefined || value === null ? null : convert(value, kind);
  if (converted === null) throw new Stop(new Fault('empty-argument', ''));
  if (spec?.min !== undefined && (Number(converted) < spec.min || Number(converted) > (spec.max ?? Infinity)))
    throw new Stop(new Fault('wrong-argument', ''));
  return converted;
}

function holds(condition: Condition, place: Place): boolean {
  switch (condition.kind) {
    case 'all':
      return condition.conditions.every((part) => holds(part, place));
    case 'any':
      return condition.conditions.some((part) => holds(part, place));
    case 'not':
      return !holds(condition.condition, place);
    case 'empty':
      return runtime.isEmpty(evaluate(condition.left, place)) !== condition.negated;
    case 'true':
      return runtime.isTrue(evaluate(condition.left, place));
    case 'among': {
      const left = evaluate(condition.left, place);
      return condition.values.some((value) => runtime.equal(left, value.value));
    }
    default: {
      const left = evaluate(condition.left, place);
      const right = evaluate(condition.right, place);
      if (condition.operator === '=') return runtime.equal(left, right);
      if (condition.operator === '!=') return !runtime.equal(left, right);
      const order = runtime.order(left, right);
      return condition.operator === '<'
        ? order < 0
        : condition.operator === '<='
          ? order <= 0
          : condition.operator === '>'
            ? order > 0
            : order >= 0;
    }
  }
}

function readPath(path: Path, place: Place): Value {
  const { file } = place;
  const fromRecord = path.scope === 'record' || place.isTop;
  const [first] = path.segments;
  const isRows = file.groupBy !== null && fromRecord && first?.kind === 'name' && first.name === 'rows';
  const start = isRows ? place.whole : fromRecord ? place.record : place.here;
  const folded = path.segments.map((segment) =>
    segment.kind === 'name' && file.ignoreCase ? { ...segment, name: segment.name.toLowerCase() } : segment,
  );
  // A thing without names has none of them: absent, not null.
  return follow(first?.kind === 'name' && !isObject(start) ? {} : start, folded);
}

function follow(value: Value, segments: readonly Segment[]): Value {
  const [segment, ...rest] = segments;
  if (segment === undefined) return value === '' ? null : value;
  if (value === undefined || value === null) return value;
  if (segment.kind === 'name') return follow(read(value, segment.name), rest);
  if (!Array.isArray(value)) return undefined;
  if (segment.kind === 'index') return follow(value.at(segment.index), rest);
  if (segment.kind === 'where') {
    return follow(
      value.find((element) => {
        const found = read(element, segment.name);
        return found !== undefined && found !== null && typeof found !== 'object' && String(found) === segment.value;
      }),
      rest,
    );
  }
  return value.flatMap((element) => {
    const found = follow(element, rest);
    if (found === undefined || found === null) return [];
    return Array.isArray(found) && rest.some((one) => one.kind === 'every') ? found : [found];
  });
}

/** A result of the product in the words of {@link interpret}. */
export function reduceResult(result: MapResult): { readonly kind: string; readonly [name: string]: unknown } {
  if (result.kind === 'rejected')
    return { kind: 'rejected', problems: result.problems.map(({ field, code }) => `${field} ${code}`) };
  if (result.kind === 'filtered')
    return { kind: result.reason === 'no output applies' ? 'filtered no output applies' : `filtered ${result.reason}` };
  if (result.kind === 'deleted') return { kind: 'deleted' };
  const { id, version, entities, stock } = result;
  return { kind: 'mapped', id, version, entities, stock };
}
