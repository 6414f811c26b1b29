/** What the process does: reads the command line, and runs the command through the running program or alone. */
import type { Config } from '../config/types.ts';
import { TributaryError } from '../errors.ts';
import { aloneContext } from './alone.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { callControl } from './control-client.ts';
import { invoke } from './invoke.ts';
import { type Invocation, parseArguments } from './program.ts';
import { configOf, folderOf } from './quick-call.ts';
import type { OwnTerminal } from './terminal.ts';

/** How long to wait for a store that another command, or a program that is just starting, has open. */
const LOCKED_MS = 10_000;
const LOOK_AGAIN_MS = 100;

export type MainOptions = {
  /** Commands that only a process of its own can run. */
  readonly more: readonly Command[];
  readonly terminal: OwnTerminal;
  readonly signal: AbortSignal;
};

/** @throws what is wrong with the command line or the configuration */
export async function mainCommand(argv: readonly string[], { more, terminal, signal }: MainOptions): Promise<number> {
  const parsed = parseArguments(argv, [...more, ...COMMANDS], terminal.columns);
  if (parsed.kind === 'command') return runCommand(parsed, argv, terminal, signal);
  await (parsed.exit === 0 ? terminal.out(parsed.text) : terminal.err(parsed.text));
  return parsed.exit;
}

async function runCommand(
  invocation: Invocation,
  argv: readonly string[],
  terminal: OwnTerminal,
  signal: AbortSignal,
): Promise<number> {
  const { globals, command } = invocation;
  const config = once(() => configOf(folderOf(globals.dir, terminal.cwd)));
  const where = typeof command.where === 'function' ? command.where(invocation.options) : command.where;
  if (where === 'here' || (where === 'anyhow' && isBroken(config)))
    return runAlone(invocation, terminal, config, signal);
  const until = Date.now() + LOCKED_MS;
  for (;;) {
    const code = await callControl(config(), argv, { terminal, canAnswer: terminal.canAnswer, signal });
    if (code !== null) return code;
    const isLast = Date.now() > until || signal.aborted;
    try {
      return await runAlone(invocation, terminal, config, signal, isLast);
    } catch (thrown) {
      if (!(thrown instanceof Busy)) throw thrown;
      // Another command is at work, or the program has its store but not yet its socket.
      await new Promise((wake) => setTimeout(wake, LOOK_AGAIN_MS));
    }
  }
}

/** The store is open elsewhere; nothing was done yet. */
class Busy extends Error {}

async function runAlone(
  invocation: Invocation,
  terminal: OwnTerminal,
  config: () => Config,
  signal: AbortSignal,
  isLast = true,
): Promise<number> {
  const context = aloneContext({
    terminal,
    json: invocation.globals.json,
    dir: folderOf(invocation.globals.dir, terminal.cwd),
    signal,
    config,
  });
  let busy = false;
  const opening =
    <T>(open: () => Promise<T>) =>
    () =>
      open().catch((thrown: unknown) => {
        if (thrown instanceof TributaryError && thrown.code === 'ERR_STORE_LOCKED') busy = !isLast;
        throw thrown;
      });
  const waiting = { ...context, app: opening(context.app), store: opening(context.store) };
  // Words are held back until it is clear that they are not about a store that is only busy for a moment.
  const quiet = {
    ...waiting,
    out: (text: string) => (busy ? nothing() : context.out(text)),
    err: (text: string) => (busy ? nothing() : context.err(text)),
  };
  try {
    const code = await invoke(invocation, quiet);
    if (busy) throw new Busy();
    return code;
  } finally {
    await context.close();
  }
}

const nothing = () => Promise.resolve();

function isBroken(config: () => Config): boolean {
  try {
    config();
    return false;
  } catch {
    return true; // The command tells.
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
