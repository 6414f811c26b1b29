import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/observe/log.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { openVault } from '../../src/vault.ts';
import { makeTestClock } from '../support/clock.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';
import { openTokenVendor, type TokenVendor, tokensFor } from './token-vendor.ts';

const HOUR = 3_600_000;
let vendor: TokenVendor;
beforeEach(async () => {
  vendor = await openTokenVendor();
});
afterEach(() => vendor.close());

describe('tokens of a connection', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  beforeEach(async () => {
    await store.rows(sql`delete from credential`);
  });
  afterAll(() => store.close());

  it('are issued once for many askers, and kept for the next start', async () => {
    const tokens = tokensFor(store, vendor.url);
    const got = await Promise.all(Array.from({ length: 20 }, () => tokens.token()));
    expect(new Set(got)).toEqual(new Set(['access-1']));
    expect(await tokensFor(store, vendor.url).token()).toBe('access-1');
    expect(vendor.issued()).toBe(1);
  });

  it('are told as secrets, also those an earlier start left', async () => {
    await tokensFor(store, vendor.url).token();
    const told = new Set<string>();
    const tokens = tokensFor(store, vendor.url, { onSecret: (value) => void told.add(value) });
    await tokens.token('access-1');
    expect([...told]).toEqual(['access-1', 'refresh-1', 'access-2', 'refresh-2']);
  });

  it('are replaced once when many askers were refused, and with the refresh token that came last', async () => {
    const tokens = tokensFor(store, vendor.url);
    const first = await tokens.token();
    vendor.revoke();
    const got = await Promise.all(Array.from({ length: 20 }, () => tokens.token(first)));
    expect(new Set(got)).toEqual(new Set(['access-2']));
    // One who was refused with the old one later does not cause another.
    expect(await tokens.token(first)).toBe('access-2');
    expect(await tokensFor(store, vendor.url).token(got[0])).toBe('access-3');
    expect([vendor.issued(), vendor.reused()]).toEqual([3, 0]);
  });

  it('are replaced before they end', async () => {
    const clock = makeTestClock();
    const tokens = tokensFor(store, vendor.url, { clock, lifeMs: HOUR });
    await tokens.token();
    await clock.advance(HOUR - 61_000);
    expect(await tokens.token()).toBe('access-1');
    await clock.advance(2_000);
    expect(await tokens.token()).toBe('access-2');
  });

  it('come from the configuration again when the stored refresh token is refused', async () => {
    const tokens = tokensFor(store, vendor.url);
    await tokens.keep({ accessToken: 'old', refreshToken: 'ended', expiresAt: new Date(0) });
    expect(await tokens.token()).toBe('access-1');
  });

  it('are what a login brought, from then on', async () => {
    const tokens = tokensFor(store, vendor.url);
    await tokens.token();
    await tokens.keep({ accessToken: 'from-login', refreshToken: null, expiresAt: null });
    expect(await tokens.token()).toBe('from-login');
    expect(await tokensFor(store, vendor.url).token()).toBe('from-login');
  });

  it('say how to log in where there is nothing to ask with', async () => {
    const tokens = tokensFor(store, vendor.url, { issue: async () => null });
    await expect(tokens.token()).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      remedy: 'Log in: tributary connections authorize shop',
    });
  });

  it('can be asked for again after the vendor was away', async () => {
    const good = tokensFor(store, vendor.url);
    const away = tokensFor(store, 'http://127.0.0.1:9');
    await expect(away.token()).rejects.toThrow();
    expect(await good.token()).toBe('access-1');
  });

  it('stand encrypted in the store, and open nowhere else', async () => {
    await tokensFor(store, vendor.url).token();
    const [row] = await store.rows<{ sealed: string }>(sql`select sealed from credential`);
    expect(JSON.stringify(row)).not.toContain('access-1');
    const elsewhere = tokensFor(store, vendor.url, { connection: { id: 1, name: 'other' } });
    await expect(elsewhere.token()).rejects.toMatchObject({ code: 'ERR_CONFIG_SECRET_KEY' });
  });
});

it('the key is made once, for its owner alone, and said', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-vault-'));
  const said: string[] = [];
  const log = { ...silentLog, warn: (_: unknown, message: string) => void said.push(message) };
  try {
    const { sealed } = await openVault({ secretKey: null }, folder, log).seal('hidden', 'here');
    expect(statSync(join(folder, 'secret.key')).mode & 0o777).toBe(0o600);
    expect(await openVault({ secretKey: null }, folder, log).open(sealed, 'here')).toBe('hidden');
    expect(said).toHaveLength(1);
    expect(said[0]).not.toContain(readFileSync(join(folder, 'secret.key'), 'utf8').trim());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

describe.runIf(await requireService('postgres', 'tokens on PostgreSQL'))('two processes on PostgreSQL', () => {
  const start = (database: string, askers: number, calls: number): Promise<{ served: number }> =>
    new Promise((resolve, reject) => {
      const script = join(import.meta.dirname, 'token-process.ts');
      const child = spawn(process.execPath, [script, database, vendor.url, String(askers), String(calls)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.once('exit', (code) => (code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`exit ${code}`))));
    });

  it('refresh once between them, also when all of their askers are refused at once', async () => {
    await using database = await postgres();
    const store = await openPostgres(database.url, { connections: 2 });
    await migrate(store);
    await store.close();
    const both = await Promise.all([start(database.url, 10, 20), start(database.url, 10, 20)]);
    expect(both).toEqual([{ served: 200 }, { served: 200 }]);
    expect([vendor.issued(), vendor.reused()]).toEqual([1, 0]);
    vendor.revoke();
    const again = await Promise.all([start(database.url, 10, 20), start(database.url, 10, 20)]);
    expect(again).toEqual([{ served: 200 }, { served: 200 }]);
    expect([vendor.issued(), vendor.reused()]).toEqual([2, 0]);
  }, 30_000);
});
