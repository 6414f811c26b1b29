import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from '../../src/config/load.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

type Service = {
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly (
    | string
    | { readonly source: string; readonly target: string; readonly read_only: boolean }
  )[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly stop_grace_period?: string;
  readonly network_mode?: string;
  readonly privileged?: boolean;
};
type Compose = {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
};

const compose = parse(read('docker-compose.yml')) as Compose;
const services = Object.entries(compose.services);
const app = compose.services['tributary'] ?? {};
const instructions = read('Dockerfile')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'));
const image = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM')));
const imageEnv = parseEnv(
  image.flatMap((line) => (line.startsWith('ENV ') ? line.slice(4).trim().split(/\s+/) : [])).join('\n'),
);

/** What the operator's `.env` gives; what is marked there as required by docker compose. */
const given: Readonly<Record<string, string>> = { POSTGRES_PASSWORD: 'x1y2z3', TRIBUTARY_SECRET_KEY: 'ab'.repeat(32) };

/** `${NAME}`, `${NAME:-otherwise}` and `${NAME:?why}` as docker compose reads them. */
function interpolate(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind?: string, other = '') => {
    const value = env[name];
    if (value) return value;
    if (kind === '?') throw new Error(`required variable ${name}: ${other}`);
    return kind === '-' ? other : '';
  });
}

const containerEnv = (env: Readonly<Record<string, string>>): Record<string, string> => ({
  ...(imageEnv as Record<string, string>),
  ...Object.fromEntries(
    Object.entries(app.environment ?? {}).map(([name, value]) => [name, interpolate(String(value), env)]),
  ),
});

const folders: string[] = [];
/** The container's /data: the example as tributary.yaml. */
function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-deploy-'));
  folders.push(folder);
  writeFileSync(join(folder, 'tributary.yaml'), read('tributary.example.yaml'));
  return folder;
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('docker compose', () => {
  it('gives the program an environment that its configuration accepts', () => {
    const env = containerEnv(given);
    expect(env['TRIBUTARY_DIR']).toBe('/data');
    const { config, problems } = checkConfig({ dir: '/', env: { ...env, TRIBUTARY_DIR: dataFolder() } });
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      databaseUrl: 'postgres://tributary:x1y2z3@postgres:5432/tributary',
      redisUrl: 'redis://redis:6379',
      host: '0.0.0.0',
      port: 8080,
      secretKey: 'ab'.repeat(32),
      tenant: 'acme',
    });
  });

  it('names hosts and accounts that its other services have', () => {
    const env = containerEnv(given);
    const database = new URL(env['DATABASE_URL'] ?? '');
    const postgres = compose.services[database.hostname]?.environment ?? {};
    expect([postgres['POSTGRES_USER'], postgres['POSTGRES_DB']]).toEqual([
      database.username,
      database.pathname.slice(1),
    ]);
    expect(interpolate(String(postgres['POSTGRES_PASSWORD']), given)).toBe(database.password);
    expect(Object.keys(compose.services)).toContain(new URL(env['REDIS_URL'] ?? '').hostname);
  });

  it('refuses to start without a password and a secret key', () => {
    for (const name of Object.keys(given))
      expect(() => containerEnv({ ...given, [name]: '' }), name).toThrow(`required variable ${name}`);
  });

  it('sets no variable that the program does not read', () => {
    const load = read('src/config/load.ts');
    const known = (name: string) => name === 'NODE_ENV' || new RegExp(`\\b${name}\\b`).test(load);
    expect(Object.keys(containerEnv(given)).filter((name) => !known(name))).toEqual([]);
    const example = [...read('.env.example').matchAll(/^#?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name ?? '');
    const yaml = read('tributary.example.yaml');
    expect(example.length).toBeGreaterThan(5);
    // POSTGRES_PASSWORD is for docker compose alone; the others are ${NAME}s of the example.
    expect(
      example.filter((name) => !known(name) && name !== 'POSTGRES_PASSWORD' && !yaml.includes(`\${${name}}`)),
    ).toEqual([]);
  });

  it('publishes the API and nothing else, on a port of the operator’s choice', () => {
    expect(services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]))).toEqual([
      ['tributary', `\${PORT:-8080}:8080`],
    ]);
    expect(interpolate(app.ports?.[0] ?? '', { PORT: '9000' })).toBe('9000:8080');
    for (const [name, service] of services)
      expect([name, service.network_mode, service.privileged]).toEqual([name, undefined, undefined]);
  });

  it('looks after the health of every service and starts them in order', () => {
    for (const [name, service] of services)
      if (service.build === undefined) expect(service.healthcheck?.test, name).toBeDefined();
    expect(image.join('\n')).toMatch(/HEALTHCHECK .*\/healthz/);
    const others = services.filter(([, { build }]) => build === undefined).map(([name]) => name);
    expect(app.depends_on).toEqual(Object.fromEntries(others.map((name) => [name, { condition: 'service_healthy' }])));
  });

  it('keeps data in volumes, where each image writes them', () => {
    const kept = services.flatMap(([name, { volumes = [] }]) =>
      volumes.flatMap((volume) =>
        typeof volume === 'string' && !volume.startsWith('.') ? [[name, ...volume.split(':')]] : [],
      ),
    );
    expect(kept).toEqual([
      ['tributary', 'data', '/data'],
      ['postgres', 'postgres', '/var/lib/postgresql'],
      ['redis', 'redis', '/data'],
    ]);
    expect(Object.keys(compose.volumes).sort()).toEqual(kept.map(([, volume]) => volume).sort());
  });

  it('mounts configuration and mappings where the program looks for them, read-only', () => {
    const folder = dataFolder();
    const { config } = checkConfig({ dir: '/', env: { ...containerEnv(given), TRIBUTARY_DIR: folder } });
    expect(config?.mappingsDir).toBe(join(folder, 'mappings'));
    expect(app.volumes).toContainEqual(
      expect.objectContaining({ source: './tributary.yaml', target: '/data/tributary.yaml', read_only: true }),
    );
    expect(app.volumes).toContain('./mappings:/data/mappings:ro');
  });

  it('lets work in hand end: its grace is longer than a stop takes', () => {
    expect(Number.parseInt(app.stop_grace_period ?? '0', 10)).toBeGreaterThan(10);
  });

  it('runs a Redis that keeps its queue over a restart and refuses instead of forgetting', () => {
    const command = compose.services['redis']?.command?.join(' ') ?? '';
    expect(command).toContain('--appendonly yes');
    expect(command).toContain('--maxmemory-policy noeviction');
  });
});

describe('the image', () => {
  const copied = image.flatMap((line) =>
    line.startsWith('COPY ') && !line.includes('--from') ? line.slice(5).trim().split(/\s+/).slice(0, -1) : [],
  );

  it('holds every folder of the program, and the build is given each', () => {
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied).toEqual(expect.arrayContaining(['package.json', 'bin', 'src', 'connectors', 'mappings', 'drizzle']));
    const sent = read('.dockerignore').split('\n');
    for (const path of copied) expect(sent, path).toContain(`!${path}`);
  });

  it('runs as an ordinary user, with the program itself as the process that gets signals', () => {
    expect(image).toContain('USER node');
    expect(image.at(-1)).toBe('CMD ["node", "src/main.ts", "start"]');
    expect(existsSync(join(root, 'src/main.ts'))).toBe(true);
  });

  it('leaves out what only development needs', () => {
    const install = instructions.find((line) => line.includes('npm ci')) ?? '';
    expect(install).toContain('--omit=dev');
    expect(install).toContain('--ignore-scripts');
    for (const path of ['test', 'bench', 'scripts', 'docs']) expect(copied).not.toContain(path);
  });
});
