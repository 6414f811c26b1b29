/** Turns a parsed and checked mapping into one JavaScript function. */
import { ENTITIES, type Field, STOCK_FIELDS } from '../canonical/entities.ts';
import { NORMALISERS } from '../canonical/normalise.ts';
import type { Json, JsonObject } from '../connector/contract.ts';
import type { FieldRule, MappingFile, OutputRule } from './ast.ts';
import { type Code, constant, fresh, hit, line, newCode, quote, type Scope } from './code.ts';
import { assignable, type Emitted, emitConvert } from './emit-call.ts';
import { emitCondition, emitNode, firstPointer, openLoop } from './emit-value.ts';
import { Fault } from './fault.ts';
import * as runtime from './runtime.ts';
import type { Tracer } from './tracer.ts';
import type { MapResult } from './types.ts';

export type CompiledMap = (record: Json, page: JsonObject, tracer: Tracer | null) => MapResult;

const MAX_TEXT = 10_000_000;

/** The fields an output may fill. */
export function fieldsOf(entity: OutputRule['entity']): Readonly<Record<string, Field>> {
  return entity === 'stock' ? STOCK_FIELDS : ENTITIES[entity].fields;
}

/** `traced`: the same evaluation, telling a tracer what it does. */
export function compileMapping(file: MappingFile, traced: boolean): CompiledMap {
  const code = newCode(traced, file.ignoreCase);
  const scope = emitStart(code, file);
  emitRecord(code, file, scope);
  const made: Made = { produced: new Map() };
  for (const output of file.outputs) emitOutput(code, file, output, scope, made);
  line(code, 'if (problems !== null) return { kind: "rejected", id, version, problems };');
  line(code, 'if (entities.length === 0 && stock.length === 0) return { kind: "filtered", id, version, reason: "no output applies" };');
  line(code, 'return { kind: "mapped", id, version, entities, stock };');
  const names = code.constants.map((_, index) => `k${index}`);
  const body = `"use strict"; return function map(record, page, t) {\n${code.lines.join('\n')}\n};`;
  // The body consists of our own statements; texts of the file are in it as JSON string literals only.
  const make = new Function('rt', 'Fault', ...names, body);
  return make(runtime, Fault, ...code.constants);
}

/** Which output made what so far: an expression for a reference to it. */
type Made = { readonly produced: Map<string, { readonly each: string | null; readonly variable: string }> };

function emitStart(code: Code, file: MappingFile): Scope {
  const isGrouped = file.groupBy !== null;
  const reject = (codeName: string, message: string): string =>
    `return { kind: "rejected", id: null, version: null, problems: [{ field: "record", pointer: "", code: ${quote(codeName)}, message: ${quote(message)} }] };`;
  line(code, 'let problems = null, id = null, version = null;');
  line(code, 'const entities = [], stock = [];');
  line(code, `if (typeof record !== "object" || record === null || Array.isArray(record)) ${reject('not-an-object', 'the record is not an object')}`);
  line(code, `let budget = ${runtime.LIMITS.rounds};`);
  if (isGrouped) {
    line(code, 'let rows = rt.own(record, "rows");');
    line(code, `if (!Array.isArray(rows) || rows.length === 0) ${reject('not-grouped', 'the record has no rows, though the mapping groups them')}`);
    if (file.ignoreCase) line(code, 'rows = rows.map((row) => rt.foldCase(rt.object(row)));');
    line(code, 'const whole = { rows }, first = rt.object(rows[0]);');
  } else line(code, `const whole = record, first = ${file.ignoreCase ? 'rt.foldCase(record)' : 'record'};`);
  return {
    element: 'first',
    object: 'first',
    record: 'first',
    rows: isGrouped ? 'rows' : null,
    whole: 'whole',
    index: '1',
    pointer: '""',
    isTop: true,
    entity: null,
    fail: leave('"record"', 'return { kind: "rejected", id, version, problems };', false),
    output: () => null,
  };
}

/** Statement that reports a fault and leaves to where it does no further harm. */
function leave(field: string, exit: string, isPersonal: boolean): Scope['fail'] {
  return (fault, pointer) => `{ problems = rt.report(problems, ${field}, ${pointer}, ${fault}, ${isPersonal}); if (t) t.reject(${field}, problems); ${exit} }`;
}

function emitRecord(code: Code, file: MappingFile, scope: Scope): void {
  if (file.key.length > 0) {
    const label = fresh(code);
    const inside = { ...scope, fail: leave('"record.key"', `break ${label};`, false) };
    line(code, `${label}: {`);
    const parts = file.key.map((part) => emitNode(code, part, inside, file.tables).name);
    line(code, `id = rt.joinKey([${parts.join(', ')}]);`);
    const pointer = file.key[0] === undefined ? quote('') : firstPointer(file.key[0], scope);
    line(code, `if (id === null) { let missing = rt.KEY_MISSING; ${inside.fail('missing', pointer)} }`);
    line(code, '}');
  }
  if (file.version !== null) {
    const label = fresh(code);
    const inside = { ...scope, fail: leave('"record.version"', `break ${label};`, false) };
    line(code, `${label}: {`);
    const value = assignable(code, emitNode(code, file.version, inside, file.tables)).name;
    line(code, `if (${value} != null) { ${value} = rt.asVersion(${value}); if (${value} instanceof Fault) ${inside.fail(value, firstPointer(file.version, scope))} version = ${value}; }`);
    line(code, '}');
  }
  emitExits(code, file, scope);
}

function emitExits(code: Code, file: MappingFile, scope: Scope): void {
  const rejected = 'if (problems !== null) return { kind: "rejected", id, version, problems };';
  for (const skip of file.skip) {
    line(code, `if (${emitCondition(code, skip.when, scope, file.tables)}) {`);
    hit(code, skip.at);
    line(code, `${rejected} return { kind: "filtered", id, version, reason: ${quote(skip.reason)} }; }`);
  }
  if (file.deleted === null) return;
  line(code, `if (${emitCondition(code, file.deleted, scope, file.tables)}) {`);
  hit(code, file.deleted.at);
  line(code, `${rejected} return { kind: "deleted", id, version }; }`);
}

function emitOutput(code: Code, file: MappingFile, output: OutputRule, scope: Scope, made: Made): void {
  const label = fresh(code);
  const variable = fresh(code);
  const inside: Scope = { ...scope, fail: leave(quote(output.name), `break ${label};`, false), output: (name) => reference(made, name, null) };
  line(code, `${output.each === null ? 'let' : 'const'} ${variable} = ${output.each === null ? 'false' : '[]'};`);
  line(code, `${label}: {`);
  if (output.each === null) emitSingle(code, file, output, inside, variable);
  else emitRepeated(code, file, output, output.each, inside, variable, made);
  line(code, '}');
  made.produced.set(output.name, { each: output.each?.text ?? null, variable });
}

function reference(made: Made, name: string, loop: { readonly each: string; readonly at: string } | null): string | null {
  const found = made.produced.get(name);
  if (found === undefined) return null;
  if (found.each === null) return `(${found.variable} ? { kind: "output", key: ${quote(name)} } : null)`;
  if (loop === null || loop.each !== found.each) return null;
  return `(${found.variable}[${loop.at}] === undefined ? null : { kind: "output", key: ${found.variable}[${loop.at}] })`;
}

function emitSingle(code: Code, file: MappingFile, output: OutputRule, scope: Scope, variable: string): void {
  if (output.when !== null) line(code, `if (!(${emitCondition(code, output.when, scope, file.tables)})) { ${dropped(code, quote(output.name))} } else {`);
  emitFields(code, file, output, scope, quote(output.name));
  line(code, `${variable} = true;`);
  if (output.when !== null) line(code, '}');
}

const dropped = (code: Code, key: string): string => (code.traced ? `t.skip(${key});` : '');

function emitRepeated(code: Code, file: MappingFile, output: OutputRule, over: NonNullable<OutputRule['each']>, scope: Scope, variable: string, made: Made): void {
  const body = fresh(code);
  const loop = openLoop(code, over, scope, file.tables, () => undefined);
  // `openLoop` names the position last in the pointer it builds.
  const at = /\+ (v\d+) \+ "\]"$/.exec(loop.pointer)?.[1] ?? '0';
  const inside: Scope = { ...loop, fail: leave(quote(output.name), `break ${body};`, false), output: (name) => reference(made, name, { each: over.text, at }) };
  line(code, `${body}: {`);
  if (output.when !== null) line(code, `if (!(${emitCondition(code, output.when, inside, file.tables)})) break ${body};`);
  line(code, `${loop.index} += 1;`);
  const key = fresh(code);
  if (output.key === null) line(code, `const ${key} = ${quote(`${output.name}:`)} + ${loop.index};`);
  else {
    const value = assignable(code, emitNode(code, output.key, inside, file.tables)).name;
    line(code, `${value} = rt.joinKey([${value}]); if (${value} === null) { ${value} = rt.KEY_MISSING; ${inside.fail(value, firstPointer(output.key, inside))} }`);
    line(code, `const ${key} = ${quote(`${output.name}:`)} + ${value};`);
    line(code, `if (${variable}.includes(${key})) { let twice = rt.twice(${value}); ${inside.fail('twice', firstPointer(output.key, inside))} }`);
  }
  emitFields(code, file, output, inside, key);
  line(code, `${variable}[${at}] = ${key};`);
  line(code, '} } }');
}

/** All fields of one output, then the output itself. `key` is an expression. */
function emitFields(code: Code, file: MappingFile, output: OutputRule, scope: Scope, key: string): void {
  const values = fresh(code);
  line(code, `const ${values} = {};`);
  if (code.traced) line(code, `t.open(${key}, ${quote(output.name)});`);
  for (const field of output.fields) emitField(code, file, output, field, scope, { values, key });
  const declared = fieldsOf(output.entity);
  for (const [name, spec] of Object.entries(declared)) {
    if (!spec.required || output.fields.some((field) => field.name === name)) continue;
    line(code, `problems = rt.report(problems, ${quote(`${output.name}.${name}`)}, "", rt.REQUIRED, false);`);
  }
  if (output.entity === 'stock') emitStock(code, values, key);
  else emitEntity(code, output, values, key);
}

function emitStock(code: Code, values: string, key: string): void {
  line(code, `if (problems === null) stock.push({ key: ${key}, entity: "stock", variant: ${values}.variant, location: ${values}.location ?? "default", quantity: ${values}.quantity, asOf: ${values}.as_of == null ? null : Date.parse(${values}.as_of) });`);
}

function emitEntity(code: Code, output: OutputRule, values: string, key: string): void {
  const match = fresh(code);
  line(code, `const ${match} = [];`);
  for (const { field } of output.match) {
    const normalise = NORMALISERS[fieldsOf(output.entity)[field]?.match ?? 'exact'];
    const found = fresh(code);
    line(code, `let ${found} = ${values}[${quote(field)}];`);
    line(code, `if (typeof ${found} === "string" && (${found} = ${constant(code, normalise)}(${found})) !== "") ${match}.push({ field: ${quote(field)}, value: ${found} });`);
  }
  line(code, `if (problems === null) entities.push({ key: ${key}, entity: ${quote(output.entity)}, match: ${match}, values: ${values} });`);
}

function emitField(code: Code, file: MappingFile, output: OutputRule, field: FieldRule, outer: Scope, into: { values: string; key: string }): void {
  const spec = fieldsOf(output.entity)[field.name];
  if (spec === undefined) return;
  const label = fresh(code);
  const scope: Scope = { ...outer, entity: spec.entity ?? null, fail: leave(quote(`${output.name}.${field.name}`), `break ${label};`, spec.personal === true) };
  line(code, `${label}: {`);
  if (code.traced) line(code, `t.begin(${into.key}, ${quote(field.name)}, ${field.at.start});`);
  const pointer = firstPointer(field.value, scope);
  const value = assignable(code, emitNode(code, field.value, scope, file.tables));
  emitKeep(code, value, spec, scope, pointer);
  const { name } = value;
  if (field.onNull === 'clear') line(code, `if (${name} === undefined) ${name} = null;`);
  if (spec.required) line(code, `if (${name} == null) { ${name} = rt.REQUIRED; ${scope.fail(name, pointer)} }`);
  if (code.traced) line(code, `t.end(${name}, ${field.onNull === 'omit'});`);
  line(code, `if (${name} ${field.onNull === 'omit' ? '!= null' : '!== undefined'}) ${into.values}[${quote(field.name)}] = ${name};`);
  line(code, '}');
}

/** Brings a value to the field's type and judges it as the store would. */
function emitKeep(code: Code, value: Emitted, spec: Field, scope: Scope, pointer: string): void {
  if (spec.type === 'reference') return;
  emitConvert(code, value, spec.type, scope, pointer);
  const { name } = value;
  if (spec.type === 'text') {
    line(code, `if (${name} != null) { ${name} = rt.keepText(${name}, ${spec.max ?? MAX_TEXT}); if (${name} instanceof Fault) ${scope.fail(name, pointer)} }`);
    if (spec.values !== undefined) {
      const allowed = constant(code, new Set(spec.values));
      line(code, `if (${name} != null && !${allowed}.has(${name})) { ${name} = rt.notAllowed(${name}, ${allowed}); ${scope.fail(name, pointer)} }`);
    }
  } else if (spec.type === 'json' || spec.type === 'list') {
    line(code, `if (${name} != null) { ${name} = rt.keepStructure(${name}); if (${name} instanceof Fault) ${scope.fail(name, pointer)} }`);
  }
}
