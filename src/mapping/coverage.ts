/** Which rules of a mapping were used: fields, branches, options and entries of tables. */
import type { MappingFile, Node } from './ast.ts';
import { collectProblems } from './position.ts';
import type { Tracer } from './tracer.ts';

export type Coverage = {
  readonly rules: number;
  readonly used: number;
  /** What nothing has used, in the order of the file. */
  readonly unused: readonly { readonly place: string; readonly what: string }[];
};

type Rule = { readonly at: number; readonly what: string; readonly isUsed: boolean };

/** Compares what tracers saw with everything that is in the file. */
export function measureCoverage(file: MappingFile, tracers: readonly Tracer[]): Coverage {
  const hits = new Set(tracers.flatMap((tracer) => [...tracer.hits]));
  const entries = new Set(tracers.flatMap((tracer) => [...tracer.entries]));
  const { place } = collectProblems(file.file, file.text);
  const filled = new Set(
    tracers.flatMap((tracer) =>
      tracer.fields
        .filter((field) => field.value !== null || isMeantEmpty(file, field.rule, place))
        .map((field) => field.rule),
    ),
  );
  const rules: Rule[] = [];
  const branch = (at: number, what: string): void => void rules.push({ at, what, isUsed: hits.has(at) });
  for (const skip of file.skip) branch(skip.at.start, `the filter "${skip.reason}"`);
  if (file.deleted !== null) branch(file.deleted.at.start, 'the condition for deleted records');
  for (const output of file.outputs) {
    for (const field of output.fields) {
      rules.push({
        at: field.at.start,
        what: `${output.name}.${field.name} is never filled`,
        isUsed: filled.has(place(field.at)),
      });
      walk(field.value, branch);
    }
  }
  for (const node of file.key) walk(node, branch);
  for (const table of file.tables.values()) {
    for (const [name, entry] of table.entries)
      rules.push({
        at: entry.at.start,
        what: `"${name}" of the table ${table.name}`,
        isUsed: entries.has(JSON.stringify([table.name, name])),
      });
    if (table.otherwise !== null)
      rules.push({
        at: table.at.start,
        what: `a value that is not in the table ${table.name}`,
        isUsed: entries.has(JSON.stringify([table.name, null])),
      });
  }
  const unused = rules.filter((rule) => !rule.isUsed).sort((a, b) => a.at - b.at);
  return {
    rules: rules.length,
    used: rules.length - unused.length,
    unused: unused.map(({ at, what }) => ({ place: place({ start: at, end: at + 1 }), what })),
  };
}

/** A field that is `= null` on purpose cannot be filled. */
function isMeantEmpty(file: MappingFile, rule: string, place: (at: Node['at']) => string): boolean {
  return file.outputs.some((output) =>
    output.fields.some(
      (field) => field.value.kind === 'literal' && field.value.value === null && place(field.at) === rule,
    ),
  );
}

function walk(node: Node, branch: (at: number, what: string) => void): void {
  switch (node.kind) {
    case 'choose':
      node.branches.forEach((one, index) => {
        branch(one.at.start, `branch ${index + 1} of a choice`);
        walk(one.value, branch);
      });
      return;
    case 'first':
      node.options.forEach((option, index) => {
        branch(option.at.start, `option ${index + 1} of "first"`);
        walk(option, branch);
      });
      return;
    case 'pipe':
      walk(node.source, branch);
      return;
    case 'object':
      for (const entry of node.entries) walk(entry.value, branch);
      return;
    case 'list':
      for (const element of node.elements) walk(element, branch);
      return;
    case 'each':
      walk(node.body.value, branch);
      return;
    case 'match':
    case 'external':
      walk(node.value, branch);
      return;
    default:
  }
}
