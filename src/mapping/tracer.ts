/** Records what a traced mapping does, field by field, and which rules took part. */
import type { Json } from '../connector/contract.ts';
import type { TableRule } from './ast.ts';
import type { FieldTrace, RecordProblem, ReferenceValue } from './types.ts';

type Step = { readonly call: string; readonly result: Json };
type Open = {
  readonly output: string;
  readonly field: string;
  readonly at: number;
  sources: string[];
  steps: Step[];
  seen: unknown;
  lost: string | null;
};

export type Tracer = {
  readonly fields: FieldTrace[];
  /** Outputs made, with the name of their rule. */
  readonly outputs: { readonly key: string; readonly name: string }[];
  readonly skipped: string[];
  /** Offsets of branches taken. */
  readonly hits: Set<number>;
  /** Entries of tables used, `table` and entry; `null`: the table's default. */
  readonly entries: Set<string>;
  open(key: string, name: string): void;
  skip(name: string): void;
  begin(output: string, field: string, at: number): void;
  read(pointer: string, value: unknown): void;
  step(call: string, value: unknown): void;
  end(value: unknown, isOmitted: boolean): void;
  reject(field: string, problems: readonly RecordProblem[]): void;
  hit(at: number): void;
  entry(table: TableRule, value: string): void;
};

const plain = (value: unknown): Json => (value === undefined ? null : JSON.parse(JSON.stringify(value)));

/** `place` turns the offset of a rule into `file:line:column`. */
export function newTracer(place: (offset: number) => string): Tracer {
  let open: Open | null = null;
  const fields: FieldTrace[] = [];
  const outputs: { key: string; name: string }[] = [];
  const skipped: string[] = [];
  const hits = new Set<number>();
  const entries = new Set<string>();
  const close = (value: Json | ReferenceValue, reason: string | null): void => {
    if (open === null) return;
    fields.push({
      output: open.output,
      field: open.field,
      value,
      rule: place(open.at),
      sources: [...new Set(open.sources)],
      steps: open.steps,
      reason,
    });
    open = null;
  };
  return {
    fields,
    outputs,
    skipped,
    hits,
    entries,
    open: (key, name) => void outputs.push({ key, name }),
    skip: (name) => void skipped.push(name),
    begin(output, field, at) {
      open = { output, field, at, sources: [], steps: [], seen: undefined, lost: null };
    },
    read(pointer, value) {
      if (open === null) return;
      open.sources.push(pointer);
      if (open.seen === undefined || open.seen === null) open.seen = value;
    },
    step(call, value) {
      if (open === null) return;
      open.steps.push({ call, result: plain(value) });
      if (value === null && open.seen !== null && open.seen !== undefined) open.lost ??= call;
    },
    end(value, isOmitted) {
      if (open === null) return;
      const reason = value === undefined || value === null ? whyEmpty(open) : null;
      close(plain(value), reason !== null && (value === undefined || isOmitted) ? `${reason}; no opinion` : reason);
    },
    reject(_field, problems) {
      close(null, `rejected: ${problems.at(-1)?.message ?? ''}`);
    },
    hit: (at) => void hits.add(at),
    entry(table, value) {
      const key = table.ignoreCase ? value.toLowerCase() : value;
      entries.add(JSON.stringify([table.name, table.entries.has(key) ? key : null]));
    },
  };
}

function whyEmpty(open: Open): string {
  if (open.lost !== null) return `coerced: empty after ${open.lost}`;
  if (open.seen === undefined) return open.sources.length === 0 ? 'coerced: the rule gives nothing' : 'absent';
  return open.seen === null ? 'null in source' : 'coerced: empty in the field’s type';
}
