import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mappingFiles } from '../../src/mapping/load.ts';
import { mutateAll } from './mutate.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_121);
const ROUNDS = Number(process.env['ROUNDS'] ?? 1);

it(`at least 95 % of slips in shipped mappings are reported at their place (TEST_SEED=${SEED})`, {
  timeout: 600_000,
}, () => {
  const report = mutateAll(mappingFiles(join(import.meta.dirname, '..', '..', 'mappings')), SEED, ROUNDS);
  const told = JSON.stringify({ ...report, misplaced: report.misplaced.length, equivalent: report.equivalent.length });
  if (process.env['ROUNDS'] !== undefined) console.info(told, report.misplaced, report.equivalent);
  expect(
    report.share,
    `${told}\n${JSON.stringify([...report.misplaced, ...report.equivalent], null, 1)}`,
  ).toBeGreaterThanOrEqual(0.95);
});
