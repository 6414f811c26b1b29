/** A connector opened on a vendor system as a connection would open it, and what reading it gave. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { secretPaths, secretValues } from '../../src/config/secrets.ts';
import type {
  Connector,
  Cursor,
  IssuedToken,
  Json,
  JsonObject,
  Page,
  ReadRequest,
  Source,
  StreamDeclaration,
} from '../../src/connector/contract.ts';
import { TributaryError } from '../../src/errors.ts';
import { readPages } from '../../src/extract/pages.ts';
import type { Faults, RequestFault } from '../../src/sandbox/faults.ts';
import type { SystemOptions, VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';

/** Opens a vendor system on a free port. */
export type OpenSystem = (options: SystemOptions) => Promise<VendorSystem>;

export type Account = AsyncDisposable & {
  readonly connector: Connector;
  readonly system: VendorSystem;
  readonly clock: TestClock;
  /** Permits asked for so far, and tokens issued without one. */
  readonly spent: { permits: number; tokens: number };
  /** The next answers go wrong like this, in turn. */
  readonly faults: RequestFault[];
  /** Secrets of the configuration and tokens: never to be seen in a message. */
  secrets(): readonly string[];
  open(options?: { signal?: AbortSignal; settings?: JsonObject }): Promise<Source>;
  readonly settings: JsonObject;
  readonly scratchDir: string;
};

export async function openAccount(connector: Connector, openSystem: OpenSystem): Promise<Account> {
  const clock = makeTestClock('2026-11-21T12:00:00Z', { isAuto: true });
  const planned: RequestFault[] = [];
  const faults: Faults = { onRequest: () => planned.shift() ?? null, onWebhook: () => 'deliver', clockSkewMs: 0 };
  const system = await openSystem({ world: makeWorld(), clock, faults });
  const scratchDir = mkdtempSync(join(tmpdir(), 'tributary-conformance-'));
  const { connector: _name, ...settings } = system.settings;
  const spent = { permits: 0, tokens: 0 };
  const tokens: string[] = [];
  const never = new AbortController().signal;
  const open: Account['open'] = async ({ signal = never, settings: given = settings } = {}) => {
    const config = connector.config.parse(given);
    let token: IssuedToken | null = null;
    const quiet = () => {};
    return connector.open(config, {
      ...{ tenant: 'conformance', connection: 'system', clock, signal, scratchDir },
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      // Does not end with the signal: the calls themselves must.
      permit: async () => {
        spent.permits += 1;
      },
      observeLimits: quiet,
      async token(rejected) {
        const isGood =
          token !== null && token.accessToken !== rejected && (token.expiresAt ?? clock.now()) >= clock.now();
        if (token !== null && isGood) return token.accessToken;
        spent.tokens += 1;
        token =
          (await connector.issueToken?.(config, { refreshToken: token?.refreshToken ?? null, clock, signal })) ?? null;
        if (token === null) throw new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The connection has no token.');
        tokens.push(token.accessToken);
        return token.accessToken;
      },
      ...{ baseDir: scratchDir, allowedRoots: [scratchDir] },
    });
  };
  return {
    ...{ connector, system, clock, spent, faults: planned, open, settings, scratchDir },
    secrets: () => [...secretValues(connector.config, settings), ...tokens],
    async [Symbol.asyncDispose]() {
      await system.close();
      rmSync(scratchDir, { recursive: true, force: true });
    },
  };
}

/** The settings with every secret of the credentials made wrong, others of the same form. */
export function withWrongSecrets({ connector, settings }: Account): JsonObject {
  const secrets = new Set(secretValues(connector.config, settings));
  const spoil = (value: Json): Json => {
    if (typeof value === 'string') return secrets.has(value) ? `${value.slice(0, -4)}0000` : value;
    if (Array.isArray(value)) return value.map(spoil);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, spoil(inner)]));
  };
  if (secrets.size === 0) throw new Error(`no secret among ${secretPaths(connector.config).join(', ')} is configured`);
  return spoil(settings) as JsonObject;
}

export type ReadOptions = {
  readonly cursor?: Cursor | null;
  readonly mode?: ReadRequest['mode'];
  readonly pageSize?: number;
  /** Stops behind so many pages. */
  readonly most?: number;
};

/** What a reader knows: markers by external id, as pages changed them. */
export type Reading = {
  readonly known: Map<string, string>;
  readonly gone: Set<string>;
  readonly pages: readonly Page[];
  /** Where to read on behind each page, as it comes back from the store. */
  readonly cursors: readonly (Cursor | null)[];
  readonly cursor: Cursor | null;
};

export const requestOf = (stream: string, options: ReadOptions = {}): ReadRequest => ({
  ...{ stream, cursor: options.cursor ?? null, mode: options.mode ?? 'incremental' },
  ...{ pageSize: options.pageSize ?? 50, groupBy: null, trafficClass: 'poll' },
});

export function declarationOf(source: Source, stream: string): StreamDeclaration {
  const found = source.streams().find(({ name }) => name === stream);
  if (found) return found;
  throw new Error(`the source has no stream ${stream}; it has ${source.streams().map(({ name }) => name)}`);
}

/** More pauses than any vendor asks for. */
const MOST_PAUSES = 300;

/** Reads a pass to its end: framed like a run, waiting where the source asks for it. */
export async function readPass(account: Account, stream: string, options: ReadOptions = {}): Promise<Reading> {
  const source = await account.open();
  try {
    return await passOf(account, source, stream, options);
  } finally {
    await source.close();
  }
}

async function passOf(account: Account, source: Source, stream: string, options: ReadOptions): Promise<Reading> {
  const { connector, scratchDir, clock } = account;
  const known = new Map<string, string>();
  const gone = new Set<string>();
  const pages: Page[] = [];
  const cursors: (Cursor | null)[] = [];
  let cursor = options.cursor ?? null;
  for (let pause = 0; pause < MOST_PAUSES; pause += 1) {
    let wait: Date | null = null;
    const asPages = passedOn(source, pages);
    const request = requestOf(stream, { ...options, cursor });
    const read = { source: asPages, stream: declarationOf(source, stream), request, scratchDir };
    for await (const page of readPages({ ...read, decode: connector.decode, isRawJson: connector.isRawJson })) {
      for (const record of page.records) {
        if (record.id === null) throw new Error(`a record of ${stream} has no id`);
        const decoded = decode(connector, record.parts, page.context);
        known.set(record.id, account.system.marker(stream, decoded));
        gone.delete(record.id);
      }
      for (const { id } of page.tombstones) {
        known.delete(id);
        gone.add(id);
      }
      cursor = page.next === null ? cursor : JSON.parse(JSON.stringify(page.next));
      cursors.push(cursor);
      wait = page.notBefore;
      if (cursors.length >= (options.most ?? Number.POSITIVE_INFINITY)) return { known, gone, pages, cursors, cursor };
    }
    if (wait === null) return { known, gone, pages, cursors, cursor };
    await clock.advance(Math.max(1, wait.getTime() - clock.now().getTime()));
  }
  throw new Error(`${stream} asks for more than ${MOST_PAUSES} pauses`);
}

/** The source, with its pages written down as it gives them. */
function passedOn(source: Source, pages: Page[]): Source {
  return {
    ...source,
    async *read(request) {
      for await (const page of source.read(request)) {
        pages.push(page);
        yield page;
      }
    },
  };
}

export function decode(connector: Connector, parts: readonly Uint8Array[], context: JsonObject): Json {
  if (connector.decode) return connector.decode(parts, context);
  return JSON.parse(new TextDecoder().decode(parts[0]));
}

/** What the first reader knew, changed by what the second read. */
export function merged(before: Reading, after: Reading): Map<string, string> {
  const known = new Map([...before.known, ...after.known]);
  for (const id of after.gone) known.delete(id);
  return known;
}
