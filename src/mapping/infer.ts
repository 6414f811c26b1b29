/** The type a node's value surely has, from literals and functions alone; what a record holds is `any`. */
import type { Argument, Call, Node } from './ast.ts';
import type { ValueType } from './functions/define.ts';
import { FUNCTIONS } from './functions.ts';

export type NodeType = ValueType | 'reference';

export function inferType(node: Node): NodeType {
  switch (node.kind) {
    case 'path':
    case 'context':
    case 'jsonata':
      return 'any';
    case 'literal':
      return literalType(node);
    case 'pipe':
      return node.calls.reduce(afterCall, inferType(node.source));
    case 'template':
      return 'text';
    case 'first':
      return common(node.options.map(inferType));
    case 'choose':
      return common(node.branches.map((branch) => inferType(branch.value)));
    case 'object':
      return 'json';
    case 'list':
      return 'list';
    case 'each':
      return node.body.kind === 'entries' ? 'json' : 'list';
    case 'numbered':
      return node.rounds[0]?.body.kind === 'entries' ? 'json' : 'list';
    default:
      return 'reference';
  }
}

/** Type of a constant; `null` has none. */
export function literalType(node: Argument): ValueType {
  if (node.kind !== 'literal' || node.value === null) return 'any';
  if (node.decimal) return 'decimal';
  if (typeof node.value === 'string') return 'text';
  if (typeof node.value === 'number') return 'integer';
  if (typeof node.value === 'boolean') return 'boolean';
  return Array.isArray(node.value) ? 'list' : 'json';
}

/** Type behind a call when `before` went in. */
export function afterCall(before: NodeType, call: Call): NodeType {
  const declared = FUNCTIONS.get(call.name);
  if (declared === undefined || declared.output === 'element') return 'any';
  if (declared.output !== 'same') return declared.output;
  const [argument] = call.args;
  return call.name === 'default' && argument !== undefined ? common([before, literalType(argument)]) : before;
}

function common(types: readonly NodeType[]): NodeType {
  const [first] = types;
  return first !== undefined && types.every((type) => type === first) ? first : 'any';
}
