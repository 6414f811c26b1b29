/** Writes outputs as JavaScript: their fields, match keys, and how they are put together. */
import type { Field } from '../canonical/entities.ts';
import { NORMALISERS } from '../canonical/normalise.ts';
import type { FieldRule, MappingFile, OutputRule } from './ast.ts';
import { type Code, constant, fresh, line, quote, type Scope } from './code.ts';
import { assignable, type Emitted, emitConvert } from './emit-call.ts';
import { emitCondition, emitNode, openLoop } from './emit-value.ts';
import { fieldsOf } from './fields.ts';
import { firstPointer } from './first-pointer.ts';
import { emitShared, keepKey, keyOf, madeOf, matchKey } from './share.ts';

const MAX_TEXT = 10_000_000;

/** Which output made what so far: an expression for a reference to it. */
export type Made = {
  readonly produced: Map<string, { readonly each: string | null; readonly variable: string }>;
  /** Where nothing repeats: the variables of outputs, put into their list at the end. `null`: they are appended as they come. */
  readonly singles: { readonly name: string; readonly isStock: boolean }[] | null;
};

/** Statement that reports a fault and leaves to where it does no further harm. */
export function leave(field: string, exit: string, isPersonal: boolean): Scope['fail'] {
  return (fault, pointer) =>
    `{ problems = r$report(problems, ${field}, ${pointer}, ${fault}, ${isPersonal}); if (t) t.reject(${field}, problems); ${exit} }`;
}

export function emitOutput(code: Code, file: MappingFile, output: OutputRule, scope: Scope, made: Made): void {
  const label = fresh(code);
  const variable = fresh(code);
  const inside: Scope = {
    ...scope,
    fail: leave(quote(output.name), `break ${label};`, false),
    output: (name) => reference(made, name, null),
  };
  line(code, `${output.each === null ? 'let' : 'const'} ${variable} = ${output.each === null ? 'false' : '[]'};`);
  line(code, `${label}: {`);
  if (output.each === null) emitSingle(code, file, output, inside, variable, made);
  else emitRepeated(code, file, output, output.each, inside, variable, made);
  line(code, '}');
  made.produced.set(output.name, { each: output.each?.text ?? null, variable });
}

function reference(
  made: Made,
  name: string,
  loop: { readonly each: string; readonly at: string } | null,
): string | null {
  const found = made.produced.get(name);
  if (found === undefined) return null;
  if (found.each === null) return `(${found.variable} ? { kind: "output", key: ${quote(name)} } : null)`;
  if (loop === null || loop.each !== found.each) return null;
  return `(${found.variable}[${loop.at}] === undefined ? null : { kind: "output", key: ${found.variable}[${loop.at}] })`;
}

function emitSingle(
  code: Code,
  file: MappingFile,
  output: OutputRule,
  scope: Scope,
  variable: string,
  made: Made,
): void {
  if (output.when !== null)
    line(
      code,
      `if (!(${emitCondition(code, output.when, scope, file.tables)})) { ${dropped(code, quote(output.name))} } else {`,
    );
  emitFields(code, file, output, scope, quote(output.name), made);
  line(code, `${variable} = true;`);
  if (output.when !== null) line(code, '}');
}

const dropped = (code: Code, key: string): string => (code.traced ? `t.skip(${key});` : '');

function emitRepeated(
  code: Code,
  file: MappingFile,
  output: OutputRule,
  over: NonNullable<OutputRule['each']>,
  scope: Scope,
  variable: string,
  made: Made,
): void {
  const body = fresh(code);
  const loop = openLoop(code, over, scope, file.tables, () => undefined);
  // `openLoop` names the position last in the pointer it builds.
  const at = /\+ (v\d+) \+ "\]"$/.exec(loop.pointer)?.[1] ?? '0';
  const inside: Scope = {
    ...loop,
    fail: leave(quote(output.name), `break ${body};`, false),
    output: (name) => reference(made, name, { each: over.text, at }),
  };
  line(code, `${body}: {`);
  if (output.when !== null)
    line(code, `if (!(${emitCondition(code, output.when, inside, file.tables)})) break ${body};`);
  line(code, `${loop.index} += 1;`);
  const key = fresh(code);
  if (output.key === null) line(code, `const ${key} = ${quote(`${output.name}:`)} + ${loop.index};`);
  else {
    const value = assignable(code, emitNode(code, output.key, inside, file.tables)).name;
    line(
      code,
      `${value} = r$joinKey([${value}]); if (${value} === null) { ${value} = r$KEY_MISSING; ${inside.fail(value, firstPointer(output.key, inside))} }`,
    );
    line(code, `const ${key} = ${quote(`${output.name}:`)} + ${value};`);
    line(
      code,
      `if (${variable}.includes(${key})) { let twice = r$twice(${value}); ${inside.fail('twice', firstPointer(output.key, inside))} }`,
    );
  }
  emitFields(code, file, output, inside, key, made);
  line(code, `${variable}[${at}] = ${key};`);
  line(code, '} } }');
}

/** All fields of one output, then the output itself. `key` is an expression. */
function emitFields(code: Code, file: MappingFile, output: OutputRule, scope: Scope, key: string, made: Made): void {
  const values = new Map(output.fields.map((field) => [field.name, fresh(code)]));
  if (values.size > 0) line(code, `let ${[...values.values()].join(', ')};`);
  if (code.traced) line(code, `t.open(${key}, ${quote(output.name)});`);
  for (const field of output.fields)
    emitField(code, file, output, field, scope, { variable: values.get(field.name) ?? '', key });
  line(code, 'if (problems === null) {');
  const literal = output.entity === 'stock' ? stockLiteral(values, key) : emitEntity(code, output, scope, values, key);
  if (made.singles === null) line(code, `${output.entity === 'stock' ? 'stock' : 'entities'}.push(${literal});`);
  else {
    const name = `o${made.singles.length}`;
    line(code, `${name} = ${literal};`);
    made.singles.push({ name, isStock: output.entity === 'stock' });
  }
  line(code, '}');
}

function stockLiteral(values: ReadonlyMap<string, string>, key: string): string {
  const asOf = values.get('as_of');
  const location = values.get('location');
  return `{ key: ${key}, entity: "stock", variant: ${values.get('variant')}, location: ${location === undefined ? '"default"' : `${location} ?? "default"`}, quantity: ${values.get('quantity')}, asOf: ${asOf === undefined ? 'null' : `${asOf} == null ? null : r$epochOf(${asOf})`} }`;
}

function emitEntity(
  code: Code,
  output: OutputRule,
  scope: Scope,
  values: ReadonlyMap<string, string>,
  key: string,
): string {
  const match = fresh(code);
  const found = output.match.map(({ field }) => {
    const kind = fieldsOf(output.entity)[field]?.match ?? 'exact';
    const value = values.get(field) ?? 'null';
    const { name } = emitShared(code, matchKey(code, output, field) ?? '', scope, () => {
      const made = fresh(code);
      line(code, `const ${made} = typeof ${value} === "string" ? ${constant(code, NORMALISERS[kind])}(${value}) : "";`);
      return { name: made, type: 'text' };
    });
    return { name, literal: `{ field: ${quote(field)}, value: ${name} }` };
  });
  line(code, `let ${match};`);
  const all = found.map(({ name }) => `${name} !== ""`).join(' && ');
  if (found.length > 0)
    line(code, `if (${all}) ${match} = [${found.map(({ literal }) => literal).join(', ')}]; else {`);
  line(code, `${match} = [];`);
  for (const { name, literal } of found) line(code, `if (${name} !== "") ${match}.push(${literal});`);
  if (found.length > 0) line(code, '}');
  return `{ key: ${key}, entity: ${quote(output.entity)}, match: ${match}, values: ${emitValues(code, values)} }`;
}

/** Absent fields are left out; mostly none is, and then the object is made in one go. */
function emitValues(code: Code, values: ReadonlyMap<string, string>): string {
  const name = fresh(code);
  const entries = [...values];
  line(code, `let ${name};`);
  const all = entries.map(([, variable]) => `${variable} !== undefined`).join(' && ') || 'true';
  line(
    code,
    `if (${all}) ${name} = { ${entries.map(([field, variable]) => `${quote(field)}: ${variable}`).join(', ')} }; else {`,
  );
  line(code, `${name} = {};`);
  for (const [field, variable] of entries)
    line(code, `if (${variable} !== undefined) ${name}[${quote(field)}] = ${variable};`);
  line(code, '}');
  return name;
}

function emitField(
  code: Code,
  file: MappingFile,
  output: OutputRule,
  field: FieldRule,
  outer: Scope,
  into: { variable: string; key: string },
): void {
  const spec = fieldsOf(output.entity)[field.name];
  if (spec === undefined) return;
  const label = fresh(code);
  const scope: Scope = {
    ...outer,
    entity: spec.entity ?? null,
    fail: leave(quote(`${output.name}.${field.name}`), `break ${label};`, spec.personal === true),
  };
  line(code, `${label}: {`);
  if (code.traced) line(code, `t.begin(${into.key}, ${quote(field.name)}, ${field.at.start});`);
  const pointer = firstPointer(field.value, scope);
  const node = madeOf(code, field, spec);
  const value = emitShared(code, keepKey(node, spec), scope, (outside) => {
    const compute = (inside: Scope): Emitted => emitNode(code, node, inside, file.tables);
    // Where only like fields use the value, keeping what they keep is enough.
    const isOnlyKept = code.uses.get(keepKey(node, spec)) === code.uses.get(keyOf(node, spec.entity));
    const made = assignable(
      code,
      isOnlyKept ? compute(outside) : emitShared(code, keyOf(node, spec.entity), outside, compute),
    );
    emitKeep(code, made, spec, outside, pointer);
    return made;
  });
  const { name } = value;
  if (field.onNull === 'clear') line(code, `if (${name} === undefined) ${name} = null;`);
  if (spec.required) line(code, `if (${name} == null) { ${name} = r$REQUIRED; ${scope.fail(name, pointer)} }`);
  if (code.traced) line(code, `t.end(${name}, ${field.onNull === 'omit'});`);
  line(code, `${into.variable} = ${field.onNull === 'omit' ? `${name} ?? undefined` : name};`);
  line(code, '}');
}

/** Brings a value to the field's type and judges it as the store would. */
function emitKeep(code: Code, value: Emitted, spec: Field, scope: Scope, pointer: string): void {
  if (spec.type === 'reference') return;
  emitConvert(code, value, spec.type, scope, pointer);
  const { name } = value;
  if (spec.type === 'text') {
    line(
      code,
      `if (${name} != null) { ${name} = r$keepText(${name}, ${spec.max ?? MAX_TEXT}); if (${name} instanceof Fault) ${scope.fail(name, pointer)} }`,
    );
    if (spec.values !== undefined) {
      const allowed = constant(code, new Set(spec.values));
      line(
        code,
        `if (${name} != null && !${allowed}.has(${name})) { ${name} = r$notAllowed(${name}, ${allowed}); ${scope.fail(name, pointer)} }`,
      );
    }
  } else if (spec.type === 'json' || spec.type === 'list') {
    line(
      code,
      `if (${name} != null) { ${name} = r$keepStructure(${name}); if (${name} instanceof Fault) ${scope.fail(name, pointer)} }`,
    );
  }
}

/** Lists made in one go are much cheaper than lists that grow. */
export function emitCollect(code: Code, singles: Made['singles']): void {
  if (singles === null) return;
  if (singles.length > 0) code.lines.unshift(`let ${singles.map(({ name }) => `${name} = null`).join(', ')};`);
  for (const [list, isStock] of [
    ['entities', false],
    ['stock', true],
  ] as const) {
    const names = singles.filter((single) => single.isStock === isStock).map(({ name }) => name);
    if (names.length === 0) {
      line(code, `${list} = [];`);
      continue;
    }
    const all = names.map((name) => `${name} !== null`).join(' && ');
    line(code, `${list} = ${all} ? [${names.join(', ')}] : [${names.join(', ')}].filter((made) => made !== null);`);
  }
}
