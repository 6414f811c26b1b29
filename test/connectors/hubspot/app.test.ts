import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import connector from '../../../connectors/hubspot/index.ts';
import { openHubSpot } from '../../../src/sandbox/hubspot/index.ts';
import { CREDENTIALS } from '../../../src/sandbox/hubspot/login.ts';
import { waitFor } from '../../support/services/wait.ts';
import { openTestAccount } from './account.ts';

describe('logging in to HubSpot', () => {
  const never = new AbortController().signal;

  test('goes from the page of the vendor to a token that reads, and is refreshed', async () => {
    await using account = await openTestAccount((options) => openHubSpot({ ...options, speed: 10 }));
    const settings = {
      baseUrl: account.hubspot.url,
      authorizeUrl: `${account.hubspot.url}/oauth/authorize`,
      auth: { kind: 'oauth', clientId: CREDENTIALS.clientId, clientSecret: CREDENTIALS.clientSecret },
    };
    const config = connector.config.parse(settings);
    const grant = { refreshToken: null, clock: account.clock, signal: never };
    expect(await connector.issueToken?.(config, grant)).toBeNull();
    const redirectUri = 'https://platform.example/oauth/callback?x=1';
    const address = connector.oauth?.authorizeUrl(config, { redirectUri, state: 'st a/te', codeChallenge: 'c' }) ?? '';
    const sent = await fetch(address, { redirect: 'manual' });
    const back = new URL(sent.headers.get('location') ?? '');
    expect(back.origin + back.pathname).toBe('https://platform.example/oauth/callback');
    expect(back.searchParams.get('state')).toBe('st a/te');
    const query = Object.fromEntries(back.searchParams);
    const code = query['code'] ?? '';
    const trade = { code, redirectUri, codeVerifier: 'v', query, clock: account.clock, signal: never };
    const token = await connector.oauth?.exchange(config, trade);
    expect(token?.expiresAt?.getTime()).toBe(account.clock.now().getTime() + 180_000);
    await expect(connector.oauth?.exchange(config, trade)).rejects.toMatchObject({ code: 'ERR_CONNECTOR_CREDENTIALS' });
    const again = await connector.issueToken?.(config, { ...grant, refreshToken: token?.refreshToken ?? null });
    const source = await account.open({
      settings: { ...settings, auth: { ...settings.auth, refreshToken: again?.refreshToken ?? '' } },
    });
    expect((await source.check()).filter(({ ok }) => !ok)).toEqual([]);
    await source.close();
  });

  test('is not offered where an access token is configured', () => {
    const config = connector.config.parse({ auth: { kind: 'access_token', accessToken: 'pat-1' } });
    const ask = () =>
      connector.oauth?.authorizeUrl(config, { redirectUri: 'https://a.example', state: 's', codeChallenge: 'c' });
    expect(ask).toThrow('needs no login');
  });
});

describe('checking an account', () => {
  test('tells whose token it is, which clock is off, and which property finds nobody', async () => {
    await using account = await openTestAccount();
    const settings = { ...account.settings, portalId: 7, uniqueProperties: { contacts: 'loyalty_tier' } };
    const source = await account.open({ settings });
    const bad = (await source.check()).filter(({ ok }) => !ok);
    expect(bad.map(({ subject }) => subject)).toEqual(['credentials', 'stream:contacts']);
    expect(bad[0]?.message).toContain('145820311');
    await source.close();
    await using skewed = await openTestAccount((options) =>
      openHubSpot({
        ...options,
        speed: 1000,
        faults: { onRequest: () => null, onWebhook: () => 'deliver', clockSkewMs: -300_000 },
      }),
    );
    const other = await skewed.open();
    expect((await other.check()).filter(({ ok }) => !ok)).toMatchObject([{ subject: 'clock' }]);
    await other.close();
  });
});

describe('webhooks of an app', () => {
  test('are set up once for each topic, found switched off, made anew and taken away', async () => {
    await using account = await openTestAccount();
    const source = await account.open();
    const url = 'https://platform.example/hooks/crm';
    const first = (await source.webhooks?.subscribe(url)) ?? [];
    const second = (await source.webhooks?.subscribe(`${url}2`)) ?? [];
    expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(new Set(second.map((one) => one.topic)).size).toBe(second.length);
    expect(second.map(({ topic }) => topic)).toEqual(
      expect.arrayContaining(['contact.creation', 'contact.privacyDeletion', 'deal.propertyChange:amount']),
    );
    const switched = second[0]?.id ?? '';
    const path = `/webhooks/v3/${CREDENTIALS.appId}/subscriptions/${switched}?hapikey=${CREDENTIALS.developerApiKey}`;
    await fetch(account.hubspot.url + path, { method: 'PATCH', body: '{"active":false}' });
    const seen = (await source.webhooks?.inspect()) ?? [];
    expect(seen.filter(({ state }) => state === 'disabled').map(({ id }) => id)).toEqual([switched]);
    const third = (await source.webhooks?.subscribe(url)) ?? [];
    expect(third.every(({ state }) => state === 'active')).toBe(true);
    await source.webhooks?.unsubscribe();
    expect(await source.webhooks?.inspect()).toEqual([]);
    await source.close();
  });

  test('need the app they belong to, and say that polling is enough', async () => {
    await using account = await openTestAccount();
    const { app: _app, ...settings } = account.settings;
    const source = await account.open({ settings });
    await expect(source.webhooks?.subscribe('https://a.example')).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_UNSUPPORTED',
      message: expect.stringContaining('polling finds all changes'),
    });
    await source.close();
  });

  test('are delivered signed, and again until somebody takes them; they name what to read again', async () => {
    await using account = await openTestAccount((options) => openHubSpot({ ...options, speed: 1 }));
    const source = await account.open();
    const got: { headers: Record<string, string>; body: Buffer }[] = [];
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk));
      got.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks) });
      response.writeHead(got.length === 1 ? 500 : 204).end();
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/crm?a=1`;
    await source.webhooks?.subscribe(url);
    const [contact] = account.hubspot.portal.all('contacts');
    await account.hubspot.act({ kind: 'edit', sku: contact?.properties['email'] ?? '' });
    // The clock moves on as often as somebody sleeps.
    await waitFor('a delivery that is repeated', () => (got.length >= 2 ? got : undefined));
    const [refused, taken] = got;
    const attempts = got.slice(0, 2).map(({ body }) => JSON.parse(body.toString())[0].attemptNumber);
    expect(attempts).toEqual([0, 1]);
    const verdict = await source.webhooks?.verify({
      method: 'POST',
      url,
      headers: taken?.headers ?? {},
      body: taken?.body ?? Buffer.alloc(0),
    });
    expect(verdict).toMatchObject({ ok: true, changed: [{ stream: 'contacts', id: contact?.id, deleted: false }] });
    const same = await source.webhooks?.verify({
      method: 'POST',
      url,
      headers: refused?.headers ?? {},
      body: refused?.body ?? Buffer.alloc(0),
    });
    expect(same).toMatchObject({ deliveryId: verdict?.ok === true ? verdict.deliveryId : '' });
    await source.close();
    server.close();
    server.closeAllConnections();
  });
});
