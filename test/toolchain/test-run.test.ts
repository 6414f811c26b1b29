import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

function runFixtures(env: Record<string, string>): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const args = [join(root, 'scripts/test.ts'), '--config', 'test/toolchain/fixtures/vitest.config.ts'];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe('a test run', () => {
  it('ends with its counts on a line of their own and fails with any test or file', async () => {
    const { code, stdout } = await runFixtures({ CI: '', TEST_WITHOUT: '' });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('2 passed, 2 failed, 1 skipped');
    expect(code).toBe(1);
  });

  it('names the suite that a missing service kept from running', async () => {
    const { stdout, stderr } = await runFixtures({ CI: '', TEST_WITHOUT: 'sshd' });
    expect(stderr).toContain('not run: outcomes suite, needs openssh-server\n');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 2 failed, 2 skipped');
  });

  it('fails such a suite on CI', async () => {
    const { stdout, stderr } = await runFixtures({ CI: 'true', TEST_WITHOUT: 'sshd' });
    expect(stderr).toContain('cannot run: outcomes suite, needs openssh-server');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0 passed, 2 failed, 0 skipped');
  });
});
