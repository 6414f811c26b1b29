/** Breaks shipped mappings in one place at a time and looks whether the checks or the cases say so, at that place. */
import { readFileSync } from 'node:fs';
import type { Call, MappingFile, Node, Path, Span } from '../../src/mapping/ast.ts';
import { runCases } from '../../src/mapping/cases.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import { casesFile } from '../../src/mapping/load.ts';
import { isOutgoing } from '../../src/mapping/outgoing-parse.ts';
import { type Random, seededRandom } from './generate.ts';

/** A token of a mapping file that can be broken. `rule`: the field rule around it. */
type Target = {
  readonly kind: 'path' | 'function' | 'argument' | 'field';
  readonly at: Span;
  readonly rule: Span | null;
};

export type Mutation = {
  readonly file: string;
  readonly kind: Target['kind'];
  readonly line: number;
  readonly before: string;
  readonly after: string;
};
export type Report = {
  readonly seed: number;
  readonly total: number;
  /** Found by the checks or the cases, at the right place, with a remedy. */
  readonly reported: number;
  /** Of these: by a check, by a failing case that names the rule, by a failing case about a key or condition. */
  readonly byCheck: number;
  readonly byRule: number;
  readonly byCase: number;
  /** Found, but elsewhere. */
  readonly misplaced: readonly Mutation[];
  /** Changes nothing that a check or a case could see. */
  readonly equivalent: readonly Mutation[];
  readonly share: number;
};

/** Mutates every target of each incoming mapping `rounds` times. */
export function mutateAll(files: readonly string[], seed: number, rounds: number): Report {
  const random = seededRandom(seed);
  const misplaced: Mutation[] = [];
  const equivalent: Mutation[] = [];
  let total = 0;
  const found = { reported: 0, ruled: 0, cased: 0 };
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    if (isOutgoing(text)) continue;
    const cases = casesFile(file);
    const casesText = cases === null ? 'cases: []' : readFileSync(cases, 'utf8');
    const { parsed } = checkMapping(text, file, null);
    if (parsed === null) throw new TypeError(`${file} cannot be read`);
    for (const target of targetsOf(parsed)) {
      for (let round = 0; round < rounds; round += 1) {
        const before = text.slice(target.at.start, target.at.end);
        const after = broken(before, random);
        if (after === before) continue;
        total += 1;
        const mutated = text.slice(0, target.at.start) + after + text.slice(target.at.end);
        const verdict = judge(mutated, file, casesText, target);
        const mutation = {
          file,
          kind: target.kind,
          line: text.slice(0, target.at.start).split('\n').length,
          before,
          after,
        };
        if (verdict === 'unseen') equivalent.push(mutation);
        else if (verdict === 'elsewhere') misplaced.push(mutation);
        else found[verdict] += 1;
      }
    }
  }
  const reported = total - misplaced.length - equivalent.length;
  return {
    seed,
    total,
    reported,
    byCheck: found.reported,
    byRule: found.ruled,
    byCase: found.cased,
    misplaced,
    equivalent,
    share: reported / total,
  };
}

type Verdict = 'reported' | 'ruled' | 'cased' | 'elsewhere' | 'unseen';

/** A problem counts when it stands on the line of the broken token; a failing case when it names the rule around it. */
function judge(text: string, file: string, cases: string, target: Target): Verdict {
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  const { problems } = checkMapping(text, file, null);
  const line = lineOf(target.at.start);
  const errors = problems.filter((problem) => problem.severity === 'error');
  const isOnToken = problems.some(
    (problem) => problem.line === line && problem.remedy !== '' && isNear(problem.column, text, target),
  );
  if (isOnToken) return 'reported';
  if (errors.length > 0) return 'elsewhere';
  const report = runCases(text, file, cases, 'mutated.cases.yaml');
  const failed = report.results.filter((result) => !result.ok);
  if (failed.length === 0) return 'unseen';
  const first = lineOf(target.rule?.start ?? target.at.start);
  const last = lineOf(target.rule?.end ?? target.at.end);
  // What decides about whole outputs or records (keys, conditions) has no field rule; a failing case that says what came out otherwise is all there is.
  if (target.rule === null) return 'cased';
  const isNamed = failed.some((result) =>
    result.differences.some(({ rule }) => rule !== null && isWithin(rule, first, last)),
  );
  return isNamed ? 'ruled' : 'elsewhere';
}

function isWithin(rule: string, first: number, last: number): boolean {
  const line = Number(/:(\d+):\d+$/.exec(rule)?.[1]);
  return line >= first && line <= last;
}

/** The column lies on the token, or on the call or path that it is part of. */
function isNear(column: number, text: string, target: Target): boolean {
  const start = target.at.start - text.lastIndexOf('\n', target.at.start - 1);
  return column <= start + (target.at.end - target.at.start) && column >= start - 60;
}

/** One slip of a hand: a letter lost, doubled, changed, or two swapped. */
function broken(token: string, random: Random): string {
  const isQuoted = /^".*"$/.test(token) && token.length > 2;
  const inner = isQuoted ? token.slice(1, -1) : token;
  const at = random.below(inner.length);
  const letter = inner[at] ?? '';
  const kinds = ['lose', 'double', 'change', 'swap'] as const;
  const kind = random.pick(kinds);
  const changed =
    kind === 'lose' && inner.length > 1
      ? inner.slice(0, at) + inner.slice(at + 1)
      : kind === 'double'
        ? inner.slice(0, at) + letter + inner.slice(at)
        : kind === 'swap' && at + 1 < inner.length && letter !== inner[at + 1]
          ? inner.slice(0, at) + (inner[at + 1] ?? '') + letter + inner.slice(at + 2)
          : inner.slice(0, at) +
            (/\d/.test(letter) ? String((Number(letter) + 1 + random.below(8)) % 10) : letter === 'q' ? 'k' : 'q') +
            inner.slice(at + 1);
  return isQuoted ? `"${changed}"` : changed;
}

function targetsOf(file: MappingFile): readonly Target[] {
  const targets: Target[] = [];
  const seen = new Set<number>();
  const add = (kind: Target['kind'], at: Span, rule: Span | null): void => {
    if (seen.has(at.start)) return;
    seen.add(at.start);
    targets.push({ kind, at, rule });
  };
  const addPath = (path: Path, rule: Span | null): void => {
    for (const segment of path.segments) if (segment.kind === 'name') add('path', segment.at, rule);
  };
  const addCall = (call: Call, rule: Span | null): void => {
    add('function', call.nameAt, rule);
    for (const arg of call.args)
      if (arg.kind === 'path') addPath(arg, rule);
      else if (arg.kind === 'literal') add('argument', arg.at, rule);
  };
  const visit = (value: unknown, rule: Span | null): void => {
    if (Array.isArray(value)) for (const child of value) visit(child, rule);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const node = value as Partial<Node>;
    if (node.kind === 'path') {
      addPath(value as Path, rule);
      return;
    }
    if (node.kind === 'pipe') {
      const pipe = value as Extract<Node, { kind: 'pipe' }>;
      visit(pipe.source, rule);
      for (const call of pipe.calls) addCall(call, rule);
      return;
    }
    for (const [name, child] of Object.entries(value)) if (name !== 'at' && name !== 'nameAt') visit(child, rule);
  };
  visit([file.key, file.version, file.deleted, file.skip], null);
  for (const output of file.outputs) {
    visit([output.when, output.each, output.key], null);
    for (const field of output.fields) {
      add('field', field.nameAt, field.at);
      visit(field.value, { start: field.nameAt.start, end: field.at.end });
    }
    for (const match of output.match) add('field', match.at, null);
  }
  return targets;
}
