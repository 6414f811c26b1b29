import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram } from './programs.ts';
import { removeFolder, serverFolder, startServer } from './server-process.ts';
import { freePort, greet, waitFor } from './wait.ts';

export interface SshServer extends AsyncDisposable {
  host: string;
  port: number;
  username: string;
  /** The only way in: the private key, in OpenSSH format. */
  clientKey: string;
  /** Of the host key, as `ssh-keygen -l` prints it: `SHA256:` and unpadded base64. */
  fingerprint: string;
  /** Where a session starts. It is no jail: `/etc` can be read as well. */
  homeDir: string;
  /** Cuts every open session; new ones are let in. */
  dropSessions(): void;
  stop(): Promise<void>;
}

/** Starts an OpenSSH server that offers nothing but SFTP, as the user who runs the tests. */
export async function startSshd(): Promise<SshServer> {
  // sshd starts itself again for each session and insists on an absolute path for that.
  const command = findProgram('sshd');
  if (!command) throw new Error('no sshd on this machine; install openssh-server');
  const folder = serverFolder('sshd');
  const homeDir = join(folder, 'home');
  mkdirSync(homeDir);
  for (const key of ['host', 'client']) {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', key, '-f', join(folder, key)]);
  }
  copyFileSync(join(folder, 'client.pub'), join(folder, 'authorized_keys'));
  chmodSync(join(folder, 'authorized_keys'), 0o600);
  const port = await freePort();
  writeFileSync(join(folder, 'sshd_config'), configuration(command, folder, port));
  // A root sshd wants its privilege separation folder, which the package leaves to the boot scripts.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const args = ['-D', '-e', '-f', join(folder, 'sshd_config')];
  const server = await startServer({ command, args, folder, stopSignal: 'SIGTERM' });
  await waitFor('sshd to answer', async () => {
    if (!server.isRunning()) throw new Error(`sshd ended: ${server.log()}`);
    return (await greet(port, '')).startsWith('SSH-') ? true : undefined;
  });
  const dropSessions = () => descendants(server.pid).forEach(endProcess);
  const stop = async () => {
    if (server.isRunning()) dropSessions();
    await server.end();
    removeFolder(folder);
  };
  return {
    host: '127.0.0.1',
    port,
    username: userInfo().username,
    clientKey: readFileSync(join(folder, 'client'), 'utf8'),
    fingerprint: fingerprint(readFileSync(join(folder, 'host.pub'), 'utf8')),
    homeDir,
    dropSessions,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function configuration(command: string, folder: string, port: number): string {
  return [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host`,
    `PidFile ${folder}/sshd.pid`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'AllowTcpForwarding no',
    'PermitTTY no',
    // Tests open sessions by the dozen and fail to log in on purpose.
    'MaxStartups 200',
    ...(hasPenalties(command) ? ['PerSourcePenalties no'] : []),
    `Subsystem sftp internal-sftp -d ${folder}/home`,
    `ForceCommand internal-sftp -d ${folder}/home`,
    '',
  ].join('\n');
}

// OpenSSH 9.8 brought the setting; older ones refuse a file that has it.
function hasPenalties(command: string): boolean {
  const { stdout, stderr } = spawnSync(command, ['-V'], { encoding: 'utf8' });
  const version = /OpenSSH_(\d+)\.(\d+)/.exec(`${stdout}${stderr}`);
  return version !== null && Number(version[1]) * 100 + Number(version[2]) >= 908;
}

function fingerprint(publicKey: string): string {
  const key = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function descendants(pid: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const processes = lines.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    processes.flatMap(([child = 0, its = 0]) => (its === parent ? [...below(child), child] : []));
  return below(pid);
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // One session is several processes, which take each other along.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
