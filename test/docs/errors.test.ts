import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentErrors } from '../../scripts/error-docs.ts';
import { ERRORS } from '../../src/errors.ts';

const root = join(import.meta.dirname, '..', '..');
const text = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');

/** Node's own codes that our code asks for. */
const FOREIGN = new Set(['ERR_NOT_EXIST', 'ERR_SCRIPT_EXECUTION_TIMEOUT']);

const code = ['src', 'connectors'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(
      (path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && join(folder, path) !== join('src', 'errors.ts'),
    )
    .map((path) => readFileSync(join(root, folder, path), 'utf8')),
);
const named = new Set(code.flatMap((source) => [...source.matchAll(/'(ERR_[A-Z_]+)'/g)].map(([, name]) => name ?? '')));
/** Declared, and not thrown by anything yet; docs/errors.md says so. */
const NOT_YET = ['ERR_API_AUTHENTICATION', 'ERR_API_AUTHORIZATION', 'ERR_STOCK_INSUFFICIENT'];
/** Codes that something makes an error of: they do not only stand in a comparison. */
const made = new Set(
  code.flatMap((source) =>
    [...source.matchAll(/(===|!==|case)?\s*'(ERR_[A-Z_]+)'/g)].flatMap(([, compared, name]) =>
      compared === undefined ? [name ?? ''] : [],
    ),
  ),
);

describe('docs/errors.md', () => {
  it('has the table as src/errors.ts declares it (node scripts/error-docs.ts)', () => {
    expect(documentErrors(text)).toBe(text);
  });

  it('knows every code that the program names', () => {
    const known = new Set([...Object.keys(ERRORS), ...FOREIGN]);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });

  it('has no code that nothing throws, but for those it names as such', () => {
    expect(Object.keys(ERRORS).filter((name) => !made.has(name))).toEqual(NOT_YET);
    const sentence = /^Declared, not thrown yet: (.*)\.$/m.exec(text)?.[1] ?? '';
    expect(sentence.split(', ')).toEqual(NOT_YET.map((name) => `\`${name}\``));
  });

  it('gives every code a cause and a remedy in whole sentences', () => {
    for (const [name, { cause, remedy }] of Object.entries(ERRORS))
      for (const sentence of [cause, remedy]) expect(sentence, name).toMatch(/^[A-Z`].*[.)]$/);
  });
});
