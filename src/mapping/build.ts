/** Puts a checked file together as the mapping other rooms use. */
import { createHash } from 'node:crypto';
import type { Json } from '../connector/contract.ts';
import type { MappingFile } from './ast.ts';
import { type CompiledMap, compileMapping } from './compile.ts';
import { fieldsOf } from './fields.ts';
import { lineFinder } from './position.ts';
import { newTracer, type Tracer } from './tracer.ts';
import type { Conflict, FieldTrace, MapContext, Mapping, MapResult } from './types.ts';

/** A mapping that can also be watched: used by cases for coverage. */
export type BuiltMapping = Mapping & {
  readonly watch: (record: Json, context: MapContext) => { readonly result: MapResult; readonly tracer: Tracer };
};

export function buildMapping(file: MappingFile, name: string): BuiltMapping {
  const run = compileMapping(file, false);
  const find = lineFinder(file.text);
  const place = (offset: number): string => {
    const { line, column } = find(offset);
    return `${file.file}:${line}:${column}`;
  };
  // Explaining is rare: its code is only made when somebody asks.
  let traced: CompiledMap | null = null;
  const watch: BuiltMapping['watch'] = (record, context) => {
    traced ??= compileMapping(file, true);
    const tracer = newTracer(place);
    return { result: traced(record, context.page, tracer), tracer };
  };
  return {
    name,
    version: createHash('sha256').update(file.text).digest('hex'),
    source: file.file,
    text: file.text,
    groupBy: file.groupBy,
    fills: Object.fromEntries(
      file.outputs.map((output) => [
        output.name,
        { entity: output.entity, fields: output.fields.map((field) => field.name) },
      ]),
    ),
    conflicts: conflictsOf(file),
    map: (record, context) => run(record, context.page, null),
    watch,
    trace: (record, context) => completed(file, watch(record, context).tracer),
  };
}

function conflictsOf(file: MappingFile): Readonly<Record<string, Conflict>> {
  const named = file.outputs.flatMap((output) =>
    output.fields.flatMap((field) =>
      field.conflict === null ? [] : [[`${output.entity}.${field.name}`, field.conflict] as const],
    ),
  );
  return Object.fromEntries(named);
}

/** What the tracer saw, and beside it every canonical field that no rule fills. */
function completed(file: MappingFile, tracer: Tracer): readonly FieldTrace[] {
  const unmapped = tracer.outputs.flatMap(({ key, name }) => {
    const rule = file.outputs.find((output) => output.name === name);
    if (rule === undefined) return [];
    const filled = new Set(rule.fields.map((field) => field.name));
    return Object.keys(fieldsOf(rule.entity))
      .filter((field) => !filled.has(field))
      .map(
        (field): FieldTrace => ({
          output: key,
          field,
          value: null,
          rule: file.file,
          sources: [],
          steps: [],
          reason: 'not mapped',
        }),
      );
  });
  return [...tracer.fields, ...unmapped];
}
