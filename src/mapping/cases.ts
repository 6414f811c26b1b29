/** Runs the cases beside a mapping: what goes in, what must come out, and which rules no case has used. */
import type { Json, JsonObject, WriteDeclaration } from '../connector/contract.ts';
import type { Span } from './ast.ts';
import type { BuiltMapping } from './build.ts';
import { checkMapping } from './check.ts';
import { type Coverage, measureCoverage } from './coverage.ts';
import { checkOutgoing, coverable, type OutgoingResult } from './outgoing-check.ts';
import { isOutgoing } from './outgoing-parse.ts';
import { collectProblems, type Problems } from './position.ts';
import { didYouMean } from './suggest.ts';
import type { Tracer } from './tracer.ts';
import type { FileProblem, MapResult } from './types.ts';
import { asMap, asSeq, entriesOf, readYaml, scalarText, spanOf, toJson, type YamlNode } from './yaml-reader.ts';

/** Something that came out otherwise than the case says. */
export type Difference = {
  /** `outputs.product.name` and the like. */
  readonly path: string;
  readonly expected: Json;
  readonly actual: Json;
  /** `file:line:column` of the mapping rule that made it, where one did. */
  readonly rule: string | null;
};

export type CaseResult = {
  readonly name: string;
  /** `file:line:column` of the case. */
  readonly place: string;
  readonly ok: boolean;
  readonly differences: readonly Difference[];
};

export type CaseReport = {
  readonly ok: boolean;
  readonly results: readonly CaseResult[];
  readonly coverage: Coverage | null;
  /** What is wrong with the mapping or the file of cases itself. */
  readonly problems: readonly FileProblem[];
};

type Case = {
  readonly name: string;
  readonly at: Span;
  readonly input: Json;
  readonly page: JsonObject;
  readonly expect: JsonObject;
};

const KEYS = ['name', 'input', 'rows', 'context', 'expect'];
const EXPECT = ['id', 'version', 'outputs', 'match', 'rejected', 'filtered', 'deleted'];

/**
 * Checks and runs a mapping against its cases. Nothing is stored or asked.
 * @param target what the stream written to declares, for outgoing mappings where it is known
 */
export function runCases(
  mappingText: string,
  mappingFile: string,
  casesText: string,
  casesFile: string,
  target: WriteDeclaration | null = null,
): CaseReport {
  if (isOutgoing(mappingText)) return runOutgoingCases(mappingText, mappingFile, casesText, casesFile, target);
  const { mapping, parsed, problems } = checkMapping(mappingText, mappingFile, null);
  const caseProblems = collectProblems(casesFile, casesText);
  const cases = readCases(casesText, parsed?.columns !== null, EXPECT, caseProblems);
  const all = [...problems, ...caseProblems.list];
  if (mapping === null || parsed === null) return { ok: false, results: [], coverage: null, problems: all };
  const tracers: Tracer[] = [];
  const results = cases.map((one) => {
    const { result, tracer } = mapping.watch(one.input, { page: one.page, position: 1 });
    tracers.push(tracer);
    return judge(one, mapping, result, tracer, caseProblems.place(one.at));
  });
  const isGood = results.every((result) => result.ok) && all.every((problem) => problem.severity !== 'error');
  return { ok: isGood, results, coverage: measureCoverage(parsed, tracers), problems: all };
}

const EXPECT_WRITE = ['id', 'action', 'values', 'skipped', 'rejected'];

/** The same for an outgoing mapping: `input` is the entity with its links, `expect` what the vendor is told. */
function runOutgoingCases(
  mappingText: string,
  mappingFile: string,
  casesText: string,
  casesFile: string,
  target: WriteDeclaration | null,
): CaseReport {
  const { outgoing, parsed, problems } = checkOutgoing(mappingText, mappingFile, target);
  const caseProblems = collectProblems(casesFile, casesText);
  const cases = readCases(casesText, false, EXPECT_WRITE, caseProblems);
  const all = [...problems, ...caseProblems.list];
  if (outgoing === null || parsed === null) return { ok: false, results: [], coverage: null, problems: all };
  const tracers: Tracer[] = [];
  const results = cases.map((one) => {
    const { result, tracer } = outgoing.watch(isObject(one.input) ? one.input : {});
    tracers.push(tracer);
    const found: Difference[] = [];
    compare('', one.expect, describeWrite(result, one.expect), found);
    const differences = found.map((difference) => {
      const name = /^values\.([^.[]+)/.exec(difference.path)?.[1];
      const rule = tracer.fields.findLast((field) => field.field === name)?.rule ?? null;
      return { ...difference, rule };
    });
    return { name: one.name, place: caseProblems.place(one.at), ok: differences.length === 0, differences };
  });
  const ok = results.every((result) => result.ok) && all.every((problem) => problem.severity !== 'error');
  return { ok, results, coverage: measureCoverage(coverable(parsed), tracers), problems: all };
}

function describeWrite(result: OutgoingResult, expect: JsonObject): JsonObject {
  if (result.kind === 'skipped') return { skipped: result.reason };
  if (result.kind === 'rejected') return { rejected: result.problems.map(({ field, code }) => ({ field, code })) };
  const { id, action, values } = result;
  return { ...('id' in expect || id !== null ? { id } : {}), action, values };
}

/** The cases of a file. `cells`: inputs are rows of a table, so that every value is the text it is written as. */
function readCases(text: string, cells: boolean, expected: readonly string[], problems: Problems): readonly Case[] {
  const root = readYaml(text, problems);
  const list = entriesOf2(root).find(([key]) => key === 'cases')?.[1] ?? null;
  const seq = asSeq(list);
  if (seq === null) {
    problems.report(
      { start: 0, end: 1 },
      {
        code: 'no-cases',
        message: 'The file has no list of cases.',
        remedy: 'Write `cases:` and below it one `- name: …` with input and expect for each.',
      },
    );
    return [];
  }
  return seq.items.flatMap((item) => {
    const one = readCase(item, cells, expected, problems);
    return one === null ? [] : [one];
  });
}

const entriesOf2 = (node: YamlNode | null): readonly (readonly [string, YamlNode | null, Span])[] => {
  const map = asMap(node);
  return map === null ? [] : entriesOf(map).map((entry) => [entry.key, entry.value, entry.keyAt] as const);
};

function readCase(node: YamlNode, cells: boolean, expected: readonly string[], problems: Problems): Case | null {
  const entries = entriesOf2(node);
  const value = (key: string): YamlNode | null => entries.find(([name]) => name === key)?.[1] ?? null;
  const unknown = entries.filter(([key]) => !KEYS.includes(key));
  for (const [key, , at] of unknown)
    problems.report(at, { code: 'unknown-key', message: `"${key}" is unknown here.`, remedy: didYouMean(key, KEYS) });
  for (const [key, , at] of entriesOf2(value('expect'))) {
    if (!expected.includes(key))
      problems.report(at, {
        code: 'unknown-key',
        message: `"${key}" cannot be expected.`,
        remedy: didYouMean(key, expected),
      });
  }
  const rows = value('rows');
  const expect = toJson(value('expect'));
  const context = toJson(value('context'));
  if (value('name') === null || (value('input') === null && rows === null) || !isObject(expect)) {
    problems.report(spanOf(node), {
      code: 'bad-case',
      message: 'A case has a name, an input (or rows) and what to expect.',
      remedy: 'Complete it.',
    });
    return null;
  }
  return {
    name: scalarText(value('name') ?? node),
    at: spanOf(node),
    input: rows === null ? toJson(value('input'), cells) : { rows: toJson(rows, cells) },
    page: isObject(context) ? context : {},
    expect,
  };
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function judge(one: Case, mapping: BuiltMapping, result: MapResult, tracer: Tracer, place: string): CaseResult {
  const actual = describeResult(result, one.expect);
  const expected: JsonObject = { ...one.expect };
  if (!('id' in expected)) delete actual['id'];
  if (!('version' in expected)) delete actual['version'];
  if (!('match' in expected)) delete actual['match'];
  if (typeof expected['version'] === 'string' && Number.isNaN(Number(expected['version'])))
    expected['version'] = Date.parse(expected['version']);
  const found: Difference[] = [];
  compare('', expected, actual, found);
  const differences = found.map((difference) => ({
    ...difference,
    rule: ruleOf(difference.path, mapping, result, tracer),
  }));
  return { name: one.name, place, ok: differences.length === 0, differences };
}

/** A result in the words of `expect`. */
function describeResult(result: MapResult, expect: JsonObject): JsonObject {
  const { id, version } = result;
  if (result.kind === 'deleted') return { id, version, deleted: true };
  if (result.kind === 'filtered') return { id, version, filtered: result.reason };
  if (result.kind === 'rejected') {
    const asked =
      Array.isArray(expect['rejected']) &&
      expect['rejected'].some((problem) => isObject(problem) && 'pointer' in problem);
    return {
      id,
      version,
      rejected: result.problems.map(({ field, code, pointer }) => (asked ? { field, code, pointer } : { field, code })),
    };
  }
  const outputs: JsonObject = {};
  const match: JsonObject = {};
  for (const { key, values, match: keys } of result.entities) {
    outputs[key] = { ...values };
    if (keys.length > 0) match[key] = Object.fromEntries(keys.map(({ field, value }) => [field, value]));
  }
  for (const { key, variant, location, quantity, asOf } of result.stock) {
    outputs[key] = {
      variant: { ...variant },
      location,
      quantity,
      ...(asOf === null ? {} : { as_of: new Date(asOf).toISOString() }),
    };
  }
  return { id, version, outputs, match };
}

/** Adds what differs. What is empty need not be named; a number may stand for a decimal. */
function compare(path: string, expected: Json | undefined, actual: Json | undefined, found: Difference[]): void {
  if (isObject(expected) && isObject(actual)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      compare(path === '' ? name : `${path}.${name}`, expected[name], actual[name], found);
    }
    return;
  }
  if (Array.isArray(expected) && Array.isArray(actual) && expected.length === actual.length) {
    expected.forEach((element, index) => {
      compare(`${path}[${index}]`, element, actual[index], found);
    });
    return;
  }
  const isEmpty = (expected === undefined || expected === null) && (actual === undefined || actual === null);
  const isScalar =
    typeof expected !== 'object' && typeof actual !== 'object' && expected !== undefined && actual !== undefined;
  if (isEmpty || expected === actual || (isScalar && String(expected) === String(actual))) return;
  found.push({ path, expected: expected ?? null, actual: actual ?? null, rule: null });
}

/** The rule of the mapping behind a difference. */
function ruleOf(path: string, mapping: BuiltMapping, result: MapResult, tracer: Tracer): string | null {
  const named = tracer.fields.findLast(
    ({ output, field }) =>
      `${path}.`.startsWith(`outputs.${output}.${field}.`) ||
      path.startsWith(`outputs.${output}.${field}[`) ||
      path.startsWith(`match.${output}.${field}`),
  );
  if (named !== undefined) return named.rule;
  if (result.kind !== 'rejected') return null;
  const rejected = tracer.fields.findLast(({ reason }) => reason?.startsWith('rejected') === true);
  return rejected?.rule ?? `${mapping.source}:1:1`;
}
