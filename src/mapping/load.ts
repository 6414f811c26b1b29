/** The only file of this room that reads files: mapping files and their cases. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { TributaryError } from '../errors.ts';
import { checkMapping } from './check.ts';
import type { FileProblem, Mapping, SourceSchema } from './types.ts';

const ENDING = '.yaml';
const CASES = '.cases.yaml';

/** What a folder of mappings holds: the good ones by name, and everything that is wrong with the others. */
export type LoadedMappings = {
  readonly mappings: ReadonlyMap<string, Mapping>;
  readonly problems: readonly FileProblem[];
};

/** Name of the mapping in a file: `mappings/inventory-csv.yaml` is `inventory-csv`. */
export function mappingName(file: string): string {
  return basename(file, ENDING);
}

/**
 * Reads, checks and compiles one mapping file.
 * @throws ERR_MAPPING_UNKNOWN when there is no such file, ERR_MAPPING_INVALID with every problem when it does not pass.
 */
export function loadMapping(file: string, schema: SourceSchema | null = null): Mapping {
  const { mapping, problems } = checkMapping(readText(file), file, schema);
  if (mapping !== null) return mapping;
  const errors = problems.filter((problem) => problem.severity === 'error');
  throw new TributaryError(
    'ERR_MAPPING_INVALID',
    `${file} does not pass its checks:\n${errors.map(describeProblem).join('\n')}`,
    {
      evidence: { file, problems: errors.map(describeProblem) },
    },
  );
}

/** `file:line:column: what is wrong. What to do.` */
export function describeProblem(problem: FileProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message} ${problem.remedy} [${problem.code}]`;
}

/** Text of a mapping file. @throws ERR_MAPPING_UNKNOWN */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new TributaryError('ERR_MAPPING_UNKNOWN', `${file} cannot be read.`, { cause, evidence: { file } });
  }
}

/** Mapping files of a folder, without their cases, in order. */
export function mappingFiles(dir: string): readonly string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(ENDING) && !name.endsWith(CASES))
    .sort()
    .map((name) => join(dir, name));
}

/** All mappings of a folder. A broken file does not keep the others from being used. */
export function loadMappings(dir: string): LoadedMappings {
  const mappings = new Map<string, Mapping>();
  const problems: FileProblem[] = [];
  for (const file of mappingFiles(dir)) {
    const checked = checkMapping(readText(file), file, null);
    problems.push(...checked.problems);
    if (checked.mapping !== null) mappings.set(mappingName(file), checked.mapping);
  }
  return { mappings, problems };
}

/** The file of cases beside a mapping: `mappings/inventory-csv.cases.yaml`. `null`: there is none. */
export function casesFile(mappingFile: string): string | null {
  const file = `${mappingFile.slice(0, -ENDING.length)}${CASES}`;
  return existsSync(file) ? file : null;
}
