import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findConnectors } from '../../connectors/index.ts';
import { maskSecrets, secretPaths, secretValues } from '../../src/config/secrets.ts';
import { type Connector, type StreamDeclaration, z } from '../../src/connector/index.ts';
import { SAMPLES } from './samples.ts';
import { watchedContext } from './support.ts';

const root = join(import.meta.dirname, '../../connectors');
const { connectors, problems } = await findConnectors();

test('every connector folder loads', () => {
  expect(problems).toEqual([]);
  expect([...connectors.keys()]).toEqual(folders());
});

describe.each([...connectors])('connectors/%s', (name, connector) => {
  test('has its files and says where its vendor is documented', () => {
    expect(readdirSync(join(root, name))).toEqual(expect.arrayContaining(['README.md', 'config.ts', 'index.ts']));
    expect(connector.docs).toMatch(/^https:\/\/|^connectors\//);
  });

  test('imports only the contract, the errors, its own files and packages', () => {
    for (const { file, specifiers } of imports(name)) {
      const outside = specifiers.filter((specifier) => specifier.startsWith('../') && !isWithin(name, file, specifier));
      const allowed = ['src/connector/index.ts', 'src/errors.ts'];
      expect(outside.filter((specifier) => !allowed.some((path) => specifier.endsWith(`../${path}`)))).toEqual([]);
    }
  });

  test('keeps its streams apart by name and their names fit for addresses', () => {
    const names = (connector.streams ?? []).map((stream) => stream.name);
    expect(new Set(names).size).toBe(names.length);
    for (const stream of names) expect(stream).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  test.each([...(connector.streams ?? [])].map((stream) => [stream.name, stream] as const))(
    'stream %s holds together',
    (_, stream) => {
      expect(faultsOf(stream, connector.streams ?? [])).toEqual([]);
    },
  );

  test('marks as secret what is called like one', () => {
    const secrets = secretPaths(connector.config);
    expect(allPaths(connector)).toEqual(expect.arrayContaining([...secrets].filter((path) => !path.includes('[]'))));
    expect(allPaths(connector).filter((path) => isSecretName(path) && !secrets.includes(path))).toEqual([]);
  });

  test('has its JSON hashed as JSON where paths are left out of the hash', () => {
    const leavesOut = (connector.streams ?? []).some((stream) => stream.volatilePaths.length > 0);
    expect(!leavesOut || connector.decode === undefined || connector.isRawJson === true).toBe(true);
  });

  test('declares budgets that can be spent', async () => {
    for (const settings of SAMPLES[name] ?? []) {
      const budgets = connector.budgets?.(connector.config.parse(settings)) ?? [];
      expect(budgets.length === 0 || budgets.some((budget) => budget.name === 'general')).toBe(true);
      for (const budget of budgets)
        expect(Math.min(budget.limit, budget.windowMs, budget.concurrency ?? 1)).toBeGreaterThan(0);
    }
  });
});

const sampled = Object.entries(SAMPLES).flatMap(([name, list]) =>
  list.map((settings, place) => [name, place, settings] as const),
);

describe.each(sampled)('settings of %s, sample %d', (name, _, settings) => {
  const connector = connectorNamed(name);

  test('stay the same when they are read again after being kept', () => {
    const once = connector.config.parse(settings);
    expect(connector.config.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });

  test('show no secret when masked, and everything else', () => {
    const secrets = secretValues(connector.config, settings);
    const masked = JSON.stringify(maskSecrets(connector.config, settings));
    expect(secrets.length).toBeGreaterThan(0);
    for (const value of secrets) expect(masked).not.toContain(JSON.stringify(value).slice(1, -1));
    expect(Object.keys(JSON.parse(masked))).toEqual(Object.keys(settings));
  });

  test('refuse a name nobody declared', () => {
    expect(connector.config.safeParse({ ...settings, surprise: 1 }).success).toBe(false);
  });

  test('open a source whose streams hold together, and an ability it lacks says so', async () => {
    const source = await connector.open(connector.config.parse(settings), watchedContext().context);
    try {
      for (const stream of source.streams()) expect(faultsOf(stream, source.streams())).toEqual([]);
      expect(source.write !== undefined && source.find !== undefined).toBe(connector.directions.includes('out'));
    } finally {
      await source.close();
    }
  });
});

function folders(): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('_'))
    .map((entry) => entry.name)
    .sort();
}

function connectorNamed(name: string): Connector {
  const connector = connectors.get(name);
  if (!connector) throw new Error(`there is no connector ${name}`);
  return connector;
}

function faultsOf(stream: StreamDeclaration, all: readonly StreamDeclaration[]): readonly string[] {
  const paths = stream.fields?.map((field) => field.path);
  const isDeclared = (path: string) =>
    !paths || paths.some((known) => known === path || known.startsWith(`${path}.`) || known.startsWith(`${path}[]`));
  const faults: (false | string)[] = [
    stream.about === '' && 'says nothing about itself',
    stream.cursor === 'keyset' && stream.overlapMs <= 0 && 'a keyset without overlap is a bare timestamp',
    stream.cursor === 'keyset' && stream.visibilityLagMs <= 0 && 'a keyset needs an upper bound below now',
    stream.cursor === 'none' && stream.overlapMs !== 0 && 'an overlap needs a cursor to overlap with',
    stream.visibilityLagMs < 0 && 'a lag cannot be negative',
    paths !== undefined && stream.key.length === 0 && 'declared records need a key',
    stream.tombstoneHorizonMs !== undefined &&
      !stream.deletes.includes('absence') &&
      'tombstones that end need absence behind them',
    paths !== undefined && new Set(paths).size !== paths.length && 'declares a field twice',
  ];
  return [
    ...faults.filter((fault) => fault !== false),
    ...stream.key.filter((path) => paths && !paths.includes(path)).map((path) => `key ${path} is no declared field`),
    ...stream.key
      .filter((path) => stream.volatilePaths.includes(path))
      .map((path) => `key ${path} is left out of the hash`),
    ...stream.blindFields.filter((path) => !isDeclared(path)).map((path) => `blind field ${path} is no declared field`),
    ...(paths ?? [])
      .filter((path) => !/^[A-Za-z_][\w$]*(\[\])?(\.[A-Za-z_][\w$]*(\[\])?)*$/.test(path))
      .map((path) => `${path} is no path`),
    ...(stream.childStreams ?? [])
      .filter((name) => !all.some((other) => other.name === name))
      .map((name) => `there is no child stream ${name}`),
  ];
}

function isSecretName(path: string): boolean {
  const last = path.split('.').at(-1) ?? '';
  return /secret|password$|passphrase|privatekey$|token$|^consumerkey|^apikey/i.test(last);
}

function allPaths(connector: Connector): readonly string[] {
  const found = new Set<string>();
  const visit = (node: unknown, path: string): void => {
    if (path !== '') found.add(path);
    for (const [step, child] of steps(node)) visit(child, step === '' || path === '' ? path + step : `${path}.${step}`);
  };
  visit(z.toJSONSchema(connector.config, { io: 'input', unrepresentable: 'any' }), '');
  return [...found];
}

type Step = readonly [step: string, child: unknown];

/** What is below a node of a JSON schema; an empty step leads to another description of the same value. */
function steps(node: unknown): readonly Step[] {
  return entriesOf(node).flatMap(([keyword, value]): readonly Step[] => {
    if (keyword === 'properties') return entriesOf(value);
    if (keyword === 'items') return [['[]', value]];
    if (keyword === 'additionalProperties' && typeof value === 'object') return [['*', value]];
    return Array.isArray(value)
      ? value.filter((branch) => typeof branch === 'object').map((branch): Step => ['', branch])
      : [];
  });
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function imports(folder: string): readonly { readonly file: string; readonly specifiers: readonly string[] }[] {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.map((file) => {
    const text = readFileSync(join(root, folder, file), 'utf8');
    return {
      file,
      specifiers: [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? ''),
    };
  });
}

function isWithin(folder: string, file: string, specifier: string): boolean {
  return join(root, folder, file, '..', specifier).startsWith(`${join(root, folder)}/`);
}
