import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCases } from '../../src/mapping/cases.ts';
import { casesFile, loadMappings, mappingFiles } from '../../src/mapping/load.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'mappings');

describe('shipped mappings', () => {
  it('pass their checks without a warning', () => {
    expect(loadMappings(FOLDER).problems).toEqual([]);
  });

  for (const file of mappingFiles(FOLDER)) {
    it(`${basename(file)} maps its cases, which use every rule`, () => {
      const cases = casesFile(file);
      if (cases === null) throw new TypeError(`${file} has no cases`);
      const report = runCases(readFileSync(file, 'utf8'), file, readFileSync(cases, 'utf8'), cases);
      expect(report.results.filter((result) => !result.ok)).toEqual([]);
      expect(report.coverage?.unused).toEqual([]);
      expect(report.ok).toBe(true);
    });
  }
});

describe('cases', () => {
  const mapping =
    'record: {key: id}\noutputs:\n  location:\n    fields:\n      code: id | trim | required\n      name:\n        choose:\n          - when: kind = "a"\n            then: = "A"\n          - else: label\n';

  it('tell what came out otherwise, and by which rule', () => {
    const cases =
      'cases:\n  - name: one\n    input: {id: x, kind: b, label: L}\n    expect: {id: x, outputs: {location: {code: x, name: M}}}\n';
    const report = runCases(mapping, 'm.yaml', cases, 'm.cases.yaml');
    expect(report.results).toEqual([
      {
        name: 'one',
        place: 'm.cases.yaml:2:5',
        ok: false,
        differences: [{ path: 'outputs.location.name', expected: 'M', actual: 'L', rule: 'm.yaml:7:9' }],
      },
    ]);
  });

  it('name the branches that none of them takes', () => {
    const cases =
      'cases:\n  - name: one\n    input: {id: x, kind: b, label: L}\n    expect: {outputs: {location: {code: x, name: L}}}\n';
    expect(runCases(mapping, 'm.yaml', cases, 'm.cases.yaml').coverage?.unused).toEqual([
      { place: 'm.yaml:8:13', what: 'branch 1 of a choice' },
    ]);
  });

  it('point at words they do not know', () => {
    const cases = 'cases:\n  - name: one\n    inptu: {id: x}\n    expect: {}\n';
    expect(runCases(mapping, 'm.yaml', cases, 'm.cases.yaml').problems).toMatchObject(
      [
        { line: 2, code: 'bad-case' },
        { line: 3, column: 5, code: 'unknown-key', remedy: 'Did you mean "input"?' },
      ].toSorted((a, b) => b.line - a.line),
    );
  });
});
