import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';

/** Whom a server runs as; undefined is whoever runs the tests. */
export interface Account {
  uid: number;
  gid: number;
}

export interface ServerCommand {
  command: string;
  args: readonly string[];
  /** Removed with everything in it when the process that started the server dies without stopping it. */
  folder: string;
  stopSignal: NodeJS.Signals;
  account?: Account | undefined;
}

/** A server of the machine with a life bound to ours: it ends with us, even when we are killed. */
export interface ServerProcess {
  pid: number;
  isRunning(): boolean;
  log(): string;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<void>;
}

// The shell outlives us: when the pipe from us ends without a word, it stops the server and clears up.
const GUARD = `
"$@" 3<&- </dev/null >>"$GUARD_FOLDER/server.log" 2>&1 &
pid=$!
echo $pid
( read -r _ <&3 || {
  kill -s "$GUARD_SIGNAL" $pid
  while kill -0 $pid; do sleep 0.1; done
  rm -rf "$GUARD_FOLDER"
} ) >/dev/null 2>&1 &
wait $pid`;

export async function startServer(server: ServerCommand): Promise<ServerProcess> {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'sh', server.command, ...server.args], {
    cwd: server.folder,
    // Its own session, so that Ctrl-C in the terminal reaches the tests and not their servers.
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', GUARD_FOLDER: server.folder, GUARD_SIGNAL: server.stopSignal.slice(3) },
    ...server.account,
  });
  const ended = once(guard, 'exit');
  const [, output, , pipe] = guard.stdio;
  if (!output || !(pipe instanceof Socket)) throw new Error('the guard has no pipes');
  guard.once('exit', () => pipe.end('ended\n'));
  const [line] = await once(output, 'data');
  output.destroy();
  // A caller that forgets to stop its server still comes to an end, and with it the server.
  pipe.unref();
  guard.unref();
  const pid = Number.parseInt(String(line), 10);
  return {
    pid,
    isRunning: () => guard.exitCode === null && guard.signalCode === null,
    log: () => readFileSync(join(server.folder, 'server.log'), 'utf8'),
    async end(signal = server.stopSignal) {
      if (guard.exitCode !== null || guard.signalCode !== null) return;
      guard.ref();
      process.kill(pid, signal);
      await ended;
    },
  };
}

/** A new folder for a server's files, owned by the account that it will run as. */
export function serverFolder(name: string, account?: Account): string {
  const folder = mkdtempSync(join(tmpdir(), `tributary-${name}-`));
  if (account) chownSync(folder, account.uid, account.gid);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** PostgreSQL refuses to run as root: then it runs as its own system user, or as nobody. */
export function unprivilegedAccount(): Account | undefined {
  if (userInfo().uid !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => numberFrom('id', [flag, user]));
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error('PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody');
}

function numberFrom(command: string, args: string[]): number | undefined {
  try {
    return Number(execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}
