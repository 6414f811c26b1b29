/** The terminal (or pipe) this process was started with. */
import { createInterface } from 'node:readline/promises';
import { Presets, SingleBar } from 'cli-progress';
import type { Progress, Terminal } from './context.ts';

export type OwnTerminal = Terminal & {
  readonly canAnswer: boolean;
  /** Nobody reads what is written any more (`| head`). */
  readonly isDeaf: () => boolean;
};

/** @param onDeaf told once when stdout was closed from the other side */
export function ownTerminal(onDeaf: () => void): OwnTerminal {
  let isDeaf = false;
  let bar: Bar | null = null;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === process.stdout && !isDeaf) {
        isDeaf = true;
        onDeaf();
      }
    });
  }
  const write = (stream: NodeJS.WriteStream, text: string) =>
    new Promise<void>((resolve) => {
      bar?.clear();
      stream.write(text, () => resolve());
    });
  const isTty = process.stderr.isTTY === true;
  const canAnswer = process.stdin.isTTY === true && isTty;
  return {
    cwd: process.cwd(),
    isTty,
    canAnswer,
    columns: process.stdout.columns || 80,
    width: process.stdout.isTTY === true ? process.stdout.columns || null : null,
    isDeaf: () => isDeaf,
    out: (text) => write(process.stdout, text),
    err: (text) => write(process.stderr, text),
    progress(now) {
      if (!isTty) return;
      if (now) {
        bar ??= makeBar();
        bar.show(now);
      } else {
        bar?.clear();
        bar = null;
      }
    },
    async ask(question) {
      if (!canAnswer) return null;
      bar?.clear();
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await reader.question(question);
      } finally {
        reader.close();
      }
    },
  };
}

type Bar = { show(now: Progress): void; clear(): void };

function makeBar(): Bar {
  const started = Date.now();
  let bar: SingleBar | null = null;
  let isEstimated = false;
  return {
    show({ label, done, total }) {
      if (bar && isEstimated !== (total !== null)) this.clear();
      const rate = Math.round((done * 1000) / Math.max(1, Date.now() - started));
      if (!bar) {
        isEstimated = total !== null;
        const format = isEstimated
          ? '{label} {bar} {percentage} % | {value} records | {rate}/s'
          : '{label} {value} records | {rate}/s | {duration} s';
        bar = new SingleBar(
          { stream: process.stderr, format, hideCursor: true, clearOnComplete: true, fps: 10, gracefulExit: false },
          Presets.shades_classic,
        );
        bar.start(Math.max(total ?? done, done, 1), done, { label, rate });
      }
      bar.setTotal(Math.max(total ?? done, done, 1));
      bar.update(done, { label, rate });
    },
    clear() {
      bar?.stop();
      bar = null;
    },
  };
}
