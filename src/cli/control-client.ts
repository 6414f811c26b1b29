/** A command through the running program: what was typed goes there, its words come here. */
import { connect, type Socket } from 'node:net';
import type { Config } from '../config/types.ts';
import { TributaryError } from '../errors.ts';
import type { Terminal } from './context.ts';
import { notedPlace, storeOf, usualPlace } from './control-place.ts';
import { type FromProgram, PROTOCOL, readLines, writeLine } from './control-wire.ts';
import { VERSION } from './version.ts';

const GREETING_MS = 10_000;
const MAX_LINE_BYTES = 1 << 28;

export type CallOptions = {
  readonly terminal: Terminal;
  /** Somebody can answer questions. */
  readonly canAnswer: boolean;
  readonly signal: AbortSignal;
  /** The program greets at once; one that does not is stuck. */
  readonly greetingMs?: number;
};

/**
 * Runs a command in the program of this folder. `null`: none runs, or the one that runs has another store than this
 * configuration says. @throws ERR_CLI_PROGRAM, ERR_STORE_LOCKED
 */
export async function callControl(
  config: Config,
  argv: readonly string[],
  options: CallOptions,
): Promise<number | null> {
  const socket = await reach(config);
  if (!socket) return null;
  try {
    return await talk(socket, config, argv, options);
  } finally {
    socket.destroy();
  }
}

async function reach(config: Config): Promise<Socket | null> {
  const places = new Set([(await notedPlace(config)) ?? usualPlace(config), usualPlace(config)]);
  for (const path of places) {
    const socket = await connectTo(path);
    if (socket) return socket;
  }
  return null;
}

/** `null`: nobody listens there. */
function connectTo(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    // Not there, refused (left by a killed program), or no socket at all.
    socket.once('error', () => resolve(null));
  });
}

async function talk(
  socket: Socket,
  config: Config,
  argv: readonly string[],
  { terminal, canAnswer, signal, greetingMs = GREETING_MS }: CallOptions,
): Promise<number | null> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    socket.destroy();
  }, greetingMs);
  const cancel = () => void writeLine(socket, { type: 'cancel' });
  socket.on('error', () => undefined); // The loop below ends.
  try {
    for await (const line of readLines(socket, MAX_LINE_BYTES)) {
      const message = line as FromProgram; // The socket is ours alone: mode 0600 in a folder of mode 0700.
      if (message.type === 'hello') {
        clearTimeout(timer);
        if (message.store !== storeOf(config)) return null;
        if (message.protocol === PROTOCOL && message.version !== VERSION) {
          await terminal.err(
            `note: the running program is version ${message.version}, this is ${VERSION}; restart it when convenient.\n`,
          );
        }
        const { cwd, isTty, columns, width } = terminal;
        await writeLine(socket, {
          type: 'request',
          protocol: PROTOCOL,
          version: VERSION,
          store: storeOf(config),
          argv,
          cwd,
          isTty,
          canAnswer,
          columns,
          width,
        });
        if (signal.aborted) cancel();
        else signal.addEventListener('abort', cancel, { once: true });
      } else if (message.type === 'exit') {
        terminal.progress(null);
        return message.code;
      } else await show(message, socket, terminal);
    }
  } catch (thrown) {
    if (!late && !socket.destroyed) throw thrown;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    terminal.progress(null);
  }
  if (late) throw new TributaryError('ERR_STORE_LOCKED', 'The running program does not answer on its control socket.');
  throw new TributaryError('ERR_CLI_PROGRAM', 'The running program ended before the command did.');
}

async function show(
  message: Exclude<FromProgram, { type: 'hello' | 'exit' }>,
  socket: Socket,
  terminal: Terminal,
): Promise<void> {
  switch (message.type) {
    case 'out':
      return terminal.out(message.text);
    case 'err':
      return terminal.err(message.text);
    case 'progress':
      return terminal.progress(message.now);
    case 'ask':
      return writeLine(socket, { type: 'answer', text: await terminal.ask(message.question) });
  }
}
