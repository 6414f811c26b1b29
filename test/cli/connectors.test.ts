/** `connectors new` in a copy of the project: what it writes works without another file being edited. */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['package.json', 'tsconfig.json', 'vitest.config.ts', 'bin', 'connectors', 'docs', 'src', 'test'];
const NEW_FILES = ['connectors/big-shop/index.ts', 'src/sandbox/big-shop/index.ts', 'test/connectors/big-shop.test.ts'];

let copy = '';

type Ended = { readonly code: number; readonly out: string };

function node(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: copy }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: out + err }),
    );
  });
}
const tributary = (...args: string[]) => node('src/main.ts', ...args);

describe('connectors new', { timeout: 120_000 }, () => {
  let made: Ended;
  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), 'tributary-copy-'));
    for (const name of COPIED)
      cpSync(join(ROOT, name), join(copy, name), {
        recursive: true,
        filter: (from) => basename(from) !== 'node_modules',
      });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    made = await tributary('connectors', 'new', 'big-shop');
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it('writes a folder, a system and a test, and shows it in the catalogue and the list', async () => {
    expect(made.code).toBe(0);
    for (const file of NEW_FILES) {
      expect(existsSync(join(copy, file)), file).toBe(true);
      expect(made.out).toContain(`made  ${file}`);
      expect(readFileSync(join(copy, file), 'utf8')).not.toMatch(/acme|_template/i);
    }
    expect(readFileSync(join(copy, 'docs/connectors.md'), 'utf8')).toContain('### BigShop (`big-shop`)');
    expect((await tributary('connectors', 'list')).out).toMatch(/big-shop +BigShop +in +things/);
  });

  it('writes what type-checks', async () => {
    const files = { extends: './tsconfig.json', include: [], files: ['test/connectors/big-shop.test.ts'] };
    writeFileSync(join(copy, 'tsconfig.new.json'), JSON.stringify(files));
    expect(await node('node_modules/typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.new.json')).toEqual({
      code: 0,
      out: '',
    });
  });

  it('writes what passes the conformance suite and the tests of all connectors', async () => {
    const tests = ['big-shop', 'shape', 'catalogue'].map((name) => `test/connectors/${name}.test.ts`);
    const ended = await node('node_modules/vitest/vitest.mjs', 'run', ...tests);
    expect(ended.out).toMatch(/Test Files.*3 passed/);
    expect(ended.code).toBe(0);
  });

  it.each(['big-shop', 'shopify'])('does not overwrite %s', async (name) => {
    const before = readFileSync(join(copy, `connectors/${name}/index.ts`), 'utf8');
    const ended = await tributary('connectors', 'new', name);
    expect(ended).toMatchObject({ code: 2, out: expect.stringContaining('is not overwritten') });
    expect(readFileSync(join(copy, `connectors/${name}/index.ts`), 'utf8')).toBe(before);
  });

  it.each(['', '../evil', 'Big', 'x'.repeat(41)])('refuses the name "%s"', async (name) => {
    expect(await tributary('connectors', 'new', '--', name)).toMatchObject({
      code: 2,
      out: expect.stringContaining('is no name for a connector'),
    });
  });
});
