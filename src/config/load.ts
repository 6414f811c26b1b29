import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { JsonObject } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import type { FileProblem } from '../mapping/types.ts';
import { type ConfigDocument, type Environment, readDocument } from './document.ts';
import { coerced, outlineOf, problemsOf } from './issues.ts';
import { type SandboxAddresses, sandboxSettings } from './sandbox.ts';
import { CONNECTION_KEYS, type ConnectionSettings, type FileSettings, fileSchema, STREAM_KEYS } from './schema.ts';
import type { Config, ConnectionConfig, StreamConfig, WriteConfig } from './types.ts';

export const CONFIG_FILE = 'tributary.yaml';

export type LoadOptions = {
  /** Folder of the project; `TRIBUTARY_DIR` in the environment wins. */
  readonly dir: string;
  readonly env: Environment;
  /** Another file than `tributary.yaml` in the folder. */
  readonly file?: string;
};

/** What came out of reading the configuration; `config` is `null` when there are problems. */
export type CheckedConfig = { readonly config: Config | null; readonly problems: readonly FileProblem[] };

/**
 * The configuration from tributary.yaml, `.env` and the environment; the sandbox where there is no file.
 * @throws ERR_CONFIG_INVALID naming every problem at once
 */
export function loadConfig(options: LoadOptions): Config {
  const { config, problems } = checkConfig(options);
  if (config === null) throw configError(problems);
  return config;
}

/** Like {@link loadConfig}, but tells the problems instead of throwing them. */
export function checkConfig({ dir, env, file }: LoadOptions): CheckedConfig {
  const folder = resolve(env['TRIBUTARY_DIR'] || dir);
  const path = file === undefined ? join(folder, CONFIG_FILE) : resolve(folder, file);
  const known = { ...environmentFile(folder), ...env };
  const overrides = overridesFrom(known);
  if (!existsSync(path)) {
    if (file !== undefined) return { config: null, problems: [...overrides.problems, missingFile(path)] };
    if (overrides.problems.length > 0) return { config: null, problems: overrides.problems };
    return {
      config: assemble(sandboxSettings(knownSystems(folder)), {
        dir: folder,
        file: null,
        env: known,
        overrides: overrides.values,
        positions: {},
      }),
      problems: [],
    };
  }
  const document = readDocument(path, readFileSync(path, 'utf8'), known);
  const { settings, problems } = checkDocument(path, document);
  const all = [...problems, ...overrides.problems];
  if (settings === null || all.length > 0) return { config: null, problems: all };
  return {
    config: assemble(settings, {
      dir: folder,
      file: path,
      env: known,
      overrides: overrides.values,
      positions: document.positions,
    }),
    problems: [],
  };
}

/**
 * The configuration without any file: one connection `feeds` on a local folder.
 * @param dir folder of the project
 */
export function sandboxConfig(dir: string, env: Environment = {}): Config {
  const { values, problems } = overridesFrom(env);
  if (problems.length > 0) throw configError(problems);
  return assemble(sandboxSettings(), { dir: resolve(dir), file: null, env, overrides: values, positions: {} });
}

/** The sandbox's configuration with the vendor systems as they run now. */
export function withSystems(config: Config, systems: SandboxAddresses): Config {
  const { connections } = assemble(sandboxSettings(systems), { ...config, env: {}, overrides: {}, positions: {} });
  return deepFreeze({ ...config, connections });
}

/**
 * The vendor systems as the last start left them: where they were, and are again while it runs. The folder of the feeds is here
 * without its server, too.
 */
function knownSystems(folder: string): SandboxAddresses {
  try {
    const { systems = {} }: { systems?: SandboxAddresses } = JSON.parse(
      readFileSync(join(folder, '.tributary/sandbox.json'), 'utf8'),
    );
    const { feeds: _served, ...others } = systems;
    return others;
  } catch {
    return {}; // Never started, or half-written by something else: started anew.
  }
}

/** One error that names every problem. */
export function configError(problems: readonly FileProblem[]): TributaryError {
  const lines = problems.map(problemLine);
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
  return new TributaryError('ERR_CONFIG_INVALID', `The configuration has ${count}:\n${lines.join('\n')}`, {
    evidence: { problems: lines },
  });
}

/** `file:line:column: what is wrong. What to do.` */
export function problemLine({ file, line, column, message, remedy }: FileProblem): string {
  return `${line > 0 ? `${file}:${line}:${column}` : file}: ${message} ${remedy}`;
}

function environmentFile(folder: string): NodeJS.Dict<string> {
  const path = join(folder, '.env');
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {};
}

const missingFile = (file: string): FileProblem => ({
  file,
  line: 0,
  column: 0,
  severity: 'error',
  code: 'file-missing',
  message: 'There is no such file.',
  remedy: 'Name another one, or leave --file out to try the sandbox.',
});

const OUTLINE = outlineOf(fileSchema);

function checkDocument(
  file: string,
  document: ConfigDocument,
): { settings: FileSettings | null; problems: FileProblem[] } {
  const origin = { file, base: '', positions: document.positions, outline: OUTLINE };
  const input = coerced(document.value, origin);
  const parsed = fileSchema.safeParse(input);
  const isBroken = document.problems.some((problem) => problem.code === 'yaml');
  // What a broken file seems to lack may only be hidden behind the break.
  const found =
    parsed.success || isBroken
      ? []
      : problemsOf(
          parsed.error.issues.filter((issue) => !document.faulty.has(`/${issue.path.map(String).join('/')}`)),
          input,
          origin,
        );
  const problems = [...document.problems, ...found].sort((a, b) => a.line - b.line || a.column - b.column);
  return { settings: parsed.success ? parsed.data : null, problems };
}

const OVERRIDES = {
  DATABASE_URL: 'database_url',
  REDIS_URL: 'redis_url',
  HOST: 'host',
  PORT: 'port',
  PUBLIC_URL: 'public_url',
} as const;

/** Settings the environment decides, checked like those of the file. */
function overridesFrom(env: Environment): { values: Partial<FileSettings>; problems: FileProblem[] } {
  const values: Record<string, unknown> = {};
  const problems: FileProblem[] = [];
  for (const [variable, key] of Object.entries(OVERRIDES)) {
    const text = env[variable];
    if (text === undefined || text === '') continue;
    const parsed = fileSchema.shape[key].safeParse(key === 'port' && /^\d+$/.test(text) ? Number(text) : text);
    if (parsed.success) values[key] = parsed.data;
    else
      problems.push(
        badVariable(
          variable,
          key === 'port'
            ? 'must be a whole number from 0 to 65535'
            : (parsed.error.issues[0]?.message ?? 'is not valid'),
        ),
      );
  }
  return { values, problems };
}

const badVariable = (variable: string, message: string): FileProblem => ({
  file: 'environment',
  line: 0,
  column: 0,
  severity: 'error',
  code: 'environment',
  message: `${variable} ${message}.`,
  remedy: `Correct or unset ${variable}.`,
});

type Around = {
  readonly dir: string;
  readonly file: string | null;
  readonly env: Environment;
  readonly overrides: Partial<FileSettings>;
  readonly positions: Config['positions'];
};

function assemble(fileSettings: FileSettings, { dir, file, env, overrides, positions }: Around): Config {
  const settings = { ...fileSettings, ...overrides };
  const entries = Object.entries(settings.connections);
  const speaker =
    entries.find(([, connection]) => connection.stock_authority === true)?.[0] ??
    entries.find(([, connection]) => connection.stock_authority === undefined)?.[0];
  return deepFreeze({
    dir,
    file,
    tenant: settings.tenant,
    databaseUrl: settings.database_url ?? null,
    redisUrl: settings.redis_url ?? null,
    host: settings.host,
    port: settings.port,
    publicUrl: settings.public_url?.replace(/\/+$/, '') ?? null,
    secretKey: env['TRIBUTARY_SECRET_KEY'] || null,
    currency: settings.currency,
    mappingsDir: resolve(dir, settings.mappings),
    connections: entries.map(([name, connection]) => connectionOf(name, connection, name === speaker)),
    deleteBrake: settings.delete_brake,
    pageSize: settings.page_size,
    sliceMs: settings.slice,
    leaseMs: settings.lease,
    retention: {
      rawDays: settings.retention.raw_days,
      outboxDays: settings.retention.outbox_days,
      runDays: settings.retention.run_days,
    },
    alerts: settings.alerts.map(alertOf),
    smtpUrl: settings.smtp_url ?? null,
    allowedRoots: [dir, ...settings.allowed_roots.map((root) => resolve(dir, root))],
    lowStock: settings.stock.low,
    reservationMs: settings.stock.reservation,
    requestsPerMinute: settings.api.requests_per_minute,
    positions,
  });
}

function connectionOf(name: string, connection: ConnectionSettings, isSpeaker: boolean): ConnectionConfig {
  return {
    name,
    connector: connection.connector,
    direction: connection.direction,
    conflictResolution: connection.conflict_resolution,
    stockAuthority: connection.stock_authority ?? isSpeaker,
    clockSkewMs: connection.clock_skew,
    settings: without(connection, CONNECTION_KEYS),
    writes:
      connection.direction === 'in'
        ? []
        : Object.entries(connection.writes).map(
            ([to, { conflict, ...settings }]): WriteConfig => ({
              to,
              ...settings,
              conflict: conflict ?? connection.conflict_resolution,
            }),
          ),
    streams: Object.entries(connection.streams).map(
      ([stream, settings]): StreamConfig => ({
        name: stream,
        mappings: settings.mapping ?? [`${connection.connector}-${stream}`],
        every: settings.every,
        reconcile: settings.reconcile,
        sweep: settings.sweep,
        timezone: settings.timezone,
        settings: without(settings, STREAM_KEYS),
      }),
    ),
  };
}

/** What is left for the connector. The file holds nothing but JSON values. */
function without(table: Readonly<Record<string, unknown>>, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(table).filter(([key]) => !keys.includes(key))) as JsonObject;
}

function alertOf({ webhook, slack, email }: FileSettings['alerts'][number]): Config['alerts'][number] {
  if (webhook !== undefined) return { kind: 'webhook', to: webhook };
  return slack !== undefined ? { kind: 'slack', to: slack } : { kind: 'email', to: email ?? '' };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
