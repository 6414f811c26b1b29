/** Starting a worker's process and seeing how it ends. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Life = {
  readonly child: ChildProcess;
  /** Resolves when the worker has said that it is ready, or has ended before. */
  readonly ready: Promise<void>;
  /** What it said, and whether it came to its own end. */
  readonly ended: Promise<{ readonly said: readonly Words[]; readonly isKilled: boolean }>;
  /** Resolves when it says such a thing. */
  said(isIt: (words: Words) => boolean): Promise<void>;
  /** Whether it stands still (SIGSTOP). */
  isStopped(): boolean;
};

type Words = Readonly<Record<string, unknown>>;

/** One letter, as the system's process list has it. */
function stateOf(pid: number | undefined): string {
  try {
    return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .slice(0, 1);
  } catch {
    return ''; // It is gone.
  }
}

/** @param script in this folder */
export function startLife(script: string, argument: object): Life {
  const child = spawn(process.execPath, [new URL(script, import.meta.url).pathname, JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Words[] = [];
  const listeners = new Set<(words: Words) => void>();
  const ready = Promise.withResolvers<void>();
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const words: Words = JSON.parse(line);
      said.push(words);
      for (const listener of listeners) listener(words);
      if ('ready' in words) ready.resolve();
    });
  }
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = `${errors}${text}`.slice(-4000);
  });
  const ended = once(child, 'close').then(([code, signal]) => {
    ready.resolve();
    if (signal === 'SIGKILL') return { said, isKilled: true };
    if (code !== 0) throw new Error(`${script} ended with ${String(code ?? signal)}: ${errors}`);
    return { said, isKilled: false };
  });
  ended.catch(() => undefined); // Told to whoever waits for it.
  return {
    child,
    ready: ready.promise,
    ended,
    said: (isIt) =>
      new Promise((resolve) => {
        if (said.some(isIt)) resolve();
        listeners.add((words) => isIt(words) && resolve());
      }),
    isStopped: () => stateOf(child.pid) === 'T',
  };
}
