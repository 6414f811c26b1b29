/** Where messages about a value point: the first path it reads. */
import type { Node, Path } from './ast.ts';
import { pointerOf, quote, type Scope } from './code.ts';

/** Expression for the place messages about a node name: the first path it reads. */
export function firstPointer(node: Node, scope: Scope): string {
  const path = firstPath(node);
  return path === null ? (scope.isTop ? quote('') : scope.pointer) : pointerOf(path, scope);
}

function firstPath(node: Node): Path | null {
  if (node.kind === 'path') return node;
  if (node.kind === 'pipe') return firstPath(node.source);
  if (node.kind === 'each') return firstPath(node.over);
  const children = childrenOf(node);
  for (const child of children) {
    const found = firstPath(child);
    if (found !== null) return found;
  }
  return null;
}

/** Nodes directly inside a node that are evaluated in the same scope. */
function childrenOf(node: Node): readonly Node[] {
  if (node.kind === 'template') return node.parts.filter((part) => typeof part !== 'string');
  if (node.kind === 'first') return node.options;
  if (node.kind === 'choose') return node.branches.map((branch) => branch.value);
  if (node.kind === 'object') return node.entries.map((entry) => entry.value);
  if (node.kind === 'list') return node.elements;
  if (node.kind === 'numbered') return node.rounds.map((round) => round.body.value);
  return node.kind === 'match' || node.kind === 'external' ? [node.value] : [];
}
