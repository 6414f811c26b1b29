import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import pg from 'pg';
import SftpClient from 'ssh2-sftp-client';
import { describe, expect, it } from 'vitest';
import { postgres, redis, requireService, type SshServer, sshd, startPostgres, waitFor } from '../support/services.ts';

const services = resolve(import.meta.dirname, '../support/services.ts');

describe.runIf(await requireService('postgres', 'PostgreSQL test service'))('postgres', () => {
  it('gives each caller an empty database', async () => {
    await using one = await postgres();
    await using other = await postgres();
    await query(one.url, 'create table mine (id int)');
    const count = "select count(*)::int as tables from pg_tables where schemaname = 'public'";
    expect([await query(one.url, count), await query(other.url, count)]).toEqual([[{ tables: 1 }], [{ tables: 0 }]]);
  });

  it.skipIf(process.env['TEST_DATABASE_URL'])('builds a template once and copies it', async () => {
    let built = 0;
    const build = async (url: string) => {
      built++;
      await query(url, 'create table seeded as select 7 as number');
    };
    const template = { name: `twice_${process.pid}`, build };
    const copies = await Promise.all([postgres({ template }), postgres({ template })]);
    const rows = await Promise.all(copies.map(({ url }) => query(url, 'select number from seeded')));
    await Promise.all(copies.map((copy) => copy.drop()));
    expect({ built, rows }).toEqual({ built: 1, rows: [[{ number: 7 }], [{ number: 7 }]] });
  });

  it('drops a database although somebody is connected', async () => {
    const database = await postgres();
    const client = new pg.Client({ connectionString: database.url });
    const cut = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    await database.drop();
    await cut;
    await expect(query(database.url, 'select 1')).rejects.toThrow('does not exist');
  });

  it('keeps on a private server what was committed before a crash', async () => {
    await using server = await startPostgres({ settings: { max_connections: '20' } });
    const { url } = await server.createDatabase();
    await query(url, 'create table kept as select 1 as id');
    await server.kill();
    await expect(query(url, 'select 1')).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    const state = "select id, current_setting('fsync') as fsync, current_setting('max_connections') as max from kept";
    expect(await query(url, state)).toEqual([{ id: 1, fsync: 'on', max: '20' }]);
  });
});

describe.runIf(await requireService('redis', 'Redis test service'))('redis', () => {
  it('gives each caller a database number of its own', async () => {
    const [one, other] = await Promise.all([redis(), redis()]);
    await command(one.url, (client) => client.set('key', 'mine'));
    expect(await command(other.url, (client) => client.get('key'))).toBeNull();
    await one.stop();
    expect(await command(one.url, (client) => client.get('key'))).toBeNull();
  });

  it('forgets everything in an empty restart and keeps its address', async () => {
    await using server = await redis({ private: true, appendOnly: true });
    await command(server.url, (client) => client.set('key', 'lost'));
    await server.restartEmpty();
    expect(await command(server.url, (client) => client.get('key'))).toBeNull();
  });

  it('keeps what it acknowledged through a kill with an append-only file', async () => {
    await using server = await redis({ private: true, appendOnly: true });
    await command(server.url, (client) => client.set('key', 'kept'));
    await server.restart();
    expect(await command(server.url, (client) => client.get('key'))).toBe('kept');
  });

  it('ends with the process that started it, even when that is killed', async () => {
    const program = `
      import { startRedis } from ${JSON.stringify(services)};
      process.stdout.write(String((await startRedis()).port));
      setInterval(() => {}, 1000);`;
    const starter = spawn(process.execPath, ['--input-type=module-typescript', '--eval', program]);
    const [port] = await once(starter.stdout, 'data');
    expect(await isListening(Number(port))).toBe(true);
    starter.kill('SIGKILL');
    await waitFor('the server to end', async () => ((await isListening(Number(port))) ? undefined : true));
  });
});

describe.runIf(await requireService('sshd', 'SFTP test service'))('sshd', () => {
  it('lets the client key in and shows its home folder', async () => {
    await using server = await sshd();
    await mkdir(join(server.homeDir, 'feeds'));
    await writeFile(join(server.homeDir, 'feeds', 'stock.csv'), 'sku;qty\n');
    const client = await login(server);
    const files = await client.list('feeds');
    await client.end();
    expect(files.map(({ name, size }) => ({ name, size }))).toEqual([{ name: 'stock.csv', size: 8 }]);
    expect(server.username).toBe(userInfo().username);
  });

  it('tells the fingerprint that clients see', async () => {
    await using server = await sshd();
    const { stdout } = await promisify(execFile)('ssh-keygen', ['-lf', join(server.homeDir, '../host.pub')]);
    expect(stdout).toContain(server.fingerprint);
  });

  it('cuts open sessions and lets new ones in', async () => {
    await using server = await sshd();
    const client = await login(server);
    const closed = new Promise((resolve) => client.on('close', resolve));
    client.on('error', () => {});
    server.dropSessions();
    await closed;
    const again = await login(server);
    expect(await again.list('.')).toEqual([]);
    await again.end();
  });

  it('leaves nothing behind when stopped', async () => {
    const server = await sshd();
    await server.stop();
    expect({ isListening: await isListening(server.port), hasFiles: existsSync(server.homeDir) }).toEqual({
      isListening: false,
      hasFiles: false,
    });
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

async function command<T>(url: string, run: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await run(client);
  } finally {
    client.disconnect();
  }
}

async function login(server: SshServer): Promise<SftpClient> {
  const client = new SftpClient('test', { error: () => {}, end: () => {}, close: () => {} });
  const { host, port, username, clientKey } = server;
  await client.connect({ host, port, username, privateKey: clientKey });
  return client;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
