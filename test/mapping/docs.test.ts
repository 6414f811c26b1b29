import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCases } from '../../src/mapping/cases.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import { documentFunctions } from '../../src/mapping/document.ts';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'mapping.md'), 'utf8');
const blocks = (kind: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`yaml ${kind}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((found) => found[1] ?? '');

describe('docs/mapping.md', () => {
  it('has the functions as they are declared (node scripts/mapping-docs.ts)', () => {
    expect(documentFunctions(text)).toBe(text);
  });

  it('shows mappings that pass their checks', () => {
    expect(blocks('mapping').length).toBeGreaterThanOrEqual(11);
    for (const block of blocks('mapping')) expect(checkMapping(block, 'docs.yaml', null).problems, block).toEqual([]);
  });

  it('shows cases that hold', () => {
    const report = runCases(blocks('mapping')[0] ?? '', 'shops.yaml', blocks('cases')[0] ?? '', 'shops.cases.yaml');
    expect(report.results.map(({ ok, differences }) => [ok, differences])).toEqual([
      [true, []],
      [true, []],
    ]);
    expect(report.coverage?.unused).toEqual([]);
  });
});
