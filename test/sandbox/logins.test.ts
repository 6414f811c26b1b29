import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import hubspot from '../../connectors/hubspot/index.ts';
import salesforce from '../../connectors/salesforce/index.ts';
import shopify from '../../connectors/shopify/index.ts';
import { buildApi } from '../../src/api/app.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import { type LoginConnection, type Logins, makeLogins } from '../../src/connect/login.ts';
import type { Connector, IssuedToken } from '../../src/connector/contract.ts';
import { systemClock } from '../../src/extract/clock.ts';
import { silentLog } from '../../src/observe/log.ts';
import { openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import { openSalesforce } from '../../src/sandbox/salesforce/index.ts';
import { openShopify } from '../../src/sandbox/shopify/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import type { Store } from '../../src/store/store.ts';
import { openVault } from '../../src/vault.ts';

const REDIRECT = 'http://127.0.0.1:8080/oauth/callback';
const app = (clientId: string, clientSecret: string) => ({ kind: 'oauth', clientId, clientSecret });

const VENDORS = [
  {
    name: 'salesforce',
    open: openSalesforce,
    connector: salesforce,
    hasPkce: true,
    settings: () => ({ auth: app('sandbox-consumer-key', 'sandbox-consumer-secret') }),
    asks: (url: string) => ({ url: `${url}/services/data/v66.0/limits`, header: 'authorization', scheme: 'Bearer ' }),
  },
  {
    name: 'shopify',
    open: openShopify,
    connector: shopify,
    hasPkce: true,
    settings: ({ auth }: Record<string, unknown>) => ({ auth: { ...Object(auth), kind: 'oauth' } }),
    asks: (url: string) => ({
      url: `${url}/admin/api/2026-10/graphql.json`,
      header: 'x-shopify-access-token',
      scheme: '',
    }),
  },
  {
    name: 'hubspot',
    open: openHubSpot,
    connector: hubspot,
    hasPkce: false,
    settings: (_: object, url: string) => ({
      auth: app('sandbox-client-id', 'sandbox-client-secret'),
      authorizeUrl: `${url}/oauth/authorize`,
    }),
    asks: (url: string) => ({ url: `${url}/crm/v3/objects/contacts`, header: 'authorization', scheme: 'Bearer ' }),
  },
];

let store: Store;
beforeAll(async () => {
  store = await openPglite(null);
  await migrate(store);
});
afterAll(() => store.close());

describe.each(VENDORS)('a login at $name', ({ name, open, connector: given, hasPkce, settings: more, asks }) => {
  const connector = given as Connector<unknown>;
  const kept: IssuedToken[] = [];
  let system: VendorSystem;
  let logins: Logins;
  let api: FastifyInstance;
  let config: unknown;
  beforeAll(async () => {
    system = await open({ world: makeWorld(), clock: systemClock });
    const { connector: _, ...settings } = system.settings;
    config = connector.config.parse({ ...settings, ...more(settings, system.url) });
    const connection: LoginConnection = {
      ...{ id: 1, name, connector, settings: config },
      keep: async (issued) => void kept.push(issued),
    };
    logins = makeLogins({
      ...{ store, clock: systemClock, tenant: 1, connections: [connection], signal: new AbortController().signal },
      vault: openVault({ secretKey: 'cd'.repeat(32) }, '/nowhere', silentLog),
    });
    api = await buildApi({
      ...{ store, config: sandboxConfig('/nowhere'), tenant: 1, clock: systemClock, log: silentLog, logins },
    });
  });
  afterAll(async () => {
    await api.close();
    await system.close();
  });

  const goTo = async (address: string): Promise<URL> => {
    const answer = await fetch(address, { redirect: 'manual' });
    return new URL(answer.headers.get('location') ?? '');
  };
  const comeBack = async (back: URL) => (await api.inject({ url: `${back.pathname}${back.search}` })).statusCode;

  it('sends the person back to the exact address, with the state, and brings a token that is taken', async () => {
    const { id, address } = await logins.begin(name, REDIRECT);
    const asked = new URL(address).searchParams;
    expect(asked.get('redirect_uri')).toBe(REDIRECT);
    expect(asked.get('code_challenge_method')).toBe(hasPkce ? 'S256' : null);
    const back = await goTo(address);
    expect(back.origin + back.pathname).toBe(REDIRECT);
    expect(back.searchParams.get('state')).toBe(asked.get('state'));
    expect(await comeBack(back)).toBe(200);
    expect(await logins.state(id)).toBe('done');
    const { url, header, scheme } = asks(system.url);
    const statusWith = async (token: string) =>
      (
        await fetch(url, {
          headers: { [header]: `${scheme}${token}`, 'content-type': 'application/json' },
          ...(name === 'shopify' ? { method: 'POST', body: '{"query":"{ shop { name } }"}' } : {}),
        })
      ).status;
    expect(await statusWith('guessed')).toBe(401);
    expect(await statusWith(kept.at(-1)?.accessToken ?? '')).not.toBe(401);
  });

  it('is refused with a state that was not given out, or for the second time', async () => {
    const before = kept.length;
    const back = await goTo((await logins.begin(name, REDIRECT)).address);
    const guessed = new URL(back);
    guessed.searchParams.set('state', 'guessed');
    expect(await comeBack(guessed)).toBe(400);
    expect(kept).toHaveLength(before);
    expect(await comeBack(back)).toBe(200);
    expect(await comeBack(back)).toBe(400);
    expect(kept).toHaveLength(before + 1);
  });

  if (hasPkce)
    it('gives no token to somebody who took the code on its way', async () => {
      const back = await goTo((await logins.begin(name, REDIRECT)).address);
      const query = Object.fromEntries(back.searchParams);
      const grant = { code: query['code'] ?? '', redirectUri: REDIRECT, codeVerifier: 'another'.repeat(8), query };
      const signal = new AbortController().signal;
      await expect(connector.oauth?.exchange(config, { ...grant, clock: systemClock, signal })).rejects.toThrow();
    });

  if (name !== 'shopify')
    it('gives no token for another address than the one that was asked with', async () => {
      const back = await goTo((await logins.begin(name, REDIRECT)).address);
      const query = Object.fromEntries(back.searchParams);
      const grant = { code: query['code'] ?? '', redirectUri: `${REDIRECT}/other`, codeVerifier: '', query };
      const signal = new AbortController().signal;
      await expect(connector.oauth?.exchange(config, { ...grant, clock: systemClock, signal })).rejects.toThrow();
    });
});
