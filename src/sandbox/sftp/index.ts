/** The supplier's SFTP server of the sandbox: the folder of the feeds on a real socket, behind a pinned host key and a password. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2, { type Connection } from 'ssh2';
import { z } from 'zod';
import type { Clock, Json } from '../../connector/contract.ts';
import type { RunningSystem, SandboxAction } from '../system.ts';
import { fingerprintOf, makeHostKey } from './host-key.ts';
import { serveFolder } from './serve-folder.ts';

const USER = 'supplier';
const MOST_CONNECTIONS = 20;
const MOST_TRIES = 3;
const SLOWEST_LOGIN_MS = 20_000;
/** How often the connection looks for files: on this machine it costs nothing. */
const WATCH_MS = 500;

const savedState = z.object({ hostKey: z.string().min(1), password: z.string().min(1) });

export type SftpOptions = {
  /** What is served; nothing outside of it can be reached. */
  readonly folder: string;
  readonly clock: Clock;
  /** @defaultValue a free one */
  readonly port?: number;
  /** What `save()` gave: the host key and the password stay the same. */
  readonly saved?: Json;
};

/** Listens on 127.0.0.1. Who logs in may read; `restock` brings a new inventory file, as a supplier does. */
export async function openSftp({ folder, clock, port = 0, saved }: SftpOptions): Promise<RunningSystem> {
  const known = savedState.safeParse(saved);
  const { hostKey, password } = known.success
    ? known.data
    : { hostKey: makeHostKey(), password: randomBytes(18).toString('base64url') };
  const clients = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    clients.add(client);
    const late = setTimeout(() => client.end(), SLOWEST_LOGIN_MS);
    let tries = 0;
    client.on('error', () => undefined); // The other side went away, or speaks something else.
    client.once('close', () => {
      clearTimeout(late);
      clients.delete(client);
    });
    client.on('authentication', (asked) => {
      if (asked.method === 'password' && asked.username === USER && isSame(asked.password, password))
        return asked.accept();
      if (asked.method !== 'none') tries += 1;
      if (tries >= MOST_TRIES) client.end();
      else asked.reject(['password']);
    });
    client.once('ready', () => {
      clearTimeout(late);
      client.on('session', (accept) => void accept().on('sftp', (start) => serveFolder(start(), folder)));
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const at = (server.address() as AddressInfo).port;
  return {
    url: `sftp://127.0.0.1:${at}`,
    settings: {
      connector: 'feed',
      sftp: {
        ...{ host: '127.0.0.1', port: at, username: USER, password },
        ...{ hostKey: fingerprintOf(hostKey), path: '/', watchMs: WATCH_MS },
      },
    },
    act: (action) => deliver(folder, clock, action),
    save: () => ({ hostKey, password }),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const client of clients) client.end();
      await closed;
    },
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const isSame = (one: string, two: string): boolean => timingSafeEqual(digest(one), digest(two));

/** A supplier counts what there is; what is sold, edited or taken out of the range comes with files that somebody else writes. */
async function deliver(folder: string, clock: Clock, { kind, sku, quantity = 1 }: SandboxAction): Promise<void> {
  if (kind !== 'restock')
    throw new RangeError(`a supplier's files can be restocked only; to ${kind}, drop a file into ${folder}`);
  if (!/^[\w.-]{1,64}$/.test(sku))
    throw new RangeError(`${sku.slice(0, 64)} is no SKU; one has letters, digits, dots and dashes only`);
  const time = clock.now().toISOString();
  const name = `inventory-restock-${time.replace(/\D/g, '')}.csv`;
  // Renamed, so that nobody reads half of it.
  await writeFile(join(folder, `${name}.part`), `sku,location,quantity,as_of\n${sku},main,${quantity},${time}\n`);
  await rename(join(folder, `${name}.part`), join(folder, name));
}
