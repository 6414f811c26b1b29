/** Writes values and conditions as JavaScript, one statement after the other. */
import { ENTITIES } from '../canonical/entities.ts';
import { NORMALISERS } from '../canonical/normalise.ts';
import type { Branch, Condition, LoopBody, Node, TableRule } from './ast.ts';
import { type Code, constant, fresh, hit, line, quote, type Scope } from './code.ts';
import { assignable, type Emitted, emitArgument, emitCalls, emitConvert } from './emit-call.ts';
import { firstPointer } from './first-pointer.ts';
import { inferType } from './infer.ts';
import { runJsonata } from './jsonata.ts';
import { LIMITS } from './runtime.ts';

export type Tables = ReadonlyMap<string, TableRule>;

export function emitNode(code: Code, node: Node, scope: Scope, tables: Tables): Emitted {
  switch (node.kind) {
    case 'path':
    case 'literal':
    case 'context':
      return emitArgument(code, node, scope);
    case 'pipe':
      return emitCalls(
        code,
        emitNode(code, node.source, scope, tables),
        node.calls,
        scope,
        tables,
        firstPointer(node, scope),
      );
    case 'template':
      return emitTemplate(code, node.parts, scope, tables);
    case 'first':
      return emitFirst(code, node.options, scope, tables);
    case 'choose':
      return emitChoose(code, node, scope, tables);
    case 'object':
      return emitObject(code, node.entries, scope, tables);
    case 'list':
      return emitList(code, node.elements, scope, tables);
    case 'each':
      return emitEach(code, node, scope, tables);
    case 'numbered':
      return emitNumbered(code, node.rounds, scope, tables);
    case 'jsonata':
      return emitJsonata(code, node.text, scope);
    default:
      return emitReference(code, node, scope, tables);
  }
}

function emitTemplate(code: Code, parts: readonly (string | Node)[], scope: Scope, tables: Tables): Emitted {
  const pieces = parts.map((part) => {
    if (typeof part === 'string') return { expression: quote(part), name: null };
    const value = assignable(code, emitNode(code, part, scope, tables));
    emitConvert(code, value, 'text', scope, firstPointer(part, scope));
    return { expression: value.name, name: value.name };
  });
  const holes = pieces.flatMap((piece) => (piece.name === null ? [] : [piece.name]));
  const name = fresh(code);
  const empty = holes.map((hole) => `${hole} == null`).join(' || ');
  const whole = pieces.map((piece) => piece.expression).join(' + ') || '""';
  line(code, `let ${name} = ${empty === '' ? '' : `${empty} ? null : `}${whole};`);
  if (holes.length > 0)
    line(
      code,
      `if (${name} !== null && ${name}.length > ${LIMITS.text}) { ${name} = r$TOO_LONG; ${scope.fail(name, quote(''))} }`,
    );
  return { name, type: 'text' };
}

function emitFirst(code: Code, options: readonly Node[], scope: Scope, tables: Tables): Emitted {
  const name = fresh(code);
  line(code, `let ${name};`);
  options.forEach((option, index) => {
    if (index > 0) line(code, `if (${name} == null) {`);
    const value = emitNode(code, option, scope, tables);
    line(code, `if (${value.name} != null || ${name} === undefined) ${name} = ${value.name};`);
    if (code.traced) line(code, `if (${value.name} != null) t.hit(${option.at.start});`);
    if (index > 0) line(code, '}');
  });
  return { name, type: inferType({ kind: 'first', options, at: { start: 0, end: 0 } }) };
}

function emitChoose(code: Code, node: { readonly branches: readonly Branch[] }, scope: Scope, tables: Tables): Emitted {
  const name = fresh(code);
  line(code, `let ${name} = null;`);
  let depth = 0;
  for (const branch of node.branches) {
    if (branch.when !== null) {
      const condition = emitCondition(code, branch.when, scope, tables);
      line(code, `if (${condition}) {`);
    }
    hit(code, branch.at);
    const value = emitNode(code, branch.value, scope, tables);
    line(code, `${name} = ${value.name};`);
    if (branch.when === null) break;
    line(code, '} else {');
    depth += 1;
  }
  line(code, '}'.repeat(depth));
  const types = node.branches.map((branch) => inferType(branch.value));
  const [first] = types;
  return { name, type: first !== undefined && types.every((type) => type === first) ? first : 'any' };
}

function emitObject(
  code: Code,
  entries: readonly { readonly name: string; readonly value: Node }[],
  scope: Scope,
  tables: Tables,
): Emitted {
  const name = fresh(code);
  const filled = fresh(code);
  line(code, `let ${name} = {}, ${filled} = false;`);
  for (const entry of entries) {
    const value = emitNode(code, entry.value, scope, tables);
    const put =
      entry.name === '__proto__'
        ? `r$put(${name}, "__proto__", ${value.name})`
        : `${name}[${quote(entry.name)}] = ${value.name}`;
    line(code, `if (${value.name} !== undefined) { ${put}; if (${value.name} !== null) ${filled} = true; }`);
  }
  line(code, `if (!${filled}) ${name} = null;`);
  return { name, type: 'json' };
}

function emitList(code: Code, elements: readonly Node[], scope: Scope, tables: Tables): Emitted {
  const name = fresh(code);
  line(code, `let ${name} = [];`);
  for (const element of elements) {
    const value = emitNode(code, element, scope, tables);
    line(code, `if (${value.name} != null) ${name}.push(${value.name});`);
  }
  line(code, `if (${name}.length === 0) ${name} = null;`);
  return { name, type: 'list' };
}

/** Opens a loop over a list; gives the scope inside. The caller closes it with `}` twice. */
export function openLoop(code: Code, over: Node, scope: Scope, tables: Tables, onList: (list: string) => void): Scope {
  const list = assignable(code, emitNode(code, over, scope, tables)).name;
  const pointer = firstPointer(over, scope);
  line(code, `if (${list} != null) {`);
  line(code, `${list} = r$asList(${list}); if (${list} instanceof Fault) ${scope.fail(list, pointer)}`);
  onList(list);
  const at = fresh(code);
  const element = fresh(code);
  const object = fresh(code);
  const index = fresh(code);
  line(code, `let ${index} = 0;`);
  line(code, `for (let ${at} = 0; ${at} < ${list}.length; ${at} += 1) {`);
  line(code, `if ((budget -= 1) < 0) { let over = r$TOO_MUCH; ${scope.fail('over', pointer)} }`);
  line(code, `const ${element} = ${list}[${at}]; const ${object} = r$object(${element});`);
  return { ...scope, element, object, index, isTop: false, pointer: `${pointer} + "[" + ${at} + "]"` };
}

function emitEach(
  code: Code,
  node: { readonly over: Node; readonly when: Condition | null; readonly body: LoopBody },
  scope: Scope,
  tables: Tables,
): Emitted {
  const name = fresh(code);
  line(code, `let ${name};`);
  const inside = openLoop(code, node.over, scope, tables, () =>
    line(code, `${name} = ${node.body.kind === 'entries' ? '{}' : '[]'};`),
  );
  emitRound(code, node, name, inside, tables, `${inside.index} += 1;`);
  line(code, `} if (r$isHollow(${name})) ${name} = null; }`);
  return { name, type: node.body.kind === 'entries' ? 'json' : 'list' };
}

function emitNumbered(
  code: Code,
  rounds: readonly { readonly when: Condition | null; readonly body: LoopBody }[],
  scope: Scope,
  tables: Tables,
): Emitted {
  const name = fresh(code);
  const index = fresh(code);
  const isObject = rounds[0]?.body.kind === 'entries';
  line(code, `let ${name} = ${isObject ? '{}' : '[]'}, ${index} = 0;`);
  for (const round of rounds) emitRound(code, round, name, { ...scope, index }, tables, `${index} += 1;`);
  line(code, `if (r$isHollow(${name})) ${name} = null;`);
  return { name, type: isObject ? 'json' : 'list' };
}

/** One round of a loop: its condition, and what it adds. Empty values and keys add nothing. */
function emitRound(
  code: Code,
  round: { readonly when: Condition | null; readonly body: LoopBody },
  into: string,
  scope: Scope,
  tables: Tables,
  advance: string,
): void {
  const condition = round.when === null ? 'true' : emitCondition(code, round.when, scope, tables);
  line(code, `if (${condition}) { ${advance}`);
  if (round.body.kind === 'values') {
    const value = emitNode(code, round.body.value, scope, tables);
    line(code, `if (${value.name} != null) ${into}.push(${value.name});`);
  } else {
    const pointer = firstPointer(round.body.key, scope);
    const key = assignable(code, emitNode(code, round.body.key, scope, tables));
    emitConvert(code, key, 'text', scope, pointer);
    const value = emitNode(code, round.body.value, scope, tables);
    line(code, `if (${key.name} != null && ${value.name} != null) {`);
    line(
      code,
      `if (Object.hasOwn(${into}, ${key.name})) { let twice = r$twice(${key.name}); ${scope.fail('twice', pointer)} }`,
    );
    line(code, `r$put(${into}, ${key.name}, ${value.name}); }`);
  }
  line(code, '}');
}

function emitJsonata(code: Code, text: string, scope: Scope): Emitted {
  const name = fresh(code);
  const run = constant(code, runJsonata);
  line(code, `let ${name} = ${run}(${quote(text)}, ${scope.isTop ? scope.whole : scope.element}, page);`);
  line(code, `if (${name} instanceof Fault) ${scope.fail(name, quote(''))}`);
  if (code.traced) line(code, `t.read("jsonata", ${name});`);
  return { name, type: 'any' };
}

function emitReference(
  code: Code,
  node: Extract<Node, { kind: 'output' | 'match' | 'external' }>,
  scope: Scope,
  tables: Tables,
): Emitted {
  const name = fresh(code);
  if (node.kind === 'output') {
    line(code, `let ${name} = ${scope.output(node.name) ?? 'null'};`);
    if (code.traced) line(code, `t.read(${quote(`output ${node.name}`)}, ${name});`);
    return { name, type: 'reference' };
  }
  const entity = scope.entity ?? 'product';
  const value = assignable(code, emitNode(code, node.value, scope, tables));
  emitConvert(code, value, 'text', scope, firstPointer(node.value, scope));
  if (node.kind === 'match') {
    const normalise = NORMALISERS[ENTITIES[entity].fields[node.field]?.match ?? 'exact'];
    line(code, `let ${name} = ${value.name} == null ? ${value.name} : ${constant(code, normalise)}(${value.name});`);
    line(
      code,
      `${name} = ${name} === "" ? null : ${name} == null ? ${name} : { kind: "match", entity: ${quote(entity)}, field: ${quote(node.field)}, value: ${name} };`,
    );
  } else {
    line(code, `let ${name} = ${value.name} == null ? ${value.name} : r$joinKey([${value.name}]);`);
    line(
      code,
      `if (${name} != null) ${name} = { kind: "external", entity: ${quote(entity)}, stream: ${JSON.stringify(node.stream)}, id: ${name} };`,
    );
  }
  if (code.traced) line(code, `t.step(${quote(node.kind)}, ${name});`);
  return { name, type: 'reference' };
}

/** Writes what a condition needs; gives a boolean expression. */
export function emitCondition(code: Code, condition: Condition, scope: Scope, tables: Tables): string {
  switch (condition.kind) {
    case 'compare': {
      const left = emitNode(code, condition.left, scope, tables).name;
      const right = emitArgument(code, condition.right, scope);
      return comparison(left, condition.operator, right.name, right.type === 'text' && /^"/.test(right.name));
    }
    case 'among': {
      const left = emitNode(code, condition.left, scope, tables).name;
      return `(${condition.values.map((value) => comparison(left, '=', JSON.stringify(value.value), typeof value.value === 'string' && !value.decimal)).join(' || ')})`;
    }
    case 'empty': {
      const left = emitNode(code, condition.left, scope, tables).name;
      return `${condition.negated ? '!' : ''}r$isEmpty(${left})`;
    }
    case 'true':
      return `r$isTrue(${emitNode(code, condition.left, scope, tables).name})`;
    case 'not':
      return `!(${emitCondition(code, condition.condition, scope, tables)})`;
    default: {
      const name = fresh(code);
      const isAll = condition.kind === 'all';
      line(code, `let ${name} = ${isAll};`);
      for (const part of condition.conditions) {
        line(code, `if (${isAll ? '' : '!'}${name}) {`);
        line(code, `${name} = ${emitCondition(code, part, scope, tables)}; }`);
      }
      return name;
    }
  }
}

function comparison(left: string, operator: string, right: string, isText: boolean): string {
  if (operator === '=' || operator === '!=') {
    // Against a text most values are texts; only others need the slow way.
    const fast = isText
      ? `(typeof ${left} === "string" ? ${left} === ${right} : r$equal(${left}, ${right}))`
      : `r$equal(${left}, ${right})`;
    return operator === '=' ? fast : `!${fast}`;
  }
  return `(r$order(${left}, ${right}) ${operator} 0)`;
}
