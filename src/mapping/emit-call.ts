/** Writes paths, arguments and function calls as JavaScript. */
import { isDecimal } from '../canonical/decimal.ts';
import { parseFormat } from '../canonical/time-format.ts';
import type { Argument, Call, Context, Literal, Path, Segment, TableRule } from './ast.ts';
import { type Code, constant, fresh, line, pointerOf, quote, readName, type Scope } from './code.ts';
import type { ArgumentSpec, MappingFunction, ValueType } from './functions/define.ts';
import { FUNCTIONS } from './functions.ts';
import { afterCall, literalType, type NodeType } from './infer.ts';
import { compilePattern } from './pattern.ts';
import { LIMITS } from './runtime.ts';

/** A value that has been computed: the variable that holds it, and its type. */
export type Emitted = { readonly name: string; readonly type: NodeType };

const CONVERT: Readonly<Record<ValueType, string | null>> = {
  any: null,
  text: 'asText',
  integer: 'asInteger',
  decimal: 'asDecimal',
  boolean: 'asBoolean',
  timestamp: 'asTimestamp',
  date: 'asDate',
  json: 'asObject',
  list: 'asList',
};

/** Types whose values are strings, and which can therefore be taken as text as they are. */
const WRITTEN: ReadonlySet<NodeType> = new Set(['text', 'decimal', 'timestamp', 'date']);

export function emitArgument(code: Code, node: Argument, scope: Scope): Emitted {
  if (node.kind === 'path') return emitPath(code, node, scope);
  return node.kind === 'context' ? emitContext(code, node, scope) : emitLiteral(code, node);
}

function emitLiteral(code: Code, node: Literal): Emitted {
  const { value } = node;
  const isSimple = value === null || typeof value !== 'object';
  return { name: isSimple ? JSON.stringify(value) : constant(code, value), type: literalType(node) };
}

function emitContext(code: Code, node: Context, scope: Scope): Emitted {
  const name = fresh(code);
  const source = node.name === 'index' ? scope.index : `r$own(page, ${quote(node.name)})`;
  line(code, `let ${name} = ${source};`);
  if (node.name !== 'index') line(code, `if (${name} === "") ${name} = null;`);
  if (code.traced) line(code, `t.read(${quote(`@${node.name}`)}, ${name});`);
  return { name, type: node.name === 'index' ? 'integer' : 'any' };
}

/** Reads a path; an empty text counts as null. */
export function emitPath(code: Code, path: Path, scope: Scope): Emitted {
  const name = fresh(code);
  line(code, `let ${name} = ${pathExpression(code, path, scope)};`);
  const [only] = path.segments;
  if (path.segments.length <= 1 && !isRows(only, path, scope)) line(code, `if (${name} === "") ${name} = null;`);
  if (code.traced) line(code, `t.read(${pointerOf(path, scope)}, ${name});`);
  return { name, type: 'any' };
}

function isRows(segment: Segment | undefined, path: Path, scope: Scope): boolean {
  const fromRecord = path.scope === 'record' || scope.isTop;
  return scope.rows !== null && fromRecord && segment?.kind === 'name' && segment.name === 'rows';
}

function pathExpression(code: Code, path: Path, scope: Scope): string {
  const fromRecord = path.scope === 'record' || scope.isTop;
  const start = fromRecord ? scope.record : scope.object;
  const [first] = path.segments;
  if (first === undefined) return fromRecord ? scope.record : scope.element;
  if (isRows(first, path, scope) && path.segments.length === 1) return scope.rows ?? scope.whole;
  if (first.kind === 'name' && path.segments.length === 1) return readName(start, folded(code, first.name));
  const segments = path.segments.map((segment) =>
    segment.kind === 'name' ? { ...segment, name: folded(code, segment.name) } : segment,
  );
  const root = isRows(first, path, scope)
    ? scope.whole
    : first.kind === 'name'
      ? start
      : fromRecord
        ? scope.record
        : scope.element;
  return `r$readPath(${root}, ${constant(code, segments)})`;
}

const folded = (code: Code, name: string): string => (code.ignoreCase ? name.toLowerCase() : name);

/** Brings a variable to a type; leaves on a fault. Empty stays empty. */
export function emitConvert(code: Code, value: Emitted, to: ValueType, scope: Scope, pointer: string): void {
  const convert = CONVERT[to];
  if (convert === null || value.type === to || (to === 'text' && WRITTEN.has(value.type))) return;
  const { name } = value;
  const isNeeded = to === 'text' ? `typeof ${name} !== "string" && ${name} != null` : `${name} != null`;
  line(
    code,
    `if (${isNeeded}) { ${name} = r$${convert}(${name}); if (${name} instanceof Fault) ${scope.fail(name, pointer)} }`,
  );
}

/** A copy that may be assigned to; literals are no variables. */
export function assignable(code: Code, value: Emitted): Emitted {
  if (/^v\d+$/.test(value.name)) return value;
  const name = fresh(code);
  line(code, `let ${name} = ${value.name};`);
  return { name, type: value.type };
}

/** Sends a value through functions. */
export function emitCalls(
  code: Code,
  source: Emitted,
  calls: readonly Call[],
  scope: Scope,
  tables: ReadonlyMap<string, TableRule>,
  pointer: string,
): Emitted {
  let value = assignable(code, source);
  for (const call of calls) {
    const declared = FUNCTIONS.get(call.name);
    if (declared === undefined) continue;
    if (!declared.takesEmpty) emitConvert(code, value, declared.input, scope, pointer);
    emitCall(code, value, call, declared, scope, tables, pointer);
    value = { name: value.name, type: afterCall(value.type, call) };
    if (code.traced) line(code, `t.step(${quote(call.text)}, ${value.name});`);
  }
  return value;
}

function emitCall(
  code: Code,
  value: Emitted,
  call: Call,
  declared: MappingFunction,
  scope: Scope,
  tables: ReadonlyMap<string, TableRule>,
  pointer: string,
): void {
  const { name } = value;
  if (!declared.takesEmpty) line(code, `if (${name} != null) {`);
  const args = call.args.map((arg, index) =>
    emitCallArgument(
      code,
      arg,
      specOf(declared, index),
      call,
      { ...scope, fail: (fault) => scope.fail(fault, pointer) },
      tables,
    ),
  );
  const input = declared.takesEmpty ? `${name} === undefined ? null : ${name}` : name;
  if (code.traced && declared.name === 'lookup') line(code, `t.entry(${args[0]}, ${name});`);
  line(code, `${name} = ${constant(code, declared.run)}(${[input, ...args].join(', ')});`);
  line(code, `if (${name} instanceof Fault) ${scope.fail(name, pointer)}`);
  if (declared.output === 'text') line(code, `if (${name} === "") ${name} = null;`);
  if (declared.grows)
    line(
      code,
      `if (${name} !== null && ${name}.length > ${LIMITS.text}) { ${name} = r$TOO_LONG; ${scope.fail(name, pointer)} }`,
    );
  if (!declared.takesEmpty) line(code, '}');
}

export function specOf(declared: MappingFunction, index: number): ArgumentSpec | undefined {
  const last = declared.args.at(-1);
  return declared.args[index] ?? (last?.rest ? last : undefined);
}

const PREPARED: ReadonlySet<string> = new Set(['pattern', 'zone', 'format', 'table', 'choice']);

/** True for kinds of arguments that are prepared once and therefore must be constants. */
export const isPrepared = (kind: string): boolean => PREPARED.has(kind);

function emitCallArgument(
  code: Code,
  node: Argument,
  spec: ArgumentSpec | undefined,
  call: Call,
  scope: Scope,
  tables: ReadonlyMap<string, TableRule>,
): string {
  if (spec === undefined) return 'undefined';
  if (isPrepared(spec.kind)) return emitPrepared(code, node, spec, tables);
  if (node.kind === 'literal') return constantArgument(code, node, spec);
  const value = emitArgument(code, node, scope);
  if (spec.kind === 'any') return `(${value.name} === undefined ? null : ${value.name})`;
  emitConvert(code, value, spec.kind === 'text' || spec.kind === 'integer' ? spec.kind : 'decimal', scope, '');
  const fault = constant(code, `${call.name}:${spec.name}`);
  line(code, `if (${value.name} == null) { ${value.name} = r$emptyArgument(${fault}); ${scope.fail(value.name, '')} }`);
  if (spec.min !== undefined) {
    const { min, max = Number.MAX_SAFE_INTEGER } = spec;
    const beyond = constant(code, `${call.name}:${spec.name}:${min}:${max}`);
    line(
      code,
      `if (${value.name} < ${min} || ${value.name} > ${max}) { ${value.name} = r$wrongArgument(${beyond}); ${scope.fail(value.name, '')} }`,
    );
  }
  return value.name;
}

function constantArgument(code: Code, node: Literal, spec: ArgumentSpec): string {
  if (spec.kind === 'decimal') return quote(isDecimal(String(node.value)) ? String(node.value) : '0');
  if (spec.kind === 'text' && node.value !== null) return quote(String(node.value));
  return emitLiteral(code, node).name;
}

function emitPrepared(code: Code, node: Argument, spec: ArgumentSpec, tables: ReadonlyMap<string, TableRule>): string {
  if (spec.kind === 'table')
    return constant(
      code,
      tables.get(node.kind === 'path' ? node.text : String(node.kind === 'literal' ? node.value : '')),
    );
  const text = node.kind === 'literal' ? String(node.value) : '';
  if (spec.kind === 'pattern') return constant(code, compilePattern(text));
  return spec.kind === 'format' ? constant(code, parseFormat(text)) : quote(text);
}
