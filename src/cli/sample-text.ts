/** Sampled records for people: raw beside what mappings make of them. */
import type { MapResult } from '../mapping/types.ts';
import type { Sample, Samples } from '../run/sample-stream.ts';
import { facts, plain } from './render.ts';

export function samplesText({ records, problems }: Samples): string {
  const parts = records.map(sampleText);
  for (const problem of problems)
    parts.push(`problem${problem.position === null ? '' : ` at ${problem.position}`}: ${plain(problem.message)}\n`);
  if (parts.length === 0) parts.push('No records.\n');
  return parts.join('\n');
}

function sampleText({ position, raw, decoded, results, problem }: Sample): string {
  const lines = [`record at ${position}\n`];
  for (const part of raw) lines.push(`  raw  ${plain(part)}\n`);
  if (problem !== null) lines.push(`  cannot be decoded: ${plain(problem)}\n`);
  if (results.length === 0 && typeof decoded === 'object' && decoded !== null && !Array.isArray(decoded))
    lines.push(facts(decoded, '    '));
  for (const { mapping, result } of results) lines.push(resultText(mapping, result));
  return lines.join('');
}

function resultText(mapping: string, result: MapResult): string {
  const head = `  ${mapping}${result.id === null ? '' : ` id ${plain(result.id)}`}: ${result.kind}`;
  switch (result.kind) {
    case 'deleted':
      return `${head}\n`;
    case 'filtered':
      return `${head}, ${plain(result.reason)}\n`;
    case 'rejected':
      return `${head}\n${result.problems.map((one) => `    ${plain(one.field)}: ${plain(one.message)}${one.pointer ? ` (at ${plain(one.pointer)})` : ''} [${one.code}]\n`).join('')}`;
    case 'mapped': {
      const entities = result.entities.map(
        (output) => `    ${output.key} (${output.entity})\n${facts(output.values, '      ')}`,
      );
      const stock = result.stock.map(
        ({ key, variant, location, quantity, asOf }) =>
          `    ${key} (stock)\n${facts({ variant: 'value' in variant ? variant.value : 'key' in variant ? `output ${variant.key}` : variant.id, location, quantity, as_of: asOf === null ? null : new Date(asOf) }, '      ')}`,
      );
      return `${head}\n${[...entities, ...stock].join('')}`;
    }
  }
}

/** Whether a mapping could not make something of every record. */
export const hasProblems = ({ records, problems }: Samples): boolean =>
  problems.length > 0 ||
  records.some((record) => record.problem !== null || record.results.some(({ result }) => result.kind === 'rejected'));
