/** A command in a process of its own: it opens what it needs, and closes it. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { App } from '../app.ts';
import type { Config } from '../config/types.ts';
import type { RootLog } from '../observe/log.ts';
import type { Store } from '../store/store.ts';
import type { CommandContext, Terminal } from './context.ts';

type Alone = {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly dir: string;
  readonly signal: AbortSignal;
  /** @throws ERR_CONFIG_INVALID */
  readonly config: () => Config;
};

/** Modules are loaded when they are needed: a command that goes through the running program opens nothing. */
export function aloneContext({
  terminal,
  json,
  dir,
  signal,
  config,
}: Alone): CommandContext & { close(): Promise<void> } {
  let app: Promise<App> | null = null;
  let store: Promise<Store> | null = null;
  const openAlone = async (): Promise<App> => {
    const settings = config();
    await mkdir(join(settings.dir, '.tributary'), { recursive: true, mode: 0o700 });
    if (settings.file === null) await mkdir(join(settings.dir, '.tributary', 'feeds'), { recursive: true });
    const { openApp } = await import('../app.ts');
    return openApp(settings, { log: wordsOnly((text) => void terminal.err(text)) });
  };
  const openStore = async (): Promise<Store> => {
    const settings = config();
    if (settings.databaseUrl)
      return (await import('../store/postgres.ts')).openPostgres(settings.databaseUrl, { connections: 1 });
    await mkdir(join(settings.dir, '.tributary'), { recursive: true, mode: 0o700 });
    return (await import('../store/pglite.ts')).openPglite(join(settings.dir, '.tributary', 'store'));
  };
  return {
    ...terminal,
    json,
    dir,
    signal,
    service: null,
    config,
    app() {
      app ??= openAlone();
      return app;
    },
    async store() {
      if (app) return (await app).store;
      store ??= openStore();
      return store;
    },
    async close() {
      // What could not be opened was told already.
      const opened = await app?.catch(() => null);
      await opened?.close();
      const bare = await store?.catch(() => null);
      await bare?.close();
    },
  };
}

/** Warnings in words. A run that fails tells its error with the run; it needs no second telling with a stack. */
function wordsOnly(write: (text: string) => void): RootLog {
  const say = (fields: Record<string, unknown>, message: string) => {
    if ('err' in fields) return;
    const subject = [fields['connection'], fields['stream']].filter((part) => typeof part === 'string').join('/');
    write(`warning: ${subject ? `${subject}: ` : ''}${message}\n`);
  };
  const log: RootLog = { debug: () => undefined, info: () => undefined, warn: say, error: say, child: () => log };
  return log;
}
