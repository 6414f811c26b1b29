/** Several rules often read the same value through the same functions; it is computed once a record. */
import type { EntityName, Field } from '../canonical/entities.ts';
import type { FieldRule, MappingFile, Node, OutputRule } from './ast.ts';
import { type Code, fresh, line, type Scope } from './code.ts';
import type { Emitted } from './emit-call.ts';
import { fieldsOf } from './fields.ts';

const POSITIONS = new Set(['at', 'nameAt', 'text']);

/** What a node computes, without where it stands. `entity`: what a reference in its place points to. */
export function keyOf(node: Node, entity: EntityName | undefined): string {
  let refers = false;
  const key = JSON.stringify(node, (name, part: Node) => {
    if (POSITIONS.has(name)) return undefined;
    refers ||= part?.kind === 'match' || part?.kind === 'external';
    // The text of the one is all it is, and the value of the other may have any names.
    if (part?.kind === 'jsonata') return ['jsonata', part.text];
    return part?.kind === 'literal' ? ['literal', JSON.stringify(part.value), part.decimal] : part;
  });
  return refers ? `${key}>${entity}` : key;
}

/** What a field is made of: one that must have a value asks for it at its end, so that its rule need not ask before. */
export function madeOf(code: Code, { value }: FieldRule, spec: Field): Node {
  // Watching wants to see every rule at work.
  if (code.traced || spec.required !== true || value.kind !== 'pipe') return value;
  const { source, calls } = value;
  if (calls.at(-1)?.name !== 'required') return value;
  return calls.length === 1 ? source : { ...value, calls: calls.slice(0, -1) };
}

/** What a field keeps of a node. */
export function keepKey(node: Node, spec: Field): string {
  return `${keyOf(node, spec.entity)}>${spec.type}:${spec.max ?? ''}:${spec.values?.join(',') ?? ''}`;
}

/** What an output is found by: the normalised value of a field. */
export function matchKey(code: Code, output: OutputRule, field: string): string | null {
  const rule = output.fields.find((candidate) => candidate.name === field);
  const spec = fieldsOf(output.entity)[field];
  return rule === undefined || spec === undefined
    ? null
    : `${keepKey(madeOf(code, rule, spec), spec)}~${spec.match ?? ''}`;
}

/** Counts what is computed more than once outside loops. */
export function countUses(code: Code, file: MappingFile): void {
  const count = (key: string): void => void code.uses.set(key, (code.uses.get(key) ?? 0) + 1);
  const nodes = [...file.key, ...(file.version === null ? [] : [file.version])];
  for (const node of nodes) count(keyOf(node, undefined));
  for (const output of file.outputs) {
    if (output.each !== null) continue;
    for (const field of output.fields) {
      const spec = fieldsOf(output.entity)[field.name];
      if (spec === undefined) continue;
      const value = madeOf(code, field, spec);
      count(keyOf(value, spec.entity));
      count(keepKey(value, spec));
    }
    for (const { field } of output.match) count(matchKey(code, output, field) ?? '');
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
