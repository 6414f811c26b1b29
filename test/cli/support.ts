/** A folder of one's own with a configuration and feeds, and the program as a process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { aloneContext } from '../../src/cli/alone.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import type { Terminal } from '../../src/cli/context.ts';
import { callControl } from '../../src/cli/control-client.ts';
import { invoke, reportError } from '../../src/cli/invoke.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config/load.ts';
import { hasBroker } from '../support/services/broker.ts';
import { waitFor } from '../support/services.ts';
import { layStore } from '../support/stores.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type Ended = { readonly code: number | null; readonly out: string; readonly err: string };

export type Place = {
  readonly dir: string;
  put(file: string, text: string): void;
  /** Runs a command to its end. */
  run(...args: string[]): Promise<Ended>;
  /** Starts a command; the caller ends it. */
  spawn(...args: string[]): ChildProcess;
  /** Starts the program and waits until commands reach it. */
  start(): Promise<Running>;
  [Symbol.asyncDispose](): Promise<void>;
};
export type Running = { readonly child: ChildProcess; stop(): Promise<number | null>; kill(): Promise<void> };

const PRODUCTS = 'products-*.csv';

/** Streams only run when they are told to, and files count as soon as they are there. */
export const CONFIG = `
tenant: acme
port: 0
page_size: 10
delete_brake: { share: 0.3, count: 2 }
connections:
  feeds:
    connector: feed
    path: ./feeds
    streams:
      products: { files: "${PRODUCTS}", kind: snapshot, mapping: products-flat-csv, every: manual, settleMs: 0 }
      inventory: { files: "inventory-*.csv", kind: delta, mapping: inventory-csv, every: manual, settleMs: 0 }
  other:
    connector: feed
    path: ./other
    streams:
      products: { files: "${PRODUCTS}", kind: snapshot, mapping: products-flat-csv, every: manual, settleMs: 0 }
`;

export const HEADER = 'sku,name,description,brand,price,currency,category,gtin,weight_g,quantity,location,updated_at';

export const product = (
  sku: string,
  of: { name?: string; price?: string; quantity?: string; at?: string } = {},
): string =>
  `${sku},${of.name ?? `Product ${sku}`},about ${sku},Acme,${of.price ?? '9.90'},EUR,Things,,,${of.quantity ?? '5'},main,${of.at ?? '2026-11-20T08:00:00Z'}`;

export const products = (rows: readonly string[]): string => `${HEADER}\n${rows.join('\n')}\n`;

/** With an empty store, unless there is a database. @param config text of tributary.yaml; `null`: the sandbox */
export async function makePlace(config: string | null = CONFIG): Promise<Place> {
  const dir = mkdtempSync(join(tmpdir(), 'cli-'));
  // A soak has no store to copy, and makes its own.
  if (hasBroker() && !config?.includes('database_url')) await layStore(join(dir, '.tributary', 'store'));
  const children = new Set<ChildProcess>();
  for (const folder of ['feeds', 'other']) mkdirSync(join(dir, folder));
  if (config !== null) writeFileSync(join(dir, 'tributary.yaml'), config);
  const start = (args: readonly string[]): ChildProcess => {
    const { DATABASE_URL: _d, REDIS_URL: _r, TRIBUTARY_DIR: _t, ...env } = process.env;
    const child = spawn(process.execPath, [MAIN, '--dir', dir, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
  };
  return {
    dir,
    put: (file, text) => writeFileSync(join(dir, file), text),
    run: (...args) => finish(start(args)),
    spawn: (...args) => start(args),
    start: () => startProgram(dir, start(['start'])),
    async [Symbol.asyncDispose]() {
      const ends = [...children].map((child) => once(child, 'exit'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ends);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A terminal that keeps what it is told. `read`: called before each piece is taken, to be slow or to stop. */
export function keepingTerminal(
  cwd: string,
  read: () => Promise<void> = async () => undefined,
): Terminal & { out: Terminal['out']; readonly said: { out: string; err: string; progress: number } } {
  const said = { out: '', err: '', progress: 0 };
  return {
    ...{ cwd, isTty: false, columns: 80, width: null, said },
    async out(text) {
      await read();
      said.out += text;
    },
    async err(text) {
      said.err += text;
    },
    progress(now) {
      if (now) said.progress += 1;
    },
    ask: async () => null,
  };
}

/** Runs commands in this process, one after another on a store that is opened once. */
export function inThisProcess(dir: string) {
  const config = loadConfig({ dir, env: {} });
  const opener = aloneContext({
    terminal: keepingTerminal(dir),
    json: false,
    dir,
    signal: new AbortController().signal,
    config: () => config,
  });
  return {
    async run(...args: string[]): Promise<Ended> {
      const terminal = keepingTerminal(dir);
      const { app, store } = opener;
      const context = { ...opener, ...terminal, app, store };
      const work = async () => {
        const parsed = parseArguments(args, COMMANDS);
        return parsed.kind === 'command' ? invoke(parsed, { ...context, json: parsed.globals.json }) : parsed.exit;
      };
      const code = await work().catch((thrown: unknown) =>
        reportError(thrown, { ...terminal, json: args.includes('--json') }),
      );
      return { code, ...texts(terminal.said) };
    },
    close: () => opener.close(),
  };
}

/** Runs a command in the program of a folder, without a process of its own for the client. */
export async function throughProgram(dir: string, ...args: string[]): Promise<Ended> {
  const terminal = keepingTerminal(dir);
  const code = await callControl(loadConfig({ dir, env: {} }), args, {
    terminal,
    canAnswer: false,
    signal: new AbortController().signal,
  });
  return { code, ...texts(terminal.said) };
}

const texts = ({ out, err }: { readonly out: string; readonly err: string }) => ({ out, err });

export async function finish(child: ChildProcess): Promise<Ended> {
  const text = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text.out += chunk;
  });
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text.err += chunk;
  });
  child.stdin?.end();
  const [code] = await once(child, 'close');
  return { code, ...text };
}

async function startProgram(dir: string, child: ChildProcess): Promise<Running> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  }
  const isUp = () => {
    if (child.exitCode !== null) throw new Error(`the program ended: ${said}`);
    const file = join(dir, '.tributary', 'control.json');
    return (existsSync(file) && readFileSync(file, 'utf8').includes(`"pid":${child.pid},`)) || undefined;
  };
  await waitFor('the control socket', isUp, 60_000);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = await ended;
    return typeof code === 'number' ? code : null;
  };
  return { child, stop: () => end('SIGTERM'), kill: async () => void (await end('SIGKILL')) };
}
