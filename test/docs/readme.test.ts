import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findConnectors } from '../../connectors/index.ts';
import { checkConfig } from '../../src/config/load.ts';
import { checkSettings } from '../../src/config/settings.ts';
import { blocksOf, readDocument, root, wordsOf } from './documents.ts';

const blocks = blocksOf(readDocument('README.md'));
const FILE = /^(?:yaml|csv) (\S+\.(?:yaml|csv))$/;
const files = blocks.flatMap(({ info, text }) => {
  const [, path] = FILE.exec(info) ?? [];
  return path === undefined ? [] : [{ path, text }];
});
const steps = (blocks.find(({ info }) => info === 'sh operator')?.text ?? '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ({ line, argv: wordsOf(line).slice(1), exit: Number(/# exit (\d)/.exec(line)?.[1] ?? 0) }));

/** What a server's key looks like; the README leaves it out. */
const HOST_KEY = 'SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDvAkY9PbVuOYGP1Ss';

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

let folder = '';
/** A command as somebody types it in the folder. */
function tributary(argv: readonly string[]): Promise<Ended> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(DATABASE_URL|REDIS_URL|TRIBUTARY_.*|HOST|PORT)$/.test(name)),
  );
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'src/main.ts'), ...argv], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}

/** A file that was left alone for a while. */
function put(path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  const past = new Date(Date.now() - 60_000);
  utimesSync(file, past, past);
}

describe('the connection in README.md', () => {
  it('is one that its connector accepts', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tributary-readme-'));
    try {
      const text = blocks.find(({ info }) => info === 'yaml vendor')?.text ?? '';
      writeFileSync(join(dir, 'tributary.yaml'), text.replace('SHA256:…', HOST_KEY));
      const { config, problems } = checkConfig({ dir, env: { WAREHOUSE_PASSWORD: 'secret' } });
      expect(problems).toEqual([]);
      const [connection] = config?.connections ?? [];
      if (!config || !connection) throw new Error('no connection');
      const { connectors } = await findConnectors();
      const connector = connectors.get(connection.connector);
      if (!connector) throw new Error(`no connector ${connection.connector}`);
      expect(checkSettings(connector, connection, config).problems).toEqual([]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('the example in README.md', { timeout: 120_000 }, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tributary-readme-'));
    for (const { path, text } of files) put(path, text);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is a configuration, a feed, a mapping and its cases', () => {
    expect(files.map(({ path }) => path)).toEqual([
      'tributary.yaml',
      'feeds/shoes-monday.csv',
      'mappings/shoes.yaml',
      'mappings/shoes.cases.yaml',
    ]);
    expect(steps.length).toBeGreaterThan(4);
  });

  it('does what its commands say they do', async () => {
    const said: string[] = [];
    for (const { line, argv, exit } of steps) {
      const { code, stdout, stderr } = await tributary(argv);
      expect([line, code], `${stdout}${stderr}`).toEqual([line, exit]);
      said.push(stdout);
    }
    const all = said.join('\n');
    expect(all).toContain('2 cases, all as expected; 10 of 10 rules used');
    expect(all).toContain('"many" is not a number');
    expect(all).toMatch(/price = 59\.90/);
  });

  it('loads what the feed says, and closes the dead letter when the feed is put right', async () => {
    const stock = async () =>
      (await tributary(['export', 'stock'])).stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    const one = { sku: 'SH-1', location: 'default', quantity: 12, available: 12 };
    expect(await stock()).toEqual([one]);
    const feed = 'feeds/shoes-monday.csv';
    put(feed, readFileSync(join(folder, feed), 'utf8').replace('many', '7'));
    const { code, stdout } = await tributary(['sync', 'shoes', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([
      { state: 'succeeded', read: 2, created: 1, unchanged: 1, deadLettered: 0 },
    ]);
    expect(await stock()).toEqual([one, { sku: 'SH-2', location: 'default', quantity: 7, available: 7 }]);
    expect(JSON.parse((await tributary(['deadletters', 'list', '--json'])).stdout)).toEqual([]);
  });
});
