/**
 * The short way into a running program: what was typed goes there as it is, before anything that only a command of one's
 * own needs is loaded (a fifth of the time and a third of the memory, measured).
 */
import { resolve } from 'node:path';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import { callControl } from './control-client.ts';
import type { OwnTerminal } from './terminal.ts';

/** First words of the commands that run in the program; a test holds them against the commands. */
export const PROGRAM_WORDS: ReadonlySet<string> = new Set([
  ...['sync', 'connections', 'runs', 'records', 'deadletters', 'explain', 'export', 'checkpoints', 'keys', 'migrate'],
  ...['sandbox', 'doctor'],
]);

/** The command's first word; `null` where help or the version is asked for, or nothing. */
export function firstWord(argv: readonly string[]): string | null {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--help' || word === '--version' || word === '--') return null;
    if (word === '--dir') at += 1;
    else if (!word.startsWith('-'))
      return argv.slice(at).some((later) => later === '--help' || later === '--version') ? null : word;
  }
  return null;
}

/** @returns the exit code, or `null`: no program, or not a command for it */
export async function quickCall(
  argv: readonly string[],
  terminal: OwnTerminal,
  signal: AbortSignal,
): Promise<number | null> {
  const word = firstWord(argv);
  if (word === null || !PROGRAM_WORDS.has(word)) return null;
  let config: Config;
  try {
    config = configOf(folderOf(dirIn(argv), terminal.cwd));
  } catch {
    return null; // Told on the long way.
  }
  return callControl(config, argv, { terminal, canAnswer: terminal.canAnswer, signal });
}

function dirIn(argv: readonly string[]): string | null {
  const at = argv.findLastIndex((word) => word === '--dir' || word.startsWith('--dir='));
  const word = argv[at];
  return word === undefined ? null : word === '--dir' ? (argv[at + 1] ?? null) : word.slice('--dir='.length);
}

/** `--dir` is nearer to the person than TRIBUTARY_DIR. */
export const folderOf = (dir: string | null, cwd: string): string =>
  resolve(cwd, dir ?? (process.env['TRIBUTARY_DIR'] || '.'));

/** @throws ERR_CONFIG_INVALID */
export const configOf = (folder: string): Config =>
  loadConfig({ dir: folder, env: { ...process.env, TRIBUTARY_DIR: undefined } });
