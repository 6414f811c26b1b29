/** Checks a mapping file before it runs: everything that is wrong with it, all at once. */
import { basename } from 'node:path';
import type { Field } from '../canonical/entities.ts';
import type { FieldRule, MappingFile, Node, OutputRule, Span } from './ast.ts';
import { type BuiltMapping, buildMapping } from './build.ts';
import { checkFit } from './check-call.ts';
import { checkCondition, checkLoop, checkNode, type Judge, mayBeEmpty } from './check-value.ts';
import { Fault } from './fault.ts';
import { fieldsOf } from './fields.ts';
import { knownRecord } from './known-paths.ts';
import { parseMapping } from './parse.ts';
import { collectProblems, type Problems } from './position.ts';
import { asBoolean, asDate, asDecimal, asInteger, asTimestamp } from './runtime.ts';
import { didYouMean } from './suggest.ts';
import type { CheckedMapping, SourceSchema } from './types.ts';

export type Checked = CheckedMapping & { readonly mapping: BuiltMapping | null; readonly parsed: MappingFile | null };

/**
 * Parses, checks and compiles a mapping.
 * @param file name used in messages
 * @param schema what is known of the records; `null`: only what the mapping says itself in `columns:`
 * @returns the mapping, unless a problem is an error; problems in the order of the file
 */
export function checkMapping(text: string, file: string, schema: SourceSchema | null): Checked {
  const problems = collectProblems(file, text);
  const parsed = parseMapping(text, file, problems);
  if (parsed !== null) checkFile(parsed, schema, problems);
  const sorted = problems.list.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const isGood = parsed !== null && sorted.every((problem) => problem.severity !== 'error');
  return { mapping: isGood ? buildMapping(parsed, basename(file, '.yaml')) : null, problems: sorted, parsed };
}

function checkFile(file: MappingFile, schema: SourceSchema | null, problems: Problems): void {
  const record = knownRecord(file, schema);
  const root = record?.root ?? { children: new Map(), isList: false, isOpen: true, field: null };
  const judge: Judge = {
    file,
    problems,
    paths: { record, here: root, isTop: true, isGrouped: file.groupBy !== null, ignoreCase: file.ignoreCase },
    usedTables: new Set(),
    outputs: [],
    each: null,
    entity: null,
    isLoop: false,
    outgoing: false,
  };
  checkRecord(file, judge);
  file.outputs.forEach((output, index) => {
    checkOutput(output, { ...judge, outputs: file.outputs.slice(0, index) });
  });
  checkTables(file, judge);
}

function checkRecord(file: MappingFile, judge: Judge): void {
  const start: Span = { start: 0, end: 1 };
  const { root } = judge.paths.record ?? {};
  const group = file.groupBy === null ? null : file.ignoreCase ? file.groupBy.toLowerCase() : file.groupBy;
  if (group !== null && root !== undefined && !root.children.has(group)) {
    const at = file.text.indexOf(file.groupBy ?? '', Math.max(0, file.text.search(/\bgroup\s*:/) + 6));
    judge.problems.report(
      { start: at, end: at + 1 },
      {
        code: 'unknown-path',
        message: `There is no column "${file.groupBy}" to group by.`,
        remedy: didYouMean(group, [...root.children.keys()]),
      },
    );
  }
  for (const key of file.key) checkFit(checkNode(key, judge), 'text', key.at, 'A key', judge.problems);
  if (file.version !== null) {
    const type = checkNode(file.version, judge);
    if (!['any', 'text', 'integer', 'timestamp'].includes(type))
      checkFit(type, 'timestamp', file.version.at, 'A version', judge.problems);
  }
  for (const skip of file.skip) checkCondition(skip.when, judge);
  if (file.deleted !== null) checkCondition(file.deleted, judge);
  if (file.key.length === 0 && (file.columns !== null || file.groupBy !== null)) {
    judge.problems.report(start, {
      code: 'no-key',
      message: 'Nothing says which column tells records of the file apart.',
      remedy: 'Write `record: {key: column}`.',
      severity: 'warning',
    });
  }
}

function checkOutput(output: OutputRule, outer: Judge): void {
  const { problems } = outer;
  const judge: Judge = output.each === null ? outer : { ...outer, ...checkLoop(output.each, outer), each: output.each };
  if (output.when !== null) checkCondition(output.when, judge);
  if (output.key !== null) {
    checkFit(checkNode(output.key, judge), 'text', output.key.at, 'A key', problems);
    if (output.each === null)
      problems.report(output.key.at, {
        code: 'key-without-each',
        message: 'A key tells repeated outputs apart, and this one does not repeat.',
        remedy: 'Remove it, or add `each:`; the key of the record stands in `record:`.',
      });
  } else if (output.each !== null) {
    problems.report(output.nameAt, {
      code: 'no-key',
      message: `Elements of "${output.name}" are only told apart by their place, which may change.`,
      remedy: 'Add `key:` with something that stays the same.',
      severity: 'warning',
    });
  }
  const fields = fieldsOf(output.entity);
  for (const field of output.fields) checkField(output, field, fields, judge);
  checkMatch(output, fields, problems);
  for (const [name, spec] of Object.entries(fields)) {
    if (!spec.required || output.fields.some((field) => field.name === name)) continue;
    problems.report(output.nameAt, {
      code: 'unmapped-required',
      message: `${output.entity}.${name} is required, and nothing fills it.`,
      remedy: `Add \`${name}:\` to its fields.`,
    });
  }
}

function checkMatch(output: OutputRule, fields: Readonly<Record<string, Field>>, problems: Problems): void {
  const matchable = Object.keys(fields).filter((name) => fields[name]?.match !== undefined);
  for (const { field, at } of output.match) {
    if (!matchable.includes(field))
      problems.report(at, {
        code: 'unknown-match',
        message: `A ${output.entity} cannot be found by "${field}".`,
        remedy: didYouMean(field, matchable),
      });
    else if (!output.fields.some((rule) => rule.name === field))
      problems.report(at, {
        code: 'unmapped-match',
        message: `The output is found by "${field}", and nothing fills it.`,
        remedy: `Add \`${field}:\` to its fields.`,
      });
  }
}

function checkField(output: OutputRule, rule: FieldRule, fields: Readonly<Record<string, Field>>, outer: Judge): void {
  const { problems } = outer;
  const spec = Object.hasOwn(fields, rule.name) ? fields[rule.name] : undefined;
  const judge: Judge = { ...outer, entity: spec?.entity ?? null };
  const type = checkNode(rule.value, judge);
  if (spec === undefined) {
    problems.report(rule.nameAt, {
      code: 'unknown-field',
      message: `${output.entity} has no field "${rule.name}".`,
      remedy: didYouMean(rule.name, Object.keys(fields)),
    });
    return;
  }
  const literal = rule.value.kind === 'literal' ? rule.value : null;
  const what = `${output.entity}.${rule.name}`;
  if (literal === null || literal.value === null)
    checkFit(literal === null ? type : spec.type, spec.type, endOf(rule.value), what, problems);
  else checkConstant(literal.value, spec, literal.at, what, problems);
  if (spec.values !== undefined) checkAllowed(rule.value, spec.values, what, judge);
  const isLeftOpen = mayBeEmpty(rule.value) && spec.type !== 'reference';
  if (spec.required && isLeftOpen) {
    problems.report(rule.at, {
      code: 'unhandled-null',
      message: `${what} must have a value, and this may be empty.`,
      remedy: 'Add `| required` to reject such records, or `| default(…)`.',
      severity: 'warning',
    });
  }
}

/** Where a misfit shows: the last function of a pipeline, else the whole. */
export function endOf(node: Node): Span {
  return node.kind === 'pipe' ? (node.calls.at(-1)?.at ?? node.at) : node.at;
}

const READERS = {
  decimal: asDecimal,
  integer: asInteger,
  boolean: asBoolean,
  timestamp: asTimestamp,
  date: asDate,
} as const;

/** A constant is tried out at once. */
function checkConstant(
  value: Exclude<Parameters<typeof asDecimal>[0], null>,
  spec: Field,
  at: Span,
  what: string,
  problems: Problems,
): void {
  const report = (message: string): void =>
    problems.report(at, {
      code: 'type-mismatch',
      message: `${what}: ${message}`,
      remedy: `Write a constant of type ${spec.type}.`,
    });
  if (spec.type === 'text' || spec.type === 'reference' || spec.type === 'json' || spec.type === 'list') {
    const isFit =
      spec.type === 'text'
        ? typeof value === 'string' || typeof value === 'number'
        : spec.type === 'list'
          ? Array.isArray(value)
          : spec.type === 'json' && typeof value === 'object' && !Array.isArray(value);
    if (!isFit) report(`${JSON.stringify(value)} is no ${spec.type}.`);
    return;
  }
  const made = READERS[spec.type](value);
  if (made instanceof Fault) report(`${JSON.stringify(value)} ${made.message}.`);
}

/** Constants and table entries that end up in a field with a fixed list of values. */
function checkAllowed(node: Node, values: readonly string[], what: string, judge: Judge): void {
  const report = (value: unknown, at: Span): void => {
    if (value === null || (typeof value === 'string' && values.includes(value))) return;
    judge.problems.report(at, {
      code: 'not-allowed',
      message: `${what} cannot be ${JSON.stringify(value)}.`,
      remedy: didYouMean(String(value), values),
    });
  };
  if (node.kind === 'literal') report(node.value, node.at);
  if (node.kind === 'first') for (const option of node.options) checkAllowed(option, values, what, judge);
  if (node.kind === 'choose') for (const branch of node.branches) checkAllowed(branch.value, values, what, judge);
  if (node.kind !== 'pipe') return;
  const last = node.calls.findLast((call) => call.name !== 'required');
  for (const call of node.calls) {
    const [arg] = call.args;
    if (call.name === 'default' && arg?.kind === 'literal') report(arg.value, arg.at);
    if (call.name !== 'lookup' || (call !== last && last?.name !== 'default') || call.args.length > 1) continue;
    const table = judge.file.tables.get(arg?.kind === 'path' ? arg.text : '');
    for (const entry of table?.entries.values() ?? []) report(entry.value, entry.at);
    if (table?.otherwise?.kind === 'value') report(table.otherwise.value, table.at);
  }
}

export function checkTables(file: MappingFile, judge: Judge): void {
  for (const table of file.tables.values()) {
    if (table.otherwise === null) {
      judge.problems.report(table.at, {
        code: 'table-without-default',
        message: `The table "${table.name}" does not say what becomes of a value that is not in it.`,
        remedy: 'Add `default: value`, `otherwise: reject` or `otherwise: keep`.',
      });
    }
    if (!judge.usedTables.has(table.name)) {
      judge.problems.report(table.at, {
        code: 'unused-table',
        message: `Nothing looks up the table "${table.name}".`,
        remedy: 'Use it with `| lookup(name)`, or remove it.',
        severity: 'warning',
      });
    }
  }
}
