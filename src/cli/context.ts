/** What a command is given: the same in a process of its own and inside the running program. */
import type { App } from '../app.ts';
import type { Config } from '../config/types.ts';
import type { WakeQueue } from '../queue/types.ts';
import type { SandboxSystems } from '../sandbox/systems.ts';
import type { Store } from '../store/store.ts';

/** The running program, as commands need it. */
export type Running = {
  readonly app: App;
  readonly queue: WakeQueue;
  readonly url: string;
  /** Somebody does something in a vendor system; `null` where the program is no sandbox. */
  readonly act: SandboxSystems['act'] | null;
};

/** How far something long has come; `total` is an estimate, `null` where there is none. */
export type Progress = { readonly label: string; readonly done: number; readonly total: number | null };

/** Where a command's words go and where they come from. */
export type Terminal = {
  /** Folder the command was typed in; relative paths start there. */
  readonly cwd: string;
  /** A person looks on. */
  readonly isTty: boolean;
  /** For help and the like. */
  readonly columns: number;
  /** Tables are cut to it; `null`: results go to a file or a pipe, and are left whole. */
  readonly width: number | null;
  /** Results only. Resolves when the reader has room for more. */
  out(text: string): Promise<void>;
  err(text: string): Promise<void>;
  progress(now: Progress | null): void;
  /** Asks the person; `null` where nobody can answer. */
  ask(question: string): Promise<string | null>;
};

export type CommandContext = Terminal & {
  readonly json: boolean;
  /** Folder of tributary.yaml and .tributary, whether they are there or not. */
  readonly dir: string;
  /** The command is to stop (Ctrl-C, a client that went away, the program's end). */
  readonly signal: AbortSignal;
  /** The program this command runs inside; `null`: it runs alone. */
  readonly service: Running | null;
  /** @throws ERR_CONFIG_INVALID */
  config(): Config;
  /** Opened at the first use, closed when the command ends. */
  app(): Promise<App>;
  /** The store alone, as it is: not brought to this program's schema. */
  store(): Promise<Store>;
};
