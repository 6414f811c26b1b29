/** The only file of this room that reads files: mapping files and their cases. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { WriteDeclaration } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { checkMapping } from './check.ts';
import { checkOutgoing, type Outgoing } from './outgoing-check.ts';
import { isOutgoing } from './outgoing-parse.ts';
import type { FileProblem, Mapping, SourceSchema } from './types.ts';

const ENDING = '.yaml';
const CASES = '.cases.yaml';

/** What a folder of mappings holds: the good ones by name, and everything that is wrong with the others. */
export type LoadedMappings = {
  readonly mappings: ReadonlyMap<string, Mapping | Outgoing>;
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
  return mapping ?? refuse(file, problems);
}

/**
 * The same for an outgoing mapping.
 * @throws ERR_MAPPING_UNKNOWN, ERR_MAPPING_INVALID
 */
export function loadOutgoing(file: string, target: WriteDeclaration | null = null): Outgoing {
  const { outgoing, problems } = checkOutgoing(readText(file), file, target);
  return outgoing ?? refuse(file, problems);
}

function refuse(file: string, problems: readonly FileProblem[]): never {
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
  const mappings = new Map<string, Mapping | Outgoing>();
  const problems: FileProblem[] = [];
  for (const file of mappingFiles(dir)) {
    const text = readText(file);
    const checked = isOutgoing(text) ? checkOutgoing(text, file, null) : checkMapping(text, file, null);
    const mapping = 'outgoing' in checked ? checked.outgoing : checked.mapping;
    problems.push(...checked.problems);
    if (mapping !== null) mappings.set(mappingName(file), mapping);
  }
  return { mappings, problems };
}

/** The file of cases beside a mapping: `mappings/inventory-csv.cases.yaml`. `null`: there is none. */
export function casesFile(mappingFile: string): string | null {
  const file = `${mappingFile.slice(0, -ENDING.length)}${CASES}`;
  return existsSync(file) ? file : null;
}
