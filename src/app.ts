/** The composition root: the only file that knows connectors/ and how the rooms fit together. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findConnectors } from '../connectors/index.ts';
import { configError, type problemLine } from './config/load.ts';
import { maskSecrets, secretValues } from './config/secrets.ts';
import { checkSettings } from './config/settings.ts';
import type { Config, ConnectionConfig } from './config/types.ts';
import { type Logins, makeLogins } from './connect/login.ts';
import { type Tokens, tokensOf } from './connect/tokens.ts';
import { abortable } from './connector/abortable.ts';
import type { Clock, ConnectionContext, Connector, IssuedToken, Source } from './connector/contract.ts';
import { TributaryError } from './errors.ts';
import { type BudgetFacts, factsOf, stateFrom } from './extract/budget.ts';
import { type BudgetStore, rememberedBudgets } from './extract/budget-store.ts';
import { systemClock } from './extract/clock.ts';
import { type Governor, makeGovernor } from './extract/governor.ts';
import { type Decode, mappingSets } from './load/mapping-sets.ts';
import { hushed } from './observe/hush.ts';
import type { RootLog } from './observe/log.ts';
import { type Publishing, publishing } from './publishing.ts';
import type { WakeQueue } from './queue/types.ts';
import { type PlatformStream, settlePlatform } from './run/append.ts';
import type { RunDeps, RunEvent, RunStream } from './run/deps.ts';
import type { RunRow } from './run/runs.ts';
import { streamReaders } from './run/stream-readers.ts';
import { currentSet, findMapping, PLATFORM, type Streams, settleStreams } from './run/streams.ts';
import { storeBudgets } from './store/budgets.ts';
import { migrate } from './store/migrate.ts';
import { type Store, sql } from './store/store.ts';
import { openVault } from './vault.ts';

export { findConnectors };

/** Mappings that come with the program. */
export const SHIPPED_MAPPINGS = fileURLToPath(new URL('../mappings', import.meta.url));
/** Postgres connections for loading and answering; the queue has its own. */
const CONNECTIONS = 8;

export type App = {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: RootLog;
  readonly connectors: ReadonlyMap<string, Connector>;
  readonly streams: Streams;
  readonly runs: RunDeps;
  /** Outgoing streams that an entity is written to. */
  readonly writing: Publishing['writing'];
  readonly entityOf: Publishing['entityOf'];
  readonly mappingFolders: readonly string[];
  /** The stream of the built-in connection that leads captured by the API come through. */
  readonly leads: PlatformStream;
  /** The configured connections and their rows. */
  readonly connections: readonly { readonly name: string; readonly id: number }[];
  /** What is left of the vendor accounts of these connections, by account and name of the budget. */
  budgets(): Promise<readonly BudgetLine[]>;
  /** People who log in at vendors. */
  readonly logins: Logins;
  /** Opens a connection's source, to check or sample it. The caller closes it. */
  openSource(connection: string, signal: AbortSignal): Promise<Source>;
  /** The context a connector is given for a connection. */
  contextOf(connection: ConnectionConfig, signal: AbortSignal): ConnectionContext;
  settingsOf(connection: ConnectionConfig): unknown;
  /** How records of a stream are decoded, also of one that the configuration no longer names. */
  decodeOf(streamId: number): Decode;
  close(): Promise<void>;
};

/** One budget of a vendor account. */
export type BudgetLine = BudgetFacts & { readonly account: string; readonly budget: string };

export type AppOptions = {
  readonly log: RootLog;
  readonly clock?: Clock;
  /** @defaultValue those found in connectors/ */
  readonly connectors?: ReadonlyMap<string, Connector>;
  /** Told about pages and ends of runs. */
  readonly onProgress?: (run: RunRow, stream: RunStream, event: RunEvent) => void;
  /** Told each token that comes into use, so that outputs can be scrubbed of it. */
  readonly onSecret?: (value: string) => void;
};

export const stateDir = (config: Pick<Config, 'dir'>): string => join(config.dir, '.tributary');

/** Opens the store, brings it to this program's schema and the configuration into it. @throws ERR_CONFIG_INVALID, ERR_STORE_… */
export async function openApp(config: Config, options: AppOptions): Promise<App> {
  const connectors = options.connectors ?? (await foundConnectors(options.log));
  const settings = checkConnections(config, connectors);
  const store = await openStore(config);
  try {
    await migrate(store);
    return await compose(config, options, store, connectors, settings);
  } catch (thrown) {
    await store.close();
    throw thrown;
  }
}

/** Of the engines and their clients only what is used is loaded: the rest takes longer to load than most commands to run. */
async function openStore(config: Config): Promise<Store> {
  if (config.databaseUrl)
    return (await import('./store/postgres.ts')).openPostgres(config.databaseUrl, { connections: CONNECTIONS });
  return (await import('./store/pglite.ts')).openPglite(join(stateDir(config), 'store'));
}

async function foundConnectors(log: RootLog): Promise<ReadonlyMap<string, Connector>> {
  const { connectors, problems } = await findConnectors();
  for (const problem of problems) log.warn({ connector: problem.folder }, problem.message);
  return connectors;
}

/** Every connection's settings as its connector's schema gives them back; all problems at once. */
export function checkConnections(
  config: Config,
  connectors: ReadonlyMap<string, Connector>,
): ReadonlyMap<string, unknown> {
  const settings = new Map<string, unknown>();
  const problems: Parameters<typeof problemLine>[0][] = [];
  for (const connection of config.connections) {
    const connector = connectors.get(connection.connector);
    if (!connector) {
      const place = config.positions[`/connections/${connection.name}/connector`]?.value ?? { line: 0, column: 0 };
      problems.push({
        file: config.file ?? 'sandbox',
        ...place,
        severity: 'error',
        code: 'unknown-connector',
        message: `There is no connector ${connection.connector}.`,
        remedy: `Use one of ${[...connectors.keys()].join(', ')}.`,
      });
      continue;
    }
    const checked = checkSettings(connector, connection, config);
    problems.push(...checked.problems);
    settings.set(connection.name, checked.settings);
  }
  if (problems.length > 0) throw configError(problems);
  return settings;
}

async function compose(
  config: Config,
  options: AppOptions,
  store: Store,
  connectors: ReadonlyMap<string, Connector>,
  settings: ReadonlyMap<string, unknown>,
): Promise<App> {
  const clock = options.clock ?? systemClock;
  const { log } = options;
  const mask = (connection: ConnectionConfig) => {
    const connector = connectors.get(connection.connector);
    return connector ? maskSecrets(connector.config, connection.settings) : {};
  };
  const streams = await settleStreams(store, config, connectors, clock, mask);
  const leads = await settlePlatform(
    { store, clock },
    streams.tenant,
    'leads',
    findMapping('platform-leads', [SHIPPED_MAPPINGS]),
  );
  const mappingFolders = [...new Set([config.mappingsDir, SHIPPED_MAPPINGS])];
  const platform = new Set(
    (
      await store.rows<{ id: number }>(
        sql`select s.id from stream s join connection c on c.id = s.connection_id where c.name = ${PLATFORM}`,
      )
    ).map((row) => row.id),
  );
  const streamOf = (id: number): RunStream => {
    const stream = streams.byId(id);
    if (stream) return stream;
    throw new TributaryError('ERR_NOT_FOUND', `Stream ${id} is no longer configured.`, {
      remedy: 'Bring its connection back into tributary.yaml.',
    });
  };
  const readerOf = await streamReaders(store, streams, connectors);
  const scratch = await openScratch(config);

  const life = new AbortController();
  const governors = new Map<string, Governor>();
  const redis = config.redisUrl ? (await import('./queue/budgets.ts')).redisBudgets(config.redisUrl) : null;
  const rows = storeBudgets(store);
  // The embedded store has one process: what it knows is all there is, and a call need not wait for a transaction.
  const remembered = store.engine === 'pglite' && !redis ? rememberedBudgets(rows, { clock, log }) : null;
  const budgets: BudgetStore = redis ?? remembered ?? rows;
  const processName = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  const accountOf = ({ name, connector }: ConnectionConfig): string => {
    const account = connectors.get(connector)?.account?.(settings.get(name));
    return account === undefined ? `${connector}:${config.tenant}/${name}` : `${connector}:${account}`;
  };
  /** Connections of one vendor account share a budget, in all processes. */
  const governorOf = (connection: ConnectionConfig): Governor => {
    const known = governors.get(connection.name);
    if (known) return known;
    const made = makeGovernor(
      connectors.get(connection.connector)?.budgets?.(settings.get(connection.name)) ?? [],
      clock,
      life.signal,
      { store: budgets, account: accountOf(connection), owner: `${processName}/${config.tenant}/${connection.name}` },
    );
    governors.set(connection.name, made);
    return made;
  };

  const vault = openVault(config, stateDir(config), log);
  const connectionIds = new Map(
    (
      await store.rows<{ id: number; name: string }>(
        sql`select id, name from connection where tenant = ${streams.tenant} and removed_at is null`,
      )
    ).map((row) => [row.name, row.id]),
  );
  const secrets = new Map<string, Set<string>>();
  /** Those of its settings, and the tokens that came into use since. */
  const secretsIn = (connection: ConnectionConfig): Set<string> => {
    const known = secrets.get(connection.name) ?? new Set(secretsOfConnection(connection, connectors));
    secrets.set(connection.name, known);
    return known;
  };
  const tokens = new Map<string, Tokens>();
  const tokensFor = (connection: ConnectionConfig): Tokens => {
    const connector = connectors.get(connection.connector);
    const made =
      tokens.get(connection.name) ??
      tokensOf({
        store,
        clock,
        vault,
        tenant: streams.tenant,
        connection: { id: connectionIds.get(connection.name) ?? 0, name: connection.name },
        issue: async (refreshToken, signal) =>
          (await connector?.issueToken?.(settings.get(connection.name), { refreshToken, clock, signal })) ?? null,
        signal: life.signal,
        onSecret: (value) => {
          secretsIn(connection).add(value);
          options.onSecret?.(value);
        },
      });
    tokens.set(connection.name, made);
    return made;
  };

  const logins = makeLogins({
    store,
    clock,
    vault,
    tenant: streams.tenant,
    signal: life.signal,
    connections: config.connections.flatMap((connection) => {
      const connector = connectors.get(connection.connector);
      const id = connectionIds.get(connection.name);
      if (!connector || id === undefined) return [];
      const keep = (issued: IssuedToken) => tokensFor(connection).keep(issued);
      return [{ id, name: connection.name, connector, settings: settings.get(connection.name), keep }];
    }),
  });

  const contextOf = (connection: ConnectionConfig, signal: AbortSignal): ConnectionContext => ({
    tenant: config.tenant,
    connection: connection.name,
    clock,
    log: log.child({ connection: connection.name }),
    signal,
    permit: (cost, trafficClass, budget, over) =>
      governorOf(connection).permit(cost, trafficClass, budget, over, signal),
    observeLimits: (observation) => governorOf(connection).observeLimits(observation),
    token: (rejected) => abortable(signal, tokensFor(connection).token(rejected)),
    scratchDir: join(scratch, connection.name),
    baseDir: config.dir,
    allowedRoots: config.allowedRoots,
  });
  const openSource: App['openSource'] = async (name, signal) => {
    const connection = config.connections.find((one) => one.name === name);
    const connector = connection && connectors.get(connection.connector);
    if (!connection || !connector)
      throw new TributaryError(
        'ERR_NOT_FOUND',
        `There is no connection ${name}; there is: ${config.connections.map((one) => one.name).join(', ') || 'none'}.`,
      );
    await mkdir(join(scratch, name), { recursive: true });
    const source = await connector.open(settings.get(name), contextOf(connection, signal));
    return hushed(source, () => [...secretsIn(connection)]);
  };

  const { written, writing, entityOf, push } = publishing({ store, clock, log }, streams, mappingFolders);
  const load: RunDeps['load'] = {
    store,
    clock,
    mappingSet: mappingSets(store, readerOf),
    written,
    isPlatform: (id) => platform.has(id),
  };
  const runs: RunDeps = {
    store,
    clock,
    log,
    load,
    push: push(load, openSource),
    leaseMs: config.leaseMs,
    sliceMs: config.sliceMs,
    pageSize: config.pageSize,
    brake: config.deleteBrake,
    stream: async (id) => streamOf(id),
    currentSet: (stream) => currentSet(store, clock, log, config, stream, mappingFolders),
    open: async (stream, signal) => {
      const source = await openSource(stream.connection, signal);
      const declaration = source.streams().find((one) => one.name === stream.name);
      if (declaration)
        return {
          source: withCurrency(source, config.currency),
          declaration,
          scratchDir: join(scratch, stream.connection),
        };
      await source.close();
      throw new TributaryError(
        'ERR_CONFIG_INVALID',
        `Connector ${stream.connector.name} has no stream ${stream.name}.`,
      );
    },
    onProgress: options.onProgress ?? (() => undefined),
  };
  const close = async () => {
    life.abort();
    redis?.close();
    await remembered?.close();
    await rm(scratch, { recursive: true, force: true });
    await store.close();
  };
  return {
    config,
    store,
    clock,
    log,
    connectors,
    streams,
    runs,
    writing,
    entityOf,
    mappingFolders,
    leads,
    connections: config.connections.map(({ name }) => ({ name, id: connectionIds.get(name) ?? 0 })),
    budgets: () => listBudgets(budgets, clock, config.connections.map(accountOf)),
    logins,
    openSource,
    contextOf,
    settingsOf: (connection) => settings.get(connection.name),
    decodeOf: (streamId) => readerOf(streamId).decode,
    close,
  };
}

async function listBudgets(store: BudgetStore, clock: Clock, accounts: readonly string[]): Promise<BudgetLine[]> {
  const states = await store.all();
  return [...states].flatMap(([key, state]) => {
    const at = key.lastIndexOf('/');
    const account = key.slice(0, at);
    const facts = factsOf(stateFrom(state), clock.now().getTime());
    return accounts.includes(account) ? [{ account, budget: key.slice(at + 1), ...facts }] : [];
  });
}

/** A folder for spill files of this process; other processes on the same folder keep theirs, those of dead ones go. */
async function openScratch(config: Config): Promise<string> {
  const all = join(stateDir(config), 'scratch');
  for (const name of await readdir(all).catch(() => [])) {
    if (Number(name) === process.pid || !isAlive(Number(name)))
      await rm(join(all, name), { recursive: true, force: true });
  }
  return join(all, String(process.pid));
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

/** The queue on the backend the configuration asks for. Each tenant has its own: only its programs know its streams. */
export async function openAppQueue(app: App): Promise<WakeQueue> {
  const { config, store } = app;
  const backend = config.redisUrl
    ? ({ kind: 'redis', url: config.redisUrl } as const)
    : store.pglite
      ? ({ kind: 'pglite', pglite: store.pglite } as const)
      : ({ kind: 'postgres', url: config.databaseUrl ?? '' } as const);
  const { openQueue } = await import('./queue/queue.ts');
  return openQueue(backend, { log: app.log, clock: app.clock, prefix: `tributary-${config.tenant}` });
}

/** Secrets of the configuration, to be hidden wherever they turn up. */
export async function secretsOf(config: Config): Promise<readonly string[]> {
  const { connectors } = await findConnectors();
  return config.connections.flatMap((connection) => secretsOfConnection(connection, connectors));
}

function secretsOfConnection(
  connection: ConnectionConfig,
  connectors: ReadonlyMap<string, Connector>,
): readonly string[] {
  const connector = connectors.get(connection.connector);
  return connector ? secretValues(connector.config, connection.settings) : [];
}

/** Pages know the currency of prices that name none (`@currency` in mappings), unless the source says it itself. */
function withCurrency(source: Source, currency: string): Source {
  return {
    ...source,
    async *read(request) {
      for await (const page of source.read(request)) yield { ...page, context: { currency, ...page.context } };
    },
    async readIds(stream, ids) {
      const page = await source.readIds(stream, ids);
      return { ...page, context: { currency, ...page.context } };
    },
  };
}
