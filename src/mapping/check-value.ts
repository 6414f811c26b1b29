/** Checks where values come from: paths, functions, references, and what can never happen. */
import { ENTITIES, type EntityName } from '../canonical/entities.ts';
import type { Argument, Condition, LoopBody, MappingFile, Node, OutputRule, Path } from './ast.ts';
import { type CallCheck, checkCall, checkFit } from './check-call.ts';
import { afterCall, inferType, literalType, type NodeType } from './infer.ts';
import { jsonataFault } from './jsonata.ts';
import { checkPath, type Known, type PathScope } from './known-paths.ts';
import type { Problems } from './position.ts';
import { didYouMean } from './suggest.ts';

/** Everything a value is judged by. */
export type Judge = {
  readonly file: MappingFile;
  readonly problems: Problems;
  readonly paths: PathScope;
  readonly usedTables: Set<string>;
  /** Outputs that are made before this one. */
  readonly outputs: readonly OutputRule[];
  /** The loop around, when the output repeats. */
  readonly each: Path | null;
  readonly entity: EntityName | null;
  readonly isLoop: boolean;
  /** Records are entities on their way to a vendor: they have links, and nothing refers to other outputs. */
  readonly outgoing: boolean;
};

/** Checks a node and everything in it; gives the type of its value. */
export function checkNode(node: Node, judge: Judge): NodeType {
  switch (node.kind) {
    case 'path':
      return pathType(checkPath(node, judge.paths, judge.problems), judge);
    case 'context':
      checkContext(node, judge);
      return node.name === 'index' ? 'integer' : 'any';
    case 'literal':
      return literalType(node);
    case 'pipe':
      return checkPipe(node, judge);
    case 'template':
      for (const part of node.parts)
        if (typeof part !== 'string') checkFit(checkNode(part, judge), 'text', part.at, 'A template', judge.problems);
      return 'text';
    case 'first':
      return checkFirst(node, judge);
    case 'choose':
      return checkChoose(node, judge);
    case 'object':
      for (const entry of node.entries) checkNode(entry.value, judge);
      return 'json';
    case 'list':
      for (const element of node.elements) checkNode(element, judge);
      return 'list';
    case 'each':
      checkRound(node, { ...judge, ...checkLoop(node.over, judge) });
      return inferType(node);
    case 'numbered':
      for (const round of node.rounds) checkRound(round, { ...judge, isLoop: true });
      return inferType(node);
    case 'jsonata':
      return checkJsonata(node, judge);
    default:
      return checkReference(node, judge);
  }
}

function pathType(known: Known, judge: Judge): NodeType {
  if (known.isList) return 'list';
  const { field } = known;
  // Types found in samples are guesses, and text may hold anything that can be read.
  return field === null || !judge.paths.record?.isDeclared || field.type === 'text' ? 'any' : field.type;
}

function checkContext(node: Extract<Node, { kind: 'context' }>, judge: Judge): void {
  if (node.name !== 'index' || judge.isLoop) return;
  judge.problems.report(node.at, {
    code: 'no-loop',
    message: '@index is the number of an element, and there is no loop here.',
    remedy: 'Use it inside `each:` or `numbered:`.',
  });
}

function callCheck(judge: Judge): CallCheck {
  return {
    problems: judge.problems,
    tables: judge.file.tables,
    usedTables: judge.usedTables,
    checkArgument: (argument: Argument) => void checkNode(argument, judge),
  };
}

function checkPipe(node: Extract<Node, { kind: 'pipe' }>, judge: Judge): NodeType {
  let type = checkNode(node.source, judge);
  let isFilled = !mayBeEmpty(node.source);
  const check = callCheck(judge);
  for (const call of node.calls) {
    const declared = checkCall(call, type, check);
    if (call.name === 'link' && !judge.outgoing)
      judge.problems.report(call.at, {
        code: 'no-links',
        message: 'Records of a source have no links.',
        remedy: 'Use `link` in outgoing mappings (`write:`); here, name the field that has the id.',
      });
    if (isFilled && declared?.takesEmpty) {
      judge.problems.report(call.at, {
        code: 'unreachable',
        message: `"${call.name}" never does anything: there is always a value before it.`,
        remedy: 'Remove it, or what stands before it.',
        severity: 'warning',
      });
    }
    isFilled = fills(call.name, isFilled);
    type = declared === null ? 'any' : afterCall(type, call);
  }
  return type;
}

/** Whether there surely is a value behind a call. Functions may make an empty value of a full one. */
function fills(name: string, _before: boolean): boolean {
  return name === 'required' || name === 'default';
}

/** Whether nothing keeps the value from being null or absent. */
export function mayBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case 'literal':
      return node.value === null;
    case 'context':
      return node.name !== 'index';
    case 'pipe': {
      const handled = node.calls.some(
        (call) =>
          call.name === 'required' ||
          (call.name === 'default' &&
            !call.args.some((arg) => arg.kind === 'path' || (arg.kind === 'literal' && arg.value === null))),
      );
      return !handled;
    }
    case 'template':
      return node.parts.some((part) => typeof part !== 'string' && mayBeEmpty(part));
    case 'first':
      return node.options.every(mayBeEmpty);
    case 'choose':
      return node.branches.at(-1)?.when !== null || node.branches.some((branch) => mayBeEmpty(branch.value));
    case 'output':
      return false;
    case 'match':
    case 'external':
      return mayBeEmpty(node.value);
    default:
      return true;
  }
}

function checkFirst(node: Extract<Node, { kind: 'first' }>, judge: Judge): NodeType {
  let isSettled = false;
  for (const option of node.options) {
    checkNode(option, judge);
    if (isSettled)
      judge.problems.report(option.at, {
        code: 'unreachable',
        message: 'This is never taken: what stands before it always has a value.',
        remedy: 'Move it up, or remove it.',
        severity: 'warning',
      });
    isSettled ||= !mayBeEmpty(option);
  }
  return inferType(node);
}

function checkChoose(node: Extract<Node, { kind: 'choose' }>, judge: Judge): NodeType {
  const seen = new Set<string>();
  let isSettled = false;
  for (const branch of node.branches) {
    if (branch.when !== null) checkCondition(branch.when, judge);
    checkNode(branch.value, judge);
    const text = branch.when === null ? 'else' : judge.file.text.slice(branch.when.at.start, branch.when.at.end);
    if (isSettled || seen.has(text))
      judge.problems.report(branch.at, {
        code: 'unreachable',
        message: 'This branch is never taken.',
        remedy: isSettled ? 'Put `else` last.' : 'The same condition stands before it; change or remove one.',
      });
    seen.add(text);
    isSettled ||= branch.when === null;
  }
  return inferType(node);
}

/** What changes inside a loop over a path. */
export function checkLoop(over: Node, judge: Judge): Pick<Judge, 'paths' | 'isLoop'> {
  if (over.kind !== 'path') {
    checkFit(checkNode(over, judge), 'list', over.at, '"each"', judge.problems);
    const here: Known = { children: new Map(), isList: false, isOpen: true, field: null };
    return { paths: { ...judge.paths, here, isTop: false }, isLoop: true };
  }
  const known = checkPath(over, judge.paths, judge.problems);
  const isJudged = judge.paths.record !== null && !known.isOpen;
  if (isJudged && !known.isList) {
    judge.problems.report(over.at, {
      code: 'not-a-list',
      message: `"${over.text}" is no list.`,
      remedy: judge.paths.isGrouped
        ? 'Write `each: rows`.'
        : 'Name a list, or group rows with `record: {group: column}`.',
    });
  }
  return { paths: { ...judge.paths, here: { ...known, isList: false }, isTop: false }, isLoop: true };
}

function checkRound(round: { readonly when: Condition | null; readonly body: LoopBody }, judge: Judge): void {
  if (round.when !== null) checkCondition(round.when, judge);
  if (round.body.kind === 'entries')
    checkFit(checkNode(round.body.key, judge), 'text', round.body.key.at, 'A key', judge.problems);
  checkNode(round.body.value, judge);
}

function checkJsonata(node: Extract<Node, { kind: 'jsonata' }>, judge: Judge): NodeType {
  const fault = jsonataFault(node.text);
  if (fault !== null)
    judge.problems.report(node.at, {
      code: 'bad-jsonata',
      message: `The JSONata expression cannot be read: ${fault}.`,
      remedy: 'Correct it; https://docs.jsonata.org has the language.',
    });
  return 'any';
}

function checkReference(node: Extract<Node, { kind: 'output' | 'match' | 'external' }>, judge: Judge): NodeType {
  if (judge.outgoing) {
    judge.problems.report(node.at, {
      code: 'no-references',
      message: `"${node.kind}" makes a reference between entities, which no vendor knows.`,
      remedy: 'Write the external id: `campaign | link("campaigns")`.',
    });
    return 'any';
  }
  if (node.kind === 'output') {
    checkOutputReference(node, judge);
    return 'reference';
  }
  checkFit(checkNode(node.value, judge), 'text', node.value.at, 'A reference', judge.problems);
  if (node.kind === 'external' || judge.entity === null) return 'reference';
  const fields = ENTITIES[judge.entity].fields;
  const matchable = Object.keys(fields).filter((name) => fields[name]?.match !== undefined);
  if (!matchable.includes(node.field)) {
    judge.problems.report(node.at, {
      code: 'unknown-match',
      message: `A ${judge.entity} cannot be found by "${node.field}".`,
      remedy: didYouMean(node.field, matchable),
    });
  }
  return 'reference';
}

function checkOutputReference(node: Extract<Node, { kind: 'output' }>, judge: Judge): void {
  const report = (message: string, remedy: string): void =>
    judge.problems.report(node.at, { code: 'unknown-output', message, remedy });
  const target = judge.outputs.find((output) => output.name === node.name);
  if (target === undefined) {
    const isLater = judge.file.outputs.some((output) => output.name === node.name);
    report(
      isLater ? `The output "${node.name}" is only made further down.` : `There is no output "${node.name}".`,
      isLater
        ? 'Move it above this one.'
        : didYouMean(
            node.name,
            judge.outputs.map((output) => output.name),
          ),
    );
    return;
  }
  if (judge.entity !== null && target.entity !== judge.entity)
    report(
      `"${node.name}" is a ${target.entity}, and a ${judge.entity} belongs here.`,
      `Name an output of entity ${judge.entity}.`,
    );
  if (target.each !== null && target.each.text !== judge.each?.text)
    report(
      `"${node.name}" repeats over ${target.each.text}, and this does not.`,
      `Write \`each: ${target.each.text}\` here as well.`,
    );
}

export function checkCondition(condition: Condition, judge: Judge): void {
  switch (condition.kind) {
    case 'all':
    case 'any':
      for (const part of condition.conditions) checkCondition(part, judge);
      return;
    case 'not':
      checkCondition(condition.condition, judge);
      return;
    case 'compare':
      checkNode(condition.left, judge);
      checkNode(condition.right, judge);
      return;
    default:
      checkNode(condition.left, judge);
  }
}
