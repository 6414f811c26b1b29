import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findConnectors } from '../../connectors/index.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tributary-connectors-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const GOOD = `export default { name: 'good', title: 'Good', docs: 'https://example.com', directions: ['in'], config: { safeParse() {} }, open() {} };`;

async function folder(name: string, index: string | null): Promise<void> {
  await mkdir(join(dir, name), { recursive: true });
  if (index !== null) await writeFile(join(dir, name, 'index.ts'), index);
}

test('finds a connector by its folder being there', async () => {
  await folder('good', GOOD);
  const found = await findConnectors(dir);
  expect([...found.connectors.keys()]).toEqual(['good']);
  expect(found.problems).toEqual([]);
});

test('reports each folder that is no connector, and the others work', async () => {
  await folder('good', GOOD);
  await folder('syntax', 'export default {');
  await folder('throws', `throw new Error('no SDK here');`);
  await folder('empty', null);
  await folder('nothing', 'export const x = 1;');
  await folder('renamed', GOOD);
  await folder(
    'shapeless',
    `export default { name: 'shapeless', title: '', docs: 'd', directions: ['sideways'], config: {}, open: 1 };`,
  );
  const found = await findConnectors(dir);
  expect([...found.connectors.keys()]).toEqual(['good']);
  expect(Object.fromEntries(found.problems.map((problem) => [problem.folder, problem.message]))).toEqual({
    syntax: expect.stringContaining('does not load'),
    throws: expect.stringContaining('no SDK here'),
    empty: expect.stringContaining('does not load'),
    nothing: expect.stringContaining('default export'),
    renamed: expect.stringContaining('must be that of its folder'),
    shapeless: expect.stringMatching(/"title".*"directions".*"config".*"open"/),
  });
});

test('passes over files and folders that start with a dot or an underscore', async () => {
  await folder('_shared', 'export const x = 1;');
  await folder('.hidden', null);
  await writeFile(join(dir, 'index.ts'), '');
  expect(await findConnectors(dir)).toEqual({ connectors: new Map(), problems: [] });
});
