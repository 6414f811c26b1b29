/** Starting a worker's process and seeing how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export type Life = {
  readonly child: ChildProcess;
  /** Resolves when the worker has said that it is ready, or has ended before. */
  readonly ready: Promise<void>;
  /** What it said, and whether it came to its own end. */
  readonly ended: Promise<{ readonly said: readonly Record<string, unknown>[]; readonly isKilled: boolean }>;
};

/** @param script in this folder */
export function startLife(script: string, argument: object): Life {
  const child = spawn(process.execPath, [new URL(script, import.meta.url).pathname, JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Record<string, unknown>[] = [];
  const ready = Promise.withResolvers<void>();
  if (child.stdout) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const words: Record<string, unknown> = JSON.parse(line);
      said.push(words);
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
  return { child, ready: ready.promise, ended };
}
