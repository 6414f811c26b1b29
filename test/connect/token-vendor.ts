/** A vendor that issues tokens as strict ones do: a refresh token is good once, and a new token ends the one before it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TokenOptions, type Tokens, tokensOf } from '../../src/connect/tokens.ts';
import type { Clock } from '../../src/connector/contract.ts';
import { TributaryError } from '../../src/errors.ts';
import { systemClock } from '../../src/extract/clock.ts';
import { silentLog } from '../../src/observe/log.ts';
import type { Store } from '../../src/store/store.ts';
import { openVault } from '../../src/vault.ts';

const CONFIGURED = 'refresh-configured';

export type TokenVendor = {
  readonly url: string;
  /** Tokens issued so far. */
  issued(): number;
  /** Refresh tokens that were used twice. */
  reused(): number;
  /** Ends the token that is good now. */
  revoke(): void;
  close(): Promise<void>;
};

export async function openTokenVendor(): Promise<TokenVendor> {
  let issued = 0;
  let reused = 0;
  let good = '';
  let refresh = CONFIGURED;
  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    if (path === '/api') {
      response.writeHead(request.headers.authorization === `Bearer ${good}` ? 200 : 401).end();
      return;
    }
    const given = (await request.setEncoding('utf8').toArray()).join('');
    if (given !== refresh) {
      reused += 1;
      response.writeHead(400).end();
      return;
    }
    issued += 1;
    good = `access-${issued}`;
    refresh = `refresh-${issued}`;
    response.end(JSON.stringify({ accessToken: good, refreshToken: refresh }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    issued: () => issued,
    reused: () => reused,
    revoke: () => {
      good = 'none';
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Tokens of connection 1 of tenant 1, issued by the vendor. */
export function tokensFor(
  store: Store,
  vendor: string,
  more: Partial<TokenOptions> & { readonly clock?: Clock; readonly lifeMs?: number } = {},
): Tokens {
  const clock = more.clock ?? systemClock;
  return tokensOf({
    store,
    clock,
    vault: openVault({ secretKey: 'ab'.repeat(32) }, '/nowhere', silentLog),
    tenant: 1,
    connection: { id: 1, name: 'shop' },
    issue: async (refreshToken, signal) => {
      const answer = await fetch(`${vendor}/token`, { method: 'POST', body: refreshToken ?? CONFIGURED, signal });
      if (!answer.ok) throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The vendor refused the refresh token.');
      const issued = (await answer.json()) as { accessToken: string; refreshToken: string };
      const expiresAt = more.lifeMs === undefined ? null : new Date(clock.now().getTime() + more.lifeMs);
      return { ...issued, expiresAt };
    },
    signal: new AbortController().signal,
    onSecret: () => undefined,
    ...more,
  });
}

/** One call, tried again with another token where the first is refused. */
export async function callVendor(vendor: string, tokens: Tokens): Promise<void> {
  let token = await tokens.token();
  for (let look = 0; look < 3; look++) {
    const { status } = await fetch(`${vendor}/api`, { headers: { authorization: `Bearer ${token}` } });
    if (status === 200) return;
    token = await tokens.token(token);
  }
  throw new Error('three tokens were refused');
}
