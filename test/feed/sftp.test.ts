import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type feed from '../../connectors/feed/index.ts';
import type { Page } from '../../src/connector/contract.ts';
import { freePort } from '../support/services/wait.ts';
import { requireService, type SshServer, sshd } from '../support/services.ts';
import { cursorBehind, type FeedBench, feedBench, problemsOf, readAll, requestOf, rowsOf } from './support.ts';

const SNAPSHOT = { files: 'stock-*.csv', kind: 'snapshot' };
const big = (rows: number) =>
  `sku,qty,text\n${Array.from({ length: rows }, (_, at) => `S${at},${at % 97},${'x'.repeat(60)}\n`).join('')}`;

describe.runIf(await requireService('sshd', 'sftp feeds'))('sftp', () => {
  let server: SshServer;
  beforeAll(async () => {
    server = await sshd();
  });
  afterAll(() => server.stop());

  let number = 0;
  /** A folder of one's own on the server. */
  function remoteFolder(): { path: string; put: (name: string, content: string | Uint8Array, ageMs?: number) => void } {
    const path = join(server.homeDir, `feed${++number}`);
    mkdirSync(path);
    const put = (name: string, content: string | Uint8Array, ageMs = 86_400_000) => {
      writeFileSync(join(path, name), content);
      const seconds = Math.floor((Date.parse('2026-11-21T12:00:00Z') - ageMs) / 1000);
      utimesSync(join(path, name), seconds, seconds);
    };
    return { path, put };
  }

  const settings = (path: string, others: Record<string, unknown> = {}) => ({
    sftp: {
      host: server.host,
      port: server.port,
      username: server.username,
      privateKey: server.clientKey,
      hostKey: server.fingerprint,
      path,
      timeoutMs: 10_000,
      ...others,
    },
  });
  const openIn = (
    bench: FeedBench,
    path: string,
    stream: Record<string, unknown> = SNAPSHOT,
    others: Record<string, unknown> = {},
  ) => bench.open(stream, settings(path, others));

  test('reads files in order and closes quietly', async () => {
    const spoken = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error'), vi.spyOn(console, 'warn')];
    using bench = feedBench();
    const { path, put } = remoteFolder();
    put('stock-10.csv', 'sku,qty\nB,2\n', 1000);
    put('stock-9.csv', 'sku,qty\nA,1\n', 2000);
    put('stock-11.csv.part', 'sku,qty\n');
    const source = await openIn(bench, path);
    const pages = await readAll(source);
    expect(rowsOf(pages)).toEqual([
      { sku: 'A', qty: '1' },
      { sku: 'B', qty: '2' },
    ]);
    expect(pages.every((page) => page.complete)).toBe(true);
    expect(await readAll(source, { cursor: cursorBehind(pages) })).toEqual([]);
    const findings = await source.check();
    expect(findings.map((finding) => [finding.subject, finding.ok])).toEqual([
      ['reach', true],
      ['credentials', true],
      ['stream:stock', true],
    ]);
    expect(findings[2]?.message).toContain('columns sku, qty');
    await source.close();
    for (const spy of spoken) expect(spy).not.toHaveBeenCalled();
  });

  test('without a pinned host key nothing is sent; the message has the line to put into the config', async () => {
    using bench = feedBench();
    const source = await openIn(bench, '.', SNAPSHOT, { hostKey: undefined });
    const error = await readAll(source).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      message: expect.stringContaining(server.fingerprint),
      remedy: expect.stringContaining(`hostKey: ${server.fingerprint}`),
    });
    expect((await source.check()).find((finding) => !finding.ok)).toMatchObject({
      subject: 'credentials',
      remedy: expect.stringContaining(`hostKey: ${server.fingerprint}`),
    });
    await source.close();
  });

  test('another host key than the pinned one is refused', async () => {
    using bench = feedBench();
    const source = await openIn(bench, '.', SNAPSHOT, { hostKey: `SHA256:${'A'.repeat(43)}` });
    await expect(readAll(source)).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      message: expect.stringContaining('is not the pinned one'),
      retry: 'terminal',
    });
  });

  test('a wrong key, an unreadable key and a closed port are told apart', async () => {
    using bench = feedBench();
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(bench.dir, 'other')]);
    const wrong = await openIn(bench, '.', SNAPSHOT, { privateKey: undefined, privateKeyFile: 'other' });
    await expect(readAll(wrong)).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      message: expect.stringContaining('refused the user name'),
    });
    const broken = await openIn(bench, '.', SNAPSHOT, { privateKey: 'no key at all' });
    await expect(readAll(broken)).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      message: expect.stringContaining('private key'),
    });
    const outside = await openIn(bench, '.', SNAPSHOT, { privateKey: undefined, privateKeyFile: '/etc/hostname' });
    await expect(readAll(outside)).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    const closed = await openIn(bench, '.', SNAPSHOT, { port: await freePort() });
    await expect(readAll(closed)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE', retry: 'transient' });
    const nowhere = await openIn(bench, 'no/such/folder');
    await expect(readAll(nowhere)).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('no such folder'),
    });
    for (const source of [wrong, broken, outside, closed, nowhere]) await source.close();
  });

  test('messages carry neither key nor password', async () => {
    using bench = feedBench();
    const source = await bench.open(SNAPSHOT, {
      sftp: { ...settings('.').sftp, privateKey: undefined, password: 'hunter2-secret' },
    });
    const error = await readAll(source).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_CONNECTOR_CREDENTIALS' });
    expect(
      JSON.stringify([error, error instanceof Error ? [error.message, String(error.cause)] : '', bench.log]),
    ).not.toContain('hunter2');
    await source.close();
  });

  test('a session that breaks in the middle of a file is a passing failure, and reading goes on behind the last page', async () => {
    using bench = feedBench();
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(120_000), 1000);
    const gate = await openGate(server.port);
    const source = await openIn(bench, path, SNAPSHOT, { port: gate.port });
    gate.breakAfter(3_000_000);
    await expect(readAll(source)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE', retry: 'transient' });
    const pages = await readAll(source, { pageSize: 50_000 });
    expect(pages.flatMap((page) => page.records)).toHaveLength(120_000);
    await source.close();
    await gate.close();
  });

  test('after a crash only the bytes behind the cursor are fetched', async () => {
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(60_000), 1000);
    using first = feedBench();
    const source = await openIn(first, path);
    const read: Page[] = [];
    for await (const page of source.read(requestOf({ pageSize: 25_000 }))) {
      read.push(page);
      if (read.length === 2) break;
    }
    await source.close();
    using second = feedBench();
    const gate = await openGate(server.port);
    const after = await openIn(second, path, SNAPSHOT, { port: gate.port });
    const rest = await readAll(after, { pageSize: 25_000, cursor: cursorBehind(read) });
    expect(rest.flatMap((page) => page.records)).toHaveLength(10_000);
    expect(rowsOf(rest)[0]).toMatchObject({ sku: 'S50000' });
    expect(rest.at(-1)?.complete).toBe(true);
    expect(gate.received()).toBeLessThan(2_000_000);
    await after.close();
    await gate.close();
  });

  test('a copy made by an earlier slice is used again', async () => {
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(60_000), 1000);
    using bench = feedBench();
    const gate = await openGate(server.port);
    const source = await openIn(bench, path, SNAPSHOT, { port: gate.port });
    const [first] = await readSome(source, 1);
    const before = gate.received();
    const rest = await readAll(source, { pageSize: 25_000, cursor: cursorBehind(first ? [first] : []) });
    expect(rest.flatMap((page) => page.records)).toHaveLength(35_000);
    expect(gate.received() - before).toBeLessThan(100_000);
    await source.close();
    await gate.close();
  });

  test('a server that stops answering is given up in bounded time', async () => {
    using bench = feedBench();
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(60_000), 1000);
    const gate = await openGate(server.port);
    const source = await openIn(bench, path, SNAPSHOT, { port: gate.port, timeoutMs: 1000 });
    gate.stallAfter(1_000_000);
    await expect(readAll(source)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE' });
    await source.close();
    await gate.close();
  });

  test('a file replaced with fewer bytes than listed is left for the next look', async () => {
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(1000), 1000);
    using bench = feedBench({
      permit: async () => {},
    });
    const source = await openIn(bench, path, { ...SNAPSHOT, settleMs: 0 });
    const reading = source.read(requestOf())[Symbol.asyncIterator]();
    const first = reading.next();
    put('stock-1.csv', 'sku,qty\nA,1\n', 500);
    const outcome = await first.then(
      (page) => (page.value.records.length > 0 ? rowsOf([page.value]) : 'waits'),
      (thrown: unknown) => (thrown as { code: string }).code,
    );
    expect(['waits', 'ERR_CONNECTOR_UNREACHABLE', [{ sku: 'A', qty: '1' }]]).toContainEqual(outcome);
    await reading.return?.();
    await source.close();
  });

  test('a file that grows while it is fetched leaves no copy behind', async () => {
    const { path, put } = remoteFolder();
    let rows = 'sku,qty\n';
    const grow = () => {
      rows += 'A,1\n';
      put('stock-1.csv', rows, 1000);
    };
    using bench = feedBench({ permit: async () => grow() });
    grow();
    const source = await openIn(bench, path, { ...SNAPSHOT, settleMs: 0 });
    const pages = await readAll(source);
    expect(pages.map((page) => [page.records.length, page.notBefore !== null])).toEqual([[0, true]]);
    expect(readdirSync(join(bench.context.scratchDir, 'spool'))).toEqual([]);
    await source.close();
  });

  test('links out of the folder and odd names are left alone', async () => {
    using bench = feedBench();
    const { path, put } = remoteFolder();
    symlinkSync('/etc/hostname', join(path, 'stock-0.csv'));
    put('stock-1\n.csv', 'sku,qty\nX,1\n');
    put('stock-2.csv', 'sku,qty\nA,1\n');
    symlinkSync('stock-2.csv', join(path, 'stock-2-copy.csv'));
    symlinkSync('stock-1999.csv', join(path, 'stock-latest.csv'));
    symlinkSync('stock-b.csv', join(path, 'stock-a.csv'));
    symlinkSync('stock-a.csv', join(path, 'stock-b.csv'));
    mkdirSync(join(path, 'stock-9.csv'));
    const source = await openIn(bench, path);
    const pages = await readAll(source);
    expect(rowsOf(pages)).toEqual([{ sku: 'A', qty: '1' }]);
    expect(problemsOf(pages)).toEqual([]);
    await source.close();
  });

  test('files move into the archive and a taken name is respected', async () => {
    using bench = feedBench();
    const { path, put } = remoteFolder();
    const source = await openIn(bench, path, { ...SNAPSHOT, archive: 'done' });
    for (const qty of [1, 2]) {
      put('stock-1.csv', `sku,qty\nA,${qty}\n`, 10_000 - qty * 1000);
      for (const page of await readAll(source)) {
        await page.afterCommit?.();
        await page.afterCommit?.();
      }
    }
    expect(readdirSync(path)).toEqual(['done']);
    expect(readdirSync(join(path, 'done'))).toHaveLength(2);
    await source.close();
  });

  test('the end of the connection ends the reading', async () => {
    const end = new AbortController();
    using bench = feedBench({ signal: end.signal });
    const { path, put } = remoteFolder();
    put('stock-1.csv', big(60_000), 1000);
    const source = await openIn(bench, path);
    const reading = source.read(requestOf({ pageSize: 1000 }))[Symbol.asyncIterator]();
    await reading.next();
    end.abort(new Error('shutting down'));
    await expect(
      (async () => {
        for (;;) if ((await reading.next()).done) return;
      })(),
    ).rejects.toThrow('shutting down');
    await source.close();
  });

  test('a file renamed away between list and read is no error', async () => {
    const { path, put } = remoteFolder();
    put('stock-1.csv', 'sku,qty\nA,1\n', 1000);
    let calls = 0;
    using bench = feedBench({
      permit: async () => {
        if (++calls === 3 && existsSync(join(path, 'stock-1.csv')))
          renameSync(join(path, 'stock-1.csv'), join(path, 'gone'));
      },
    });
    const source = await openIn(bench, path, { ...SNAPSHOT, settleMs: 0 });
    const pages = await readAll(source);
    expect(problemsOf(pages)).toEqual([]);
    await source.close();
  });

  async function readSome(source: Awaited<ReturnType<typeof feed.open>>, count: number): Promise<Page[]> {
    const pages: Page[] = [];
    for await (const page of source.read(requestOf({ pageSize: 25_000 }))) {
      pages.push(page);
      if (pages.length === count) break;
    }
    return pages;
  }
});

type Gate = {
  readonly port: number;
  received(): number;
  breakAfter(bytes: number): void;
  stallAfter(bytes: number): void;
  close(): Promise<void>;
};

/** A wire to the server that can be cut, or go dead, once so many bytes have come. */
async function openGate(target: number): Promise<Gate> {
  const { connect } = await import('node:net');
  let received = 0;
  let limit = { bytes: Number.POSITIVE_INFINITY, isCut: true };
  const sockets = new Set<Socket>();
  const server: Server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {}); // Cut on purpose.
      socket.on('close', () => {
        near.destroy();
        far.destroy();
        sockets.delete(socket);
      });
    }
    near.pipe(far);
    far.on('data', (piece) => {
      received += piece.length;
      if (received > limit.bytes) {
        if (!limit.isCut) return;
        limit = { bytes: Number.POSITIVE_INFINITY, isCut: true };
        near.destroy();
        return;
      }
      near.write(piece);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    received: () => received,
    breakAfter(bytes) {
      limit = { bytes: received + bytes, isCut: true };
    },
    stallAfter(bytes) {
      limit = { bytes: received + bytes, isCut: false };
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
