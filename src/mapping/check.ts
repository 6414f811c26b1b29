import type { CheckedMapping, SourceSchema } from './types.ts';
import { buildMapping, type BuiltMapping } from './build.ts';
import { parseMapping } from './parse.ts';
import { collectProblems } from './position.ts';
import { basename } from 'node:path';

export function checkMapping(text: string, file: string, _schema: SourceSchema | null): CheckedMapping & { readonly mapping: BuiltMapping | null } {
  const problems = collectProblems(file, text);
  const parsed = parseMapping(text, file, problems);
  const ok = parsed !== null && problems.list.every((problem) => problem.severity !== 'error');
  return { mapping: ok ? buildMapping(parsed, basename(file, '.yaml')) : null, problems: problems.list };
}
