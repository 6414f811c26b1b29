/**
 * The control socket of the running program. A client sends what was typed; the very same command runs here, on the open
 * store, and its words go back. Clients are trusted as the program's own user: folder 0700, socket 0600.
 */
import { chmod, mkdir, mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import type { Config } from '../config/types.ts';
import { TributaryError } from '../errors.ts';
import { COMMANDS } from './commands.ts';
import type { CommandContext, Running } from './context.ts';
import { controlFile, MAX_SOCKET_BYTES, notedPlace, storeOf, usualPlace } from './control-place.ts';
import { type FromProgram, PROTOCOL, type Request, readLines, writeLine } from './control-wire.ts';
import { invoke, reportError } from './invoke.ts';
import { parseArguments } from './program.ts';
import { VERSION } from './version.ts';

const MAX_REQUEST_BYTES = 1 << 20;
const FALLBACK = 'tributary-';

export type ControlTuning = {
  /** A client that connects and says nothing is sent away after so long. */
  readonly requestMs: number;
  /** How long commands may take to end when the program stops. */
  readonly closeMs: number;
};
const TUNING: ControlTuning = { requestMs: 10_000, closeMs: 3_000 };

export type Control = { readonly path: string; close(): Promise<void> };

/** Listens until closed. The caller holds the folder's service lock: a socket that is there is a dead program's. */
export async function serveControl(service: Running, config: Config, tuning: ControlTuning = TUNING): Promise<Control> {
  const path = await makePlace(config);
  const clients = new Set<Promise<void>>();
  const life = new AbortController();
  const server = createServer((socket) => {
    const served = serveClient({ socket, service, config, life: life.signal, requestMs: tuning.requestMs }).finally(
      () => clients.delete(served),
    );
    clients.add(served);
  });
  await listen(server, path);
  if (process.platform !== 'win32') await chmod(path, 0o600);
  await note(config, path);
  return {
    path,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      life.abort(new TributaryError('ERR_CLI_PROGRAM', 'The program was stopped while the command ran.'));
      await Promise.race([Promise.all(clients), new Promise((resolve) => setTimeout(resolve, tuning.closeMs).unref())]);
      for (const socket of sockets(server)) socket.destroy();
      await closed;
      await rm(controlFile(config), { force: true });
      await removePlace(path);
    },
  };
}

const open = new WeakMap<Server, Set<Socket>>();
const sockets = (server: Server): Iterable<Socket> => open.get(server) ?? [];

function listen(server: Server, path: string): Promise<void> {
  const all = new Set<Socket>();
  open.set(server, all);
  server.on('connection', (socket) => {
    all.add(socket);
    socket.on('close', () => all.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A free place nobody else can reach. */
async function makePlace(config: Config): Promise<string> {
  const usual = usualPlace(config);
  if (process.platform === 'win32') return usual;
  const folder = dirname(usual);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const noted = await notedPlace(config);
  if (noted !== null && noted !== usual) await removePlace(noted);
  await rm(usual, { force: true });
  if (Buffer.byteLength(usual) <= MAX_SOCKET_BYTES) return usual;
  return join(await mkdtemp(join(tmpdir(), FALLBACK)), 's');
}

async function removePlace(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await unlink(path).catch(() => undefined);
  const folder = dirname(path);
  // A folder made for the socket alone; whatever else control.json may say is left alone.
  if (folder.startsWith(tmpdir() + sep) && basename(folder).startsWith(FALLBACK))
    await rm(folder, { recursive: true, force: true });
}

async function note(config: Config, path: string): Promise<void> {
  const file = controlFile(config);
  await writeFile(
    `${file}.new`,
    `${JSON.stringify({ path, pid: process.pid, version: VERSION, protocol: PROTOCOL })}\n`,
    { mode: 0o600 },
  );
  await rename(`${file}.new`, file);
}

type Serving = {
  readonly socket: Socket;
  readonly service: Running;
  readonly config: Config;
  /** Ends with the program. */
  readonly life: AbortSignal;
  readonly requestMs: number;
};

async function serveClient({ socket, service, config, life, requestMs }: Serving): Promise<void> {
  const gone = new AbortController();
  const cancel = new AbortController();
  socket.on('error', () => undefined); // 'close' follows.
  socket.on('close', () => gone.abort(new TributaryError('ERR_CLI_CANCELLED', 'The client went away.')));
  const late = setTimeout(() => socket.destroy(), requestMs);
  const signal = AbortSignal.any([gone.signal, cancel.signal, life]);
  const answers = new Answers(socket);
  let running: Promise<void> | null = null;
  life.addEventListener('abort', () => running ?? socket.destroy(), { once: true, signal: gone.signal });
  try {
    await writeLine(socket, {
      type: 'hello',
      protocol: PROTOCOL,
      version: VERSION,
      store: storeOf(config),
      pid: process.pid,
    });
    for await (const line of readLines(socket, MAX_REQUEST_BYTES)) {
      const message = asMessage(line);
      if (message?.type === 'cancel')
        cancel.abort(new TributaryError('ERR_CLI_CANCELLED', 'The command was cancelled.'));
      else if (message?.type === 'answer') answers.give(message.text);
      else if (message && !running) {
        clearTimeout(late);
        running = runRequest(message, socket, answers, service, config, signal);
      } else if (!message) socket.destroy();
    }
  } catch {
    socket.destroy(); // What it sent is no request of ours, or it is gone.
  } finally {
    clearTimeout(late);
    gone.abort(new TributaryError('ERR_CLI_CANCELLED', 'The client went away.'));
    answers.give(null);
    await running;
  }
}

/** Questions asked one at a time. */
class Answers {
  readonly #socket: Socket;
  #waiting: ((text: string | null) => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async ask(question: string): Promise<string | null> {
    const answer = new Promise<string | null>((resolve) => {
      this.#waiting = resolve;
    });
    if (this.#socket.destroyed) return null;
    await writeLine(this.#socket, { type: 'ask', question });
    return answer;
  }

  give(text: string | null): void {
    this.#waiting?.(text);
    this.#waiting = null;
  }
}

function asMessage(
  line: unknown,
): Request | { readonly type: 'cancel' } | { readonly type: 'answer'; readonly text: string | null } | null {
  if (typeof line !== 'object' || line === null || !('type' in line)) return null;
  if (line.type === 'cancel') return { type: 'cancel' };
  if (line.type === 'answer')
    return { type: 'answer', text: 'text' in line && typeof line.text === 'string' ? line.text : null };
  const request: Partial<Record<keyof Request, unknown>> = line;
  if (line.type !== 'request' || !Array.isArray(request.argv) || typeof request.cwd !== 'string') return null;
  return {
    type: 'request',
    protocol: Number(request.protocol),
    version: String(request.version),
    store: String(request.store),
    argv: request.argv.map(String),
    cwd: request.cwd,
    isTty: request.isTty === true,
    canAnswer: request.canAnswer === true,
    columns: Number(request.columns) || 80,
    width: Number(request.width) || null,
  };
}

async function runRequest(
  request: Request,
  socket: Socket,
  answers: Answers,
  service: Running,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  const send = (message: FromProgram) => writeLine(socket, message);
  const context: CommandContext = {
    cwd: request.cwd,
    isTty: request.isTty,
    columns: request.columns,
    width: request.width,
    json: request.argv.includes('--json'),
    dir: config.dir,
    signal,
    service,
    config: () => config,
    app: async () => service.app,
    store: async () => service.app.store,
    out: (text) => send({ type: 'out', text }),
    err: (text) => send({ type: 'err', text }),
    progress: (now) => void (socket.writableNeedDrain || send({ type: 'progress', now })),
    ask: (question) => (request.canAnswer ? answers.ask(question) : Promise.resolve(null)),
  };
  const code = await run(request, context);
  await send({ type: 'exit', code });
  socket.end();
}

async function run(request: Request, context: CommandContext): Promise<number> {
  try {
    if (request.protocol !== PROTOCOL) {
      throw new TributaryError(
        'ERR_CLI_PROGRAM',
        `The running program is version ${VERSION}, this command is version ${request.version}, and they do not understand each other.`,
        {
          remedy: 'Restart the program with the version you want.',
        },
      );
    }
    const parsed = parseArguments(request.argv, COMMANDS, context.columns);
    if (parsed.kind === 'command') return await invoke(parsed, { ...context, json: parsed.globals.json });
    await (parsed.exit === 0 ? context.out(parsed.text) : context.err(parsed.text));
    return parsed.exit;
  } catch (thrown) {
    return reportError(thrown, context);
  }
}
