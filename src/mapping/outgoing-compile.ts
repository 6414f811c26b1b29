/** Turns an outgoing mapping into one JavaScript function, with the same parts as incoming ones. */
import type { Json, JsonObject } from '../connector/contract.ts';
import type { Node } from './ast.ts';
import { fresh, line, newCode, quote, type Scope } from './code.ts';
import { closeCode } from './compile.ts';
import { assignable } from './emit-call.ts';
import { leave } from './emit-output.ts';
import { emitCondition, emitNode } from './emit-value.ts';
import { firstPointer } from './first-pointer.ts';
import type { OutgoingFile, WriteField } from './outgoing-parse.ts';
import { LIMITS } from './runtime.ts';
import type { Tracer } from './tracer.ts';
import type { RecordProblem } from './types.ts';

/** What the rules of a file make of an entity, whatever is to be done with it. */
export type Written =
  | { readonly kind: 'write'; readonly id: string | null; readonly values: JsonObject }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly problems: readonly RecordProblem[] };

/** Name of the only output, in traces. */
export const WRITE = 'write';

export function compileOutgoing(
  file: OutgoingFile,
  traced: boolean,
): (entity: Json, page: JsonObject, tracer: Tracer | null) => Written {
  const code = newCode(traced, false);
  const { tables } = file.base;
  const rejected = 'return { kind: "rejected", problems };';
  const scope: Scope = {
    element: 'record',
    object: 'record',
    record: 'record',
    rows: null,
    whole: 'record',
    index: '1',
    pointer: '""',
    isTop: true,
    entity: null,
    fail: leave('"write.when"', rejected, false),
    output: () => null,
  };
  line(code, 'let problems = null, id = null; const values = {};');
  line(code, `let budget = ${LIMITS.rounds};`);
  const skipped = (reason: string): string => `return { kind: "skipped", reason: ${quote(reason)} };`;
  for (const skip of file.base.skip) {
    line(code, `if (${emitCondition(code, skip.when, scope, tables)}) {`);
    if (traced) line(code, `t.hit(${skip.at.start});`);
    line(code, `${skipped(skip.reason)} }`);
  }
  if (file.when !== null)
    line(code, `if (!(${emitCondition(code, file.when.condition, scope, tables)})) ${skipped(file.when.reason)}`);
  emitId(file.id);
  if (traced) line(code, `t.open(${quote(WRITE)}, ${quote(WRITE)});`);
  for (const field of file.fields) emitField(field);
  line(code, `if (problems !== null) ${rejected}`);
  line(code, 'return { kind: "write", id, values };');
  return closeCode(code);

  function emitId(id: Node): void {
    const label = fresh(code);
    const inside = { ...scope, fail: leave('"write.id"', `break ${label};`, false) };
    line(code, `${label}: {`);
    line(code, `id = r$singleKey(${emitNode(code, id, inside, tables).name});`);
    line(code, '}');
  }

  function emitField(field: WriteField): void {
    const label = fresh(code);
    const inside = { ...scope, fail: leave(quote(`${WRITE}.${field.name}`), `break ${label};`, true) };
    line(code, `${label}: {`);
    if (traced) line(code, `t.begin(${quote(WRITE)}, ${quote(field.name)}, ${field.at.start});`);
    const { name } = assignable(code, emitNode(code, field.value, inside, tables));
    line(
      code,
      `if (${name} != null) { ${name} = typeof ${name} === "object" ? r$keepStructure(${name}) : typeof ${name} === "string" ? r$keepText(${name}, ${LIMITS.text}) : ${name}; if (${name} instanceof Fault) ${inside.fail(name, firstPointer(field.value, inside))} }`,
    );
    if (traced) line(code, `t.end(${name}, ${!field.clear});`);
    line(code, `if (${name} != null) r$put(values, ${quote(field.name)}, ${name});`);
    if (field.clear) line(code, `else r$put(values, ${quote(field.name)}, null);`);
    line(code, '}');
  }
}
