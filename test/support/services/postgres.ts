import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { findPostgres } from './programs.ts';
import { type Account, removeFolder, serverFolder, startServer, unprivilegedAccount } from './server-process.ts';
import { freePort, waitFor } from './wait.ts';

export interface PostgresOptions {
  /** @defaultValue true, as in production; false is quicker and says nothing about durability */
  fsync?: boolean;
  /** Further server settings, such as `{ max_connections: '20' }`. */
  settings?: Readonly<Record<string, string>>;
}

export interface PostgresServer extends AsyncDisposable {
  /** The maintenance database; its user may create databases. */
  url: string;
  createDatabase(): Promise<Database>;
  /** Ends as in a crash: no checkpoint, clients cut off; the next start recovers from the log. */
  kill(): Promise<void>;
  /** Starts again on the same port and data, after a clean stop where it still runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface Database extends AsyncDisposable {
  url: string;
  drop(): Promise<void>;
}

/** A state that many databases start from: built once a run, then copied by the server. */
export interface Template {
  name: string;
  build: (url: string) => Promise<void>;
}

/** Starts a PostgreSQL server of its own in a temporary folder. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const bin = findPostgres();
  if (!bin) throw new Error('no PostgreSQL 15 or newer on this machine; install it or give TEST_DATABASE_URL');
  const account = unprivilegedAccount();
  const folder = serverFolder('postgres', account);
  const data = join(folder, 'data');
  const port = await freePort();
  const password = initialise({ bin, folder, data, account });
  const url = `postgres://tributary:${password}@127.0.0.1:${port}/postgres`;
  const start = async () => {
    const started = await startServer({
      command: join(bin, 'postgres'),
      args: ['-D', data, ...settingArgs(port, options)],
      folder,
      account,
      stopSignal: 'SIGINT',
    });
    await waitFor('PostgreSQL to answer', () => {
      if (!started.isRunning()) throw new Error(`PostgreSQL ended: ${started.log()}`);
      return query(url, 'select 1').then(() => true);
    });
    return started;
  };
  let server = await start();
  const stop = async () => {
    await server.end();
    removeFolder(folder);
  };
  return {
    url,
    createDatabase: () => createDatabase(url),
    // The postmaster alone would leave its children at work on the folder.
    kill: () => server.end('SIGQUIT'),
    async restart() {
      await server.end();
      server = await start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Cluster {
  bin: string;
  folder: string;
  data: string;
  account: Account | undefined;
}

function initialise({ bin, folder, data, account }: Cluster): string {
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o644 });
  const args = ['-D', data, '-U', 'tributary', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  execFileSync(join(bin, 'initdb'), [...args, '--encoding=UTF8', '--no-locale', '--no-sync', '--no-instructions'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    ...account,
  });
  return password;
}

function settingArgs(port: number, options: PostgresOptions): string[] {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    timezone: 'UTC',
    fsync: options.fsync === false ? 'off' : 'on',
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Creates an empty database, or a copy of a template, beside the one in the address. */
export async function createDatabase(serverUrl: string, template?: Template): Promise<Database> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const origin = template ? await buildOnce(serverUrl, template) : 'template1';
  await query(serverUrl, `create database ${name} template "${origin}"`);
  const drop = () => query(serverUrl, `drop database if exists ${name} with (force)`);
  return { url: withDatabase(serverUrl, name), drop, [Symbol.asyncDispose]: drop };
}

// Test files run in several processes: the server's own lock lets one of them build, the others wait.
async function buildOnce(serverUrl: string, template: Template): Promise<string> {
  const name = `template_${template.name}`;
  await withClient(serverUrl, async (client) => {
    await client.query('select pg_advisory_lock(hashtext($1))', [name]);
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount) return;
    const building = `building_${randomBytes(8).toString('hex')}`;
    await client.query(`create database ${building}`);
    await template.build(withDatabase(serverUrl, building));
    await client.query(`alter database ${building} rename to "${name}"`);
  });
  return name;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function query(url: string, text: string): Promise<void> {
  await withClient(url, (client) => client.query(text));
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
