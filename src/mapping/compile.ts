/** Turns a parsed and checked mapping into one JavaScript function. */
import type { Json, JsonObject } from '../connector/contract.ts';
import type { MappingFile } from './ast.ts';
import { type Code, fresh, hit, line, newCode, quote, type Scope } from './code.ts';
import { assignable } from './emit-call.ts';
import { emitCollect, emitOutput, leave, type Made } from './emit-output.ts';
import { emitCondition, emitNode } from './emit-value.ts';
import { Fault } from './fault.ts';
import { firstPointer } from './first-pointer.ts';
import * as runtime from './runtime.ts';
import { countUses, emitShared, keyOf } from './share.ts';
import type { Tracer } from './tracer.ts';
import type { MapResult } from './types.ts';

export type CompiledMap = (record: Json, page: JsonObject, tracer: Tracer | null) => MapResult;

/** `traced`: the same evaluation, telling a tracer what it does. */
export function compileMapping(file: MappingFile, traced: boolean): CompiledMap {
  const code = newCode(traced, file.ignoreCase);
  countUses(code, file);
  const isSingle = file.outputs.every((output) => output.each === null);
  line(code, isSingle ? 'let entities, stock;' : 'let entities = [], stock = [];');
  const scope = emitStart(code, file);
  emitRecord(code, file, scope);
  const made: Made = { produced: new Map(), singles: isSingle ? [] : null };
  for (const output of file.outputs) emitOutput(code, file, output, scope, made);
  const singles = made.singles;
  line(code, 'if (problems !== null) return { kind: "rejected", id, version, problems };');
  emitCollect(code, singles);
  line(
    code,
    'if (entities.length === 0 && stock.length === 0) return { kind: "filtered", id, version, reason: "no output applies" };',
  );
  line(code, 'return { kind: "mapped", id, version, entities, stock };');
  return closeCode(code);
}

/** Makes the function of the lines that were written. */
export function closeCode<Result>(code: Code): (record: Json, page: JsonObject, tracer: Tracer | null) => Result {
  const names = code.constants.map((_, index) => `k${index}`);
  const shared = [...code.shared.values()]
    .map((keeper) => `let ${keeper.name} = r$NONE, ${keeper.name}p = "";`)
    .join('\n');
  // Constants of the closure are folded by the engine, names read from a module object are not.
  const header = Object.keys(runtime)
    .map((name) => `const r$${name} = rt.${name};`)
    .join(' ');
  const body = `"use strict"; ${header} return function map(record, page, t) {\n${shared}\n${code.lines.join('\n')}\n};`;
  // The body consists of our own statements; texts of the file are in it as JSON string literals only.
  const make = new Function('rt', 'Fault', ...names, body);
  return make(runtime, Fault, ...code.constants);
}

function emitStart(code: Code, file: MappingFile): Scope {
  const isGrouped = file.groupBy !== null;
  const reject = (codeName: string, message: string): string =>
    `return { kind: "rejected", id: null, version: null, problems: [{ field: "record", pointer: "", code: ${quote(codeName)}, message: ${quote(message)} }] };`;
  line(code, 'let problems = null, id = null, version = null;');
  line(
    code,
    `if (typeof record !== "object" || record === null || Array.isArray(record)) ${reject('not-an-object', 'the record is not an object')}`,
  );
  line(code, `let budget = ${runtime.LIMITS.rounds};`);
  if (isGrouped) {
    line(code, 'let rows = r$own(record, "rows");');
    // A row that no other belongs to comes by itself.
    line(code, 'if (!Array.isArray(rows)) rows = [record];');
    line(
      code,
      `if (rows.length === 0) ${reject('not-grouped', 'the record has no rows, though the mapping groups them')}`,
    );
    if (file.ignoreCase) line(code, 'rows = rows.map((row) => r$foldCase(r$object(row)));');
    line(code, 'const whole = { rows }, first = r$object(rows[0]);');
  } else line(code, `const whole = record, first = ${file.ignoreCase ? 'r$foldCase(record)' : 'record'};`);
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

function emitRecord(code: Code, file: MappingFile, scope: Scope): void {
  if (file.key.length > 0) {
    const label = fresh(code);
    const inside = { ...scope, fail: leave('"record.key"', `break ${label};`, false) };
    line(code, `${label}: {`);
    const parts = file.key.map(
      (part) => emitShared(code, keyOf(part, undefined), inside, (at) => emitNode(code, part, at, file.tables)).name,
    );
    line(code, parts.length === 1 ? `id = r$singleKey(${parts[0]});` : `id = r$joinKey([${parts.join(', ')}]);`);
    const pointer = file.key[0] === undefined ? quote('') : firstPointer(file.key[0], scope);
    line(code, `if (id === null) { let missing = r$KEY_MISSING; ${inside.fail('missing', pointer)} }`);
    line(code, '}');
  }
  if (file.version !== null) {
    const label = fresh(code);
    const inside = { ...scope, fail: leave('"record.version"', `break ${label};`, false) };
    line(code, `${label}: {`);
    const { version } = file;
    const pointer = firstPointer(version, scope);
    const made = assignable(
      code,
      emitShared(code, keyOf(version, undefined), inside, (at) => emitNode(code, version, at, file.tables)),
    );
    const read = made.type === 'timestamp' ? 'r$epochOf' : 'r$asVersion';
    line(
      code,
      `if (${made.name} != null) { ${made.name} = ${read}(${made.name}); if (${made.name} instanceof Fault) ${inside.fail(made.name, pointer)} version = ${made.name}; }`,
    );
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
