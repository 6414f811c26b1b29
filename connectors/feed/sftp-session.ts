/** One SSH session with a pinned host key, opened when it is first needed and again after it broke. */
import { createHash } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import type SftpClient from 'ssh2-sftp-client';
import type { ConnectionContext } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { SftpSettings } from './config.ts';
import { isWithin } from './local-folder.ts';
import { asSftpError } from './sftp-errors.ts';

/** Host key algorithms by kind of key: a server that has several kinds shows the pinned one only when it is asked for it. */
const KEY_KINDS = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
] as const;

const KEEPALIVE_MS = 10_000;
const LONGEST_GOODBYE_MS = 2000;

export type SftpSession = {
  /** `sftp://user@host:port`, for messages. */
  readonly title: string;
  /** Absolute path of the configured folder on the server. */
  root(): Promise<string>;
  /** Runs one call, in bounded time, with errors of ours. `about` names the file in messages. */
  call<T>(about: string, work: (client: SftpClient) => Promise<T>): Promise<T>;
  client(): Promise<SftpClient>;
  /** Forgets a session that broke; the next call opens a new one. */
  drop(): void;
  close(): Promise<void>;
};

type Open = { readonly client: SftpClient; readonly root: string };

export function sftpSession(settings: SftpSettings, context: ConnectionContext): SftpSession {
  const title = `sftp://${settings.username}@${settings.host}:${settings.port}`;
  let open: Promise<Open> | null = null;
  const opened = () => {
    open ??= openSession(settings, context, title).catch((thrown: unknown) => {
      open = null;
      throw thrown;
    });
    return open;
  };
  const drop = () => {
    const broken = open;
    open = null;
    broken?.then(({ client }) => cut(client)).catch(() => {}); // It never opened.
  };
  const stop = () => drop();
  context.signal.addEventListener('abort', stop, { once: true });
  const call = async <T>(about: string, work: (client: SftpClient) => Promise<T>): Promise<T> => {
    context.signal.throwIfAborted();
    await context.permit(1, 'poll');
    const { client } = await opened();
    try {
      return await within(settings.timeoutMs, work(client));
    } catch (thrown) {
      context.signal.throwIfAborted();
      const error = asSftpError(thrown, `${title}${about === '' ? '' : `, ${about}`}`);
      if (error instanceof TributaryError && error.retry === 'transient') drop();
      throw error;
    }
  };
  return {
    ...{ title, call, drop },
    root: async () => (await opened()).root,
    client: async () => (await opened()).client,
    async close() {
      context.signal.removeEventListener('abort', stop);
      const last = open;
      open = null;
      if (last !== null) await last.then((session) => endSession(session, settings.timeoutMs)).catch(() => {}); // It never opened, or is dead already.
    },
  };
}

async function openSession(settings: SftpSettings, context: ConnectionContext, title: string): Promise<Open> {
  const credentials = await readCredentials(settings, context);
  const seen: string[] = [];
  // Without a pin one look is enough to tell the operator what to pin.
  const kinds = settings.hostKey === undefined ? [KEY_KINDS.flat()] : KEY_KINDS;
  for (const kind of kinds) {
    const found = await tryOpen({ settings, context, title, credentials }, [...kind], seen);
    if (found !== null) return found;
  }
  throw hostKeyError(settings, context, title, seen);
}

type Attempt = {
  settings: SftpSettings;
  context: ConnectionContext;
  title: string;
  credentials: SftpClient.ConnectOptions;
};

/** `null`: the server has no key of this kind, or not the pinned one. */
async function tryOpen(
  { settings, context, title, credentials }: Attempt,
  kind: string[],
  seen: string[],
): Promise<Open | null> {
  // Without callbacks the client prints to the console when a session ends.
  const quiet = { error: () => {}, end: () => {}, close: () => {} };
  const { default: Client } = await import('ssh2-sftp-client');
  const client = new Client('feed', quiet);
  let isRefused = false;
  const hostVerifier = (key: Buffer) => {
    const fingerprint = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
    seen.push(fingerprint);
    isRefused = fingerprint !== settings.hostKey;
    return !isRefused;
  };
  const options = {
    ...{ host: settings.host, port: settings.port, username: settings.username, ...credentials },
    ...{ readyTimeout: settings.timeoutMs, keepaliveInterval: KEEPALIVE_MS, keepaliveCountMax: 3 },
    ...{ hostVerifier, algorithms: { serverHostKey: kind } },
  };
  try {
    await context.permit(1, 'poll');
    // ssh2's own types know only some of the algorithm names it takes.
    await within(settings.timeoutMs, client.connect(options as SftpClient.ConnectOptions));
    // Measured on 146 MB from OpenSSH over the loopback: 0.4 s with it, 53 s without (each request waits for a delayed ACK).
    callInner(client, 'setNoDelay');
    return { client, root: (await within(settings.timeoutMs, client.realPath(settings.path))) || settings.path };
  } catch (thrown) {
    cut(client);
    const hasNoSuchKey = thrown instanceof Error && /no matching host key format/i.test(thrown.message);
    if (isRefused || hasNoSuchKey) return null;
    throw asSftpError(thrown, title);
  }
}

async function readCredentials(settings: SftpSettings, context: ConnectionContext): Promise<SftpClient.ConnectOptions> {
  const { password, privateKey, privateKeyFile, passphrase } = settings;
  if (password !== undefined) return { password };
  const key = privateKey ?? (privateKeyFile === undefined ? '' : await readKeyFile(privateKeyFile, context));
  return passphrase === undefined ? { privateKey: key } : { privateKey: key, passphrase };
}

async function readKeyFile(path: string, context: ConnectionContext): Promise<string> {
  const wanted = resolve(context.baseDir, path);
  try {
    const file = await realpath(wanted);
    const roots = await Promise.all(context.allowedRoots.map((root) => realpath(root).catch(() => resolve(root))));
    if (roots.some((root) => isWithin(root, file))) return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TributaryError(
      'ERR_CONFIG_INVALID',
      `connection ${context.connection}: privateKeyFile ${wanted} cannot be read`,
      { cause },
    );
  }
  throw new TributaryError(
    'ERR_CONFIG_INVALID',
    `connection ${context.connection}: privateKeyFile ${wanted} is outside the folders this program may read`,
    {
      remedy: 'Move the key under an allowed folder, add its folder to allowedRoots, or give privateKey itself.',
    },
  );
}

function hostKeyError(
  settings: SftpSettings,
  context: ConnectionContext,
  title: string,
  seen: readonly string[],
): TributaryError {
  const shown = [...new Set(seen)];
  const evidence = { connection: context.connection, fingerprints: shown };
  if (settings.hostKey === undefined) {
    return new TributaryError(
      'ERR_CONNECTOR_CREDENTIALS',
      `${title}: the server's host key is not pinned, so nothing was sent to it. It showed ${shown.join(', ')}`,
      {
        evidence,
        remedy: `Ask the server's operator whether this is its fingerprint; if so, put this line under sftp: of connection ${context.connection}:\n  hostKey: ${shown[0] ?? 'SHA256:…'}`,
      },
    );
  }
  return new TributaryError(
    'ERR_CONNECTOR_CREDENTIALS',
    `${title}: the server's host key is not the pinned one (${settings.hostKey}); it showed ${shown.join(', ') || 'none of a kind we know'}. Nothing was sent to it`,
    {
      evidence,
      remedy:
        "Somebody may be in between. Ask the server's operator whether the key was changed before you change hostKey.",
    },
  );
}

async function endSession({ client }: Open, timeoutMs: number): Promise<void> {
  try {
    await within(Math.min(timeoutMs, LONGEST_GOODBYE_MS), client.end());
  } finally {
    cut(client);
  }
}

// A server that has gone dead never confirms the end; ssh2's own client closes the socket at once.
function cut(client: SftpClient): void {
  callInner(client, 'destroy');
}

// The SFTP client keeps ssh2's own client to itself, but two of its abilities are needed.
function callInner(client: SftpClient, ability: 'destroy' | 'setNoDelay'): void {
  const inner: unknown = 'client' in client ? client.client : undefined;
  if (!(inner instanceof Object) || !(ability in inner)) return;
  const call: unknown = Reflect.get(inner, ability);
  if (typeof call === 'function') call.call(inner, true);
}

/** Bounded in real time: what is waited for is another machine. */
export async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {}); // Late failures of a call that was given up.
  }
}
