import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCases } from '../../src/mapping/cases.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import { documentFunctions } from '../../src/mapping/document.ts';
import { checkOutgoing } from '../../src/mapping/outgoing-check.ts';

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

  it('shows outgoing mappings that pass their checks, and cases that hold', () => {
    const shown = blocks('outgoing');
    expect(shown.length).toBeGreaterThanOrEqual(2);
    for (const block of shown) expect(checkOutgoing(block, 'docs.yaml', null).problems, block).toEqual([]);
    const report = runCases(shown[0] ?? '', 'lead-to-crm.yaml', blocks('outgoing-cases')[0] ?? '', 'cases.yaml');
    expect(report.results.flatMap(({ differences }) => differences)).toEqual([]);
    expect(report.results.length).toBe(3);
    expect(report.coverage?.unused).toEqual([]);
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
