/** Several rules often read the same value through the same functions; it is computed once a record. */
import type { Field } from '../canonical/entities.ts';
import type { MappingFile, Node, OutputRule } from './ast.ts';
import { type Code, fresh, line, type Scope } from './code.ts';
import type { Emitted } from './emit-call.ts';
import { fieldsOf } from './fields.ts';

const POSITIONS = new Set(['at', 'nameAt', 'text']);

/** What a node computes, without where it stands. */
export function keyOf(node: Node): string {
  return JSON.stringify(node, (name, value: unknown) =>
    POSITIONS.has(name) && typeof value !== 'boolean' && node.kind !== 'jsonata' ? undefined : value,
  );
}

/** What a field keeps of a node. */
export function keepKey(node: Node, spec: Field): string {
  return `${keyOf(node)}>${spec.type}:${spec.max ?? ''}:${spec.values?.join(',') ?? ''}`;
}

/** What an output is found by: the normalised value of a field. */
export function matchKey(output: OutputRule, field: string): string | null {
  const rule = output.fields.find((candidate) => candidate.name === field);
  const spec = fieldsOf(output.entity)[field];
  return rule === undefined || spec === undefined ? null : `${keepKey(rule.value, spec)}~${spec.match ?? ''}`;
}

/** Counts what is computed more than once outside loops. */
export function countUses(code: Code, file: MappingFile): void {
  const count = (key: string): void => void code.uses.set(key, (code.uses.get(key) ?? 0) + 1);
  const nodes = [...file.key, ...(file.version === null ? [] : [file.version])];
  for (const node of nodes) count(keyOf(node));
  for (const output of file.outputs) {
    if (output.each !== null) continue;
    for (const field of output.fields) {
      const spec = fieldsOf(output.entity)[field.name];
      count(keyOf(field.value));
      if (spec !== undefined) count(keepKey(field.value, spec));
    }
    for (const { field } of output.match) count(matchKey(output, field) ?? '');
  }
}

/**
 * Writes code that computes a value on its first use in a record and finds it again after that; also when it is a
 * fault, which each rule reports for itself.
 */
export function emitShared(code: Code, key: string, scope: Scope, emit: (inside: Scope) => Emitted): Emitted {
  // Watching wants to see every rule at work.
  if (code.traced || !scope.isTop || (code.uses.get(key) ?? 0) < 2) return emit(scope);
  const known = code.shared.get(key);
  const name = fresh(code);
  const keeper = known?.name ?? fresh(code);
  const label = fresh(code);
  line(code, `if (${keeper} === r$NONE) { ${label}: {`);
  const value = emit({
    ...scope,
    fail: (fault, pointer) => `{ ${keeper} = ${fault}; ${keeper}p = ${pointer}; break ${label}; }`,
  });
  line(code, `${keeper} = ${value.name}; } }`);
  line(code, `let ${name} = ${keeper}; if (${name} instanceof Fault) ${scope.fail(name, `${keeper}p`)}`);
  code.shared.set(key, { name: keeper, type: value.type });
  return { name, type: value.type };
}
