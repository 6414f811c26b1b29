import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from './check.ts';
import type { Counts } from './count-reporter.ts';
import { ensureServices } from './system-services.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const INSTALL_SERVICES = '--install-services';

const given = process.argv.slice(2);
const vitestArgs = given.filter((arg) => arg !== INSTALL_SERVICES);

ensureServices(given.includes(INSTALL_SERVICES));
// With arguments somebody is at work on a part; the whole run looks at everything.
const failedChecks = vitestArgs.length === 0 ? await check() : [];
const { code, counts } = await runVitest(vitestArgs);
const failed = Math.max(counts.failed, code === 0 ? 0 : 1) + failedChecks.length;
if (failedChecks.length > 0) process.stdout.write(`check failed: ${failedChecks.join(', ')}\n`);
process.stdout.write(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped\n`);
process.exitCode = failed > 0 ? 1 : 0;

async function runVitest(args: readonly string[]): Promise<{ code: number; counts: Counts }> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-test-'));
  const file = join(folder, 'counts.json');
  try {
    const reporters = ['--reporter=default', '--reporter=./scripts/count-reporter.ts'];
    const child = spawn(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, TRIBUTARY_TEST_COUNTS: file },
      },
    );
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    // Ctrl-C reaches vitest by itself; this only has to outlive it.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
    const [code] = await once(child, 'exit');
    return { code: code ?? 1, counts: readCounts(file) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file: string): Counts {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Vitest did not come to an end; its exit code tells.
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
