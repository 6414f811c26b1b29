import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import SftpClient from 'ssh2-sftp-client';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/connector/contract.ts';
import { openSftp } from '../../src/sandbox/sftp/index.ts';
import { feedBench, readAll, rowsOf } from '../feed/support.ts';
import { makeTestClock } from '../support/clock.ts';

const clock = makeTestClock('2026-11-21T12:00:00Z');
type Login = { host: string; port: number; username: string; password: string; hostKey: string };
const loginOf = (settings: { readonly [name: string]: Json }) => settings['sftp'] as unknown as Login;

async function openBench(saved?: Json) {
  const bench = feedBench();
  const server = await openSftp({ folder: bench.folder, clock, ...(saved ? { saved } : {}) });
  return {
    ...{ bench, server, login: loginOf(server.settings) },
    async [Symbol.asyncDispose]() {
      await server.close();
      bench[Symbol.dispose]();
    },
  };
}

/** Quiet, as a person with a client of their own. */
async function person(login: Login) {
  const client = new SftpClient('person', { error: () => {}, end: () => {}, close: () => {} });
  await client.connect({ ...login });
  return { client, [Symbol.asyncDispose]: async () => void (await client.end()) };
}

describe("the suppliers' server", () => {
  test('is read by the feed connector, whole and in order', async () => {
    await using opened = await openBench();
    const { bench, server } = opened;
    const rows = Array.from({ length: 20_000 }, (_, at) => `S${at},${at}\n`).join('');
    bench.put('stock-1.csv', `sku,qty\n${rows}`, 2000);
    bench.put('stock-2.csv', 'sku,qty\nS1,7\n', 1000);
    const { connector: _, ...connection } = server.settings;
    const source = await bench.open({ files: 'stock-*.csv', kind: 'delta' }, connection);
    const read = rowsOf(await readAll(source));
    await source.close();
    expect(read).toHaveLength(20_001);
    expect(read[19_999]).toMatchObject({ sku: 'S19999', qty: '19999' });
    expect(read[20_000]).toMatchObject({ sku: 'S1', qty: '7' });
  });

  test('shows nothing outside of its folder, and lets nobody write', async () => {
    await using opened = await openBench();
    const { bench, login } = opened;
    bench.put('stock-1.csv', 'inside');
    writeFileSync(join(bench.dir, 'secret.csv'), 'outside');
    symlinkSync(join(bench.dir, 'secret.csv'), join(bench.folder, 'link.csv'));
    symlinkSync(bench.dir, join(bench.folder, 'up'));
    mkdirSync(join(bench.folder, 'more'));
    await using one = await person(login);
    const { client } = one;
    expect((await client.list('/')).map(({ name }) => name).sort()).toEqual(['more', 'stock-1.csv']);
    expect(String(await client.get('/more/../stock-1.csv'))).toBe('inside');
    expect(await client.realPath('../../..')).toBe('/');
    for (const path of ['/../secret.csv', 'link.csv', '/up/secret.csv', '/more/../../secret.csv', '/etc/passwd'])
      await expect(client.get(path), path).rejects.toThrow(/no such file/i);
    await expect(client.put(Buffer.from('x'), '/new.csv')).rejects.toThrow(/permission/i);
    await expect(client.delete('/stock-1.csv')).rejects.toThrow(/permission/i);
    await expect(client.rename('/stock-1.csv', '/gone.csv')).rejects.toThrow(/permission/i);
    expect((await readdir(bench.folder)).sort()).toEqual(['link.csv', 'more', 'stock-1.csv', 'up']);
  });

  test('keeps host key and password over a restart, and refuses another password', async () => {
    await using first = await openBench();
    await using second = await openBench(first.server.save());
    expect(second.login.hostKey).toBe(first.login.hostKey);
    expect(second.login.password).toBe(first.login.password);
    await expect(person({ ...second.login, password: 'guess' })).rejects.toThrow(/auth/i);
    await using other = await openBench();
    expect(other.login.hostKey).not.toBe(first.login.hostKey);
  });

  test('brings a counted file, and says what a supplier does not do', async () => {
    await using opened = await openBench();
    const { bench, server } = opened;
    await server.act({ kind: 'restock', sku: 'TEN-001', quantity: 5 });
    const [name = ''] = await readdir(bench.folder);
    expect(await readFile(join(bench.folder, name), 'utf8')).toBe(
      'sku,location,quantity,as_of\nTEN-001,main,5,2026-11-21T12:00:00.000Z\n',
    );
    expect(name).toMatch(/^inventory-.*\.csv$/);
    await expect(server.act({ kind: 'buy', sku: 'TEN-001' })).rejects.toThrow(/restocked only/);
    await expect(server.act({ kind: 'restock', sku: '=1,2\n' })).rejects.toThrow(/letters, digits/);
  });
});
