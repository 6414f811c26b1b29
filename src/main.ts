/** argv -> one command -> exit code. */
import { reportError } from './cli/invoke.ts';
import { firstWord, PROGRAM_WORDS, quickCall } from './cli/quick-call.ts';
import { ownTerminal } from './cli/terminal.ts';
import { TributaryError } from './errors.ts';

const argv = process.argv.slice(2);
const stop = new AbortController();
const cancel = (message: string) => stop.abort(new TributaryError('ERR_CLI_CANCELLED', message));
const terminal = ownTerminal(() => cancel('Nobody reads the output any more.'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(1); // The second time: at once.
    cancel('The command was cancelled.');
  });
}

async function main(): Promise<number> {
  try {
    const code = await quickCall(argv, terminal, stop.signal);
    if (code !== null) return code;
    // Loaded only now: a command that goes through the running program needs none of it.
    const { mainCommand } = await import('./cli/main-command.ts');
    const isForProgram = PROGRAM_WORDS.has(firstWord(argv) ?? '');
    const more = isForProgram ? [] : [(await import('./cli/start.ts')).start];
    return await mainCommand(argv, { more, terminal, signal: stop.signal });
  } catch (thrown) {
    return reportError(thrown, { ...terminal, json: argv.includes('--json') });
  }
}

process.exitCode = await main();
// Whatever a library left open must not keep a finished command alive.
process.exit();
