import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { buildApi } from '../../src/api/app.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import { type LoginConnection, type Logins, makeLogins } from '../../src/connect/login.ts';
import type { Connector, IssuedToken } from '../../src/connector/contract.ts';
import { TributaryError } from '../../src/errors.ts';
import { silentLog } from '../../src/observe/log.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { openVault } from '../../src/vault.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';
import { memoryStore } from '../support/stores.ts';

const REDIRECT = 'https://tributary.example.com/oauth/callback';

/** A vendor's login: gives a code for whoever comes, and a token for the code with its verifier and the same redirect. */
async function openVendor() {
  const granted = new Map<string, { challenge: string; redirect: string }>();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://vendor');
    const said = (name: string) => url.searchParams.get(name) ?? '';
    if (url.pathname === '/authorize') {
      const code = `code-${granted.size + 1}`;
      granted.set(code, { challenge: said('code_challenge'), redirect: said('redirect_uri') });
      const back = new URL(said('redirect_uri'));
      back.searchParams.set('code', code);
      back.searchParams.set('state', said('state'));
      response.writeHead(302, { location: back.href }).end();
      return;
    }
    const grant = granted.get(said('code'));
    granted.delete(said('code'));
    const challenge = createHash('sha256').update(said('code_verifier')).digest('base64url');
    const isGood = grant?.challenge === challenge && grant.redirect === said('redirect_uri');
    response.writeHead(isGood ? 200 : 400).end(isGood ? `token-for-${said('code')}` : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => server.close() };
}

const connectorOf = (vendor: string): Connector => ({
  name: 'crm',
  title: 'CRM',
  docs: 'https://example.com/',
  directions: ['in'],
  config: z.unknown(),
  open: () => Promise.reject(new Error('not opened here')),
  oauth: {
    authorizeUrl: (_config, { redirectUri, state, codeChallenge }) =>
      `${vendor}/authorize?${new URLSearchParams({ redirect_uri: redirectUri, state, code_challenge: codeChallenge })}`,
    async exchange(_config, { code, codeVerifier, redirectUri, signal }) {
      const query = new URLSearchParams({ code, code_verifier: codeVerifier, redirect_uri: redirectUri });
      const answer = await fetch(`${vendor}/token?${query}`, { signal });
      if (!answer.ok) throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The CRM refused the code.');
      return { accessToken: await answer.text(), refreshToken: 'refresh', expiresAt: null };
    },
  },
});

describe('logging in at a vendor', () => {
  let vendor: Awaited<ReturnType<typeof openVendor>>;
  let store: Store;
  let clock: TestClock;
  let logins: Logins;
  let api: FastifyInstance;
  let kept: Record<string, IssuedToken[]>;
  beforeAll(async () => {
    vendor = await openVendor();
    store = await memoryStore();
  });
  afterAll(async () => {
    vendor.close();
    await store.close();
  });
  beforeEach(async () => {
    clock = makeTestClock();
    kept = { crm: [], other: [] };
    const connection = (id: number, name: string): LoginConnection => ({
      ...{ id, name, connector: connectorOf(vendor.url), settings: {} },
      keep: async (issued) => void kept[name]?.push(issued),
    });
    const vault = openVault({ secretKey: 'cd'.repeat(32) }, '/nowhere', silentLog);
    const connections = [connection(1, 'crm'), connection(2, 'other')];
    logins = makeLogins({ store, clock, vault, tenant: 1, connections, signal: new AbortController().signal });
    api = await buildApi({ store, config: sandboxConfig('/nowhere'), tenant: 1, clock, log: silentLog, logins });
  });

  /** Goes to the vendor as the person's browser does; gives the address it is sent back to. */
  const goTo = async (address: string): Promise<URL> => {
    const answer = await fetch(address, { redirect: 'manual' });
    return new URL(answer.headers.get('location') ?? '');
  };
  const comeBack = (back: URL) => api.inject({ url: `${back.pathname}${back.search}` });

  it('brings a token for the connection it was begun for', async () => {
    const begun = await logins.begin('crm', REDIRECT);
    expect(await logins.state(begun.id)).toBe('waiting');
    const back = await goTo(begun.address);
    expect(back.href.startsWith(`${REDIRECT}?`)).toBe(true);
    const page = await comeBack(back);
    expect([page.statusCode, page.body]).toEqual([200, 'Connection crm may be used now. You can close this page.\n']);
    expect(kept).toEqual({
      crm: [{ accessToken: 'token-for-code-1', refreshToken: 'refresh', expiresAt: null }],
      other: [],
    });
    expect(await logins.state(begun.id)).toBe('done');
  });

  it('is good once, for ten minutes, and for a state that was given out', async () => {
    const used = await logins.begin('crm', REDIRECT);
    const back = await goTo(used.address);
    await comeBack(back);
    expect((await comeBack(back)).statusCode).toBe(400);
    const late = await logins.begin('crm', REDIRECT);
    const lateBack = await goTo(late.address);
    await clock.advance(600_001);
    expect((await comeBack(lateBack)).statusCode).toBe(400);
    expect(await logins.state(late.id)).toBe('over');
    const made = new URL(lateBack);
    made.searchParams.set('state', 'guessed');
    expect((await comeBack(made)).statusCode).toBe(400);
    expect((await comeBack(new URL(REDIRECT))).statusCode).toBe(400);
    expect(kept['crm']).toHaveLength(1);
  });

  it('of two who come back with one state, one is served', async () => {
    const back = await goTo((await logins.begin('crm', REDIRECT)).address);
    const both = await Promise.all([comeBack(back), comeBack(back)]);
    expect(both.map((page) => page.statusCode).sort()).toEqual([200, 400]);
  });

  it('fails in words when the person or the vendor refuses', async () => {
    const refused = await logins.begin('crm', REDIRECT);
    const back = await goTo(refused.address);
    back.searchParams.delete('code');
    back.searchParams.set('error', 'access_denied');
    expect((await comeBack(back)).body).toBe(
      'Connection crm got no access. The vendor granted nothing (access_denied).\n',
    );
    expect(await logins.state(refused.id)).toEqual({ problem: 'The vendor granted nothing (access_denied).' });
    const wrong = await logins.begin('crm', REDIRECT);
    const wrongBack = await goTo(wrong.address);
    wrongBack.searchParams.set('code', 'stolen');
    expect((await comeBack(wrongBack)).body).toContain('The CRM refused the code.');
  });

  it('keeps neither state nor verifier as they are', async () => {
    const begun = await logins.begin('crm', REDIRECT);
    const state = new URL(begun.address).searchParams.get('state') ?? '';
    const rows = await store.rows(sql`select * from login`);
    expect(state.length).toBeGreaterThan(40);
    expect(JSON.stringify(rows)).not.toContain(state);
  });

  it('is refused where nobody logs in', async () => {
    const vault = openVault({ secretKey: 'cd'.repeat(32) }, '/nowhere', silentLog);
    const { oauth: _, ...connector } = connectorOf(vendor.url);
    const connections = [{ id: 1, name: 'shop', connector, settings: {}, keep: async () => {} }];
    const without = makeLogins({ store, clock, vault, tenant: 1, connections, signal: new AbortController().signal });
    await expect(without.begin('shop', REDIRECT)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_UNSUPPORTED' });
    await expect(without.begin('none', REDIRECT)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });
});
