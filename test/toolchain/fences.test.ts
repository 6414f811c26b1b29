import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');

/** Imports that must be refused, by the rule that refuses them. */
const refused: Readonly<Record<string, readonly [file: string, line: string]>> = {
  'room-api': ['src/api/a.ts', "import '../connector/index.ts'"],
  'room-cli': ['src/cli/a.ts', "import '../connector/index.ts'"],
  'room-run': ['src/run/a.ts', "import '../api/index.ts'"],
  'room-publish': ['src/publish/a.ts', "import '../run/index.ts'"],
  'room-subject': ['src/inventory/a.ts', "import '../campaigns/index.ts'"],
  'room-load': ['src/load/a.ts', "import '../extract/index.ts'"],
  'room-extract': ['src/extract/a.ts', "import '../store/index.ts'"],
  'room-mapping': ['src/mapping/a.ts', "import '../store/index.ts'"],
  'room-store': ['src/store/a.ts', "import '../queue/index.ts'"],
  'room-queue': ['src/queue/a.ts', "import '../store/index.ts'"],
  'room-sandbox': ['src/sandbox/a.ts', "import '../store/index.ts'"],
  'room-config': ['src/config/a.ts', "import '../store/index.ts'"],
  'room-observe': ['src/observe/a.ts', "import '../store/index.ts'"],
  'vocabulary-is-types': ['src/load/b.ts', "import { now } from '../connector/contract.ts'; now()"],
  'contract-and-canonical-stand-alone': ['src/canonical/a.ts', "import type { Json } from '../connector/contract.ts'"],
  'errors-stand-alone': ['src/errors.ts', "import './canonical/index.ts'"],
  'pure-rooms': ['src/mapping/b.ts', "import 'node:fs/promises'"],
  'connector-knows-the-contract-only': ['connectors/acme/a.ts', "import '../other/index.ts'"],
  'only-app-knows-connectors': ['src/main.ts', "import '../connectors/index.ts'"],
  'only-main-starts': ['src/run/b.ts', "import '../app.ts'"],
  'no-tests-in-the-program': ['src/cli/b.ts', "import '../../test/support/services.ts'"],
  'no-cycles': ['src/store/b.ts', "import './c.ts'"],
  'nothing-unresolvable': ['src/store/d.ts', "import './nowhere.ts'"],
  'only-store': ['src/load/c.ts', "import type { Pool } from 'pg'"],
  'only-queue': ['src/run/c.ts', "import 'bullmq'"],
  'only-run': ['src/app.ts', "import 'node-cron'"],
  'only-connectors': ['src/extract/b.ts', "import 'jsforce'"],
};

/** Imports that must pass. */
const allowed: Readonly<Record<string, string>> = {
  'src/store/c.ts': "import './b.ts'",
  'src/store/index.ts': "import 'drizzle-orm'; import '../canonical/index.ts'; import '../errors.ts'",
  'src/queue/index.ts': "import 'ioredis'; import '../observe/index.ts'",
  'src/run/index.ts': "import '../load/index.ts'; import 'node-cron'",
  'src/load/index.ts': "import type { Json } from '../connector/contract.ts'; import '../store/index.ts'",
  'src/api/index.ts': "import '../inventory/index.ts'; import '../run/index.ts'",
  'src/inventory/index.ts': "import '../store/index.ts'; import './b.ts'",
  'src/inventory/b.ts': '',
  'src/clients/index.ts': "import '../load/index.ts'",
  'src/extract/index.ts': "import '../connector/index.ts'",
  'src/connector/index.ts': "import '../errors.ts'; import './contract.ts'",
  'src/connector/contract.ts': 'export type Json = unknown; export const now = () => 0',
  'src/cli/index.ts': "import '../app.ts'",
  'connectors/index.ts': "import './acme/index.ts'; import './other/index.ts'",
  'connectors/acme/index.ts': "import 'jsforce'; import '../../src/connector/index.ts'; import '../../src/errors.ts'",
  ...Object.fromEntries(
    ['canonical', 'observe', 'mapping', 'campaigns'].map((room) => [`src/${room}/index.ts`, 'export const name = 1']),
  ),
  'connectors/other/index.ts': '',
  'test/support/services.ts': '',
};

interface Report {
  summary: { violations: { from: string; rule: { name: string } }[] };
}

describe('fences', () => {
  let folder: string;
  let found: { file: string; rule: string }[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-fences-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
    await writeFile(join(folder, 'tsconfig.json'), '{ "compilerOptions": { "module": "nodenext" } }');
    for (const [file, text] of [...Object.entries(allowed), ...Object.values(refused)]) {
      await write(join(folder, file), text);
    }
    found = await cruise(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(Object.entries(refused))('%s refuses what leaves it', (rule, [file]) => {
    expect(found).toContainEqual({ file, rule });
  });

  it('lets every allowed import pass', () => {
    const cycle = ['src/store/b.ts', 'src/store/c.ts', 'src/errors.ts'];
    expect(found.filter(({ file }) => file in allowed && !cycle.includes(file))).toEqual([]);
  });
});

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${text}\nexport {};\n`);
}

async function cruise(folder: string): Promise<{ file: string; rule: string }[]> {
  const args = [cruiser, '--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json', '.'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  const report: Report = JSON.parse(stdout);
  return report.summary.violations.map(({ from, rule }) => ({ file: from, rule: rule.name }));
}
