/** Runs one command to its exit code: the only place where a command's error becomes words. */
import { TributaryError } from '../errors.ts';
import type { Command } from './command.ts';
import type { CommandContext, Terminal } from './context.ts';
import { errorAsJson, errorAsText, exitOf, json } from './render.ts';

type Called = {
  readonly command: Command;
  readonly args: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
};

export async function invoke({ command, args, options }: Called, context: CommandContext): Promise<number> {
  let isTold = false;
  const out = (text: string) => {
    isTold = true;
    return context.out(text);
  };
  try {
    return await command.run({ ...context, out }, args, options);
  } catch (thrown) {
    // Whoever reads JSON gets one document.
    const json = context.json && !isTold;
    return reportError(context.signal.aborted ? cancelled(context.signal, thrown) : thrown, { ...context, json });
  } finally {
    context.progress(null);
  }
}

/** Tells the error where it belongs and gives the exit code. */
export async function reportError(
  thrown: unknown,
  terminal: Pick<Terminal, 'out' | 'err'> & { readonly json: boolean },
): Promise<number> {
  if (terminal.json) await terminal.out(json(errorAsJson(thrown)));
  else await terminal.err(errorAsText(thrown));
  return exitOf(thrown);
}

function cancelled(signal: AbortSignal, thrown: unknown): TributaryError {
  if (thrown instanceof TributaryError) return thrown;
  if (signal.reason instanceof TributaryError) return signal.reason;
  return new TributaryError('ERR_CLI_CANCELLED', 'The command was cancelled.', { cause: thrown });
}
