import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { findProgram, hasService, packageOf, type ServiceName } from '../test/support/services/programs.ts';

const SERVICES: readonly ServiceName[] = ['postgres', 'redis', 'sshd'];
const DAEMON_POLICY = '/usr/sbin/policy-rc.d';

/**
 * Brings the servers the tests need onto a throw-away Debian machine. Elsewhere it only says what is missing:
 * nobody's own machine gets system packages unasked.
 */
export function ensureServices(isAsked: boolean): void {
  const missing = SERVICES.filter((name) => !hasService(name));
  if (missing.length === 0) return;
  const names = missing.map((name) => packageOf[name]);
  if (mayInstall(isAsked)) {
    installPackages(names);
    return;
  }
  process.stderr.write(
    `missing for some suites: ${names.join(', ')}; "npm test -- --install-services" installs them on Debian as root.\n`,
  );
}

function mayInstall(isAsked: boolean): boolean {
  const isDebian = existsSync('/etc/debian_version') && findProgram('apt-get') !== undefined;
  const isUnattended = process.env['CI'] === 'true' || !(process.stdin.isTTY || process.stdout.isTTY);
  return isDebian && process.getuid?.() === 0 && (isAsked || isUnattended);
}

function installPackages(names: readonly string[]): void {
  process.stderr.write(`installing ${names.join(', ')} with apt-get…\n`);
  // Only the programs are wanted: while this file says so, no package starts its daemon.
  const isOurs = !existsSync(DAEMON_POLICY);
  if (isOurs) writeFileSync(DAEMON_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    aptGet('update');
    aptGet('install', '--yes', '--no-install-recommends', ...names);
  } finally {
    if (isOurs) rmSync(DAEMON_POLICY, { force: true });
  }
}

// A failure is not the end: the suites that miss their service tell.
function aptGet(...args: string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr } = spawnSync('apt-get', ['-qq', ...args], { encoding: 'utf8', env });
  if (status !== 0) process.stderr.write(`apt-get ${args[0]} failed:\n${stdout}${stderr}`);
}
