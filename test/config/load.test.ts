// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration has references of that form
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig, loadConfig, sandboxConfig } from '../../src/config/load.ts';
import { TributaryError } from '../../src/errors.ts';
import { PLATFORM } from '../../src/run/streams.ts';

describe('loadConfig', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tributary-config-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const write = (text: string) => writeFile(join(dir, 'tributary.yaml'), text);
  /** Problems as `line:column code path`, without the file. */
  const problems = (env: Record<string, string> = {}) =>
    checkConfig({ dir, env }).problems.map(
      (one) => `${one.line}:${one.column} ${one.code} ${one.message} ${one.remedy}`,
    );

  it('reads a small file and fills in the rest', async () => {
    await write(`tenant: acme
connections:
  feeds:
    connector: feed
    path: ./feeds
    streams:
      inventory: { files: "inventory-*.csv", kind: delta, mapping: inventory-csv, every: real_time }
  shop: { connector: shopify, direction: both, clock_skew: 2s, streams: [products] }
alerts: [{ email: ops@example.com }]
`);
    const { positions, ...config } = loadConfig({ dir, env: { PORT: '9000', DATABASE_URL: 'postgres://db/x' } });
    expect(positions['/connections/feeds/path']).toEqual({
      key: { line: 5, column: 5 },
      value: { line: 5, column: 11 },
      fromEnv: false,
    });
    expect(config).toEqual({
      dir,
      file: join(dir, 'tributary.yaml'),
      tenant: 'acme',
      databaseUrl: 'postgres://db/x',
      redisUrl: null,
      host: '127.0.0.1',
      port: 9000,
      publicUrl: null,
      secretKey: null,
      currency: 'EUR',
      mappingsDir: join(dir, 'mappings'),
      connections: [
        {
          name: 'feeds',
          connector: 'feed',
          direction: 'in',
          conflictResolution: 'last_write_wins',
          stockAuthority: true,
          clockSkewMs: 0,
          settings: { path: './feeds' },
          writes: [],
          streams: [
            {
              name: 'inventory',
              mappings: ['inventory-csv'],
              every: 'real_time',
              timezone: 'UTC',
              settings: { files: 'inventory-*.csv', kind: 'delta' },
            },
          ],
        },
        {
          name: 'shop',
          connector: 'shopify',
          direction: 'both',
          conflictResolution: 'last_write_wins',
          stockAuthority: false,
          clockSkewMs: 2000,
          settings: {},
          writes: [],
          streams: [{ name: 'products', mappings: ['shopify-products'], every: '15m', timezone: 'UTC', settings: {} }],
        },
      ],
      deleteBrake: { share: 0.3, count: 50 },
      pageSize: 5000,
      sliceMs: 30_000,
      leaseMs: 60_000,
      retention: { rawDays: 90, outboxDays: 7, runDays: 90 },
      alerts: [{ kind: 'email', to: 'ops@example.com' }],
      smtpUrl: null,
      allowedRoots: [dir],
      lowStock: 10,
      reservationMs: 900_000,
      requestsPerMinute: 2000,
    });
  });

  it('is frozen all through', async () => {
    await write('connections: { feeds: { connector: feed, streams: { a: { files: x } } } }\n');
    const { connections } = loadConfig({ dir, env: {} });
    expect(Object.isFrozen(connections[0]?.streams[0]?.settings)).toBe(true);
  });

  it('tells every problem at once, each with its place and what to do', async () => {
    await write(`prot: 99
delete_brake: { share: 3, cuont: 3 }
connections:
  feeds:
    connector: feed
    direction: inn
    sftp: { host: "\${SFTP_HOST}" }
    streams:
      a: { every: 7m7, timezone: Mars/X }
      b:
        every: "61 * * * *"
  shop: {}
  ${PLATFORM}: { connector: feed }
alerts:
  - email: nobody
    slack: https://hooks.example.com/x
`);
    expect(problems({ PORT: 'http' })).toEqual([
      '1:1 unknown `prot` is no known setting. Did you mean `port`?',
      '2:24 value `delete_brake.share` must be at most 1. It means: share of a stream.',
      '2:27 unknown `delete_brake.cuont` is no known setting. Did you mean `count`?',
      '6:16 value `connections.feeds.direction` must be one of in, out, both. Did you mean `in`?',
      '7:19 env-missing The environment variable SFTP_HOST is not set. Set SFTP_HOST in the environment or in the file .env beside tributary.yaml.',
      expect.stringMatching(/^9:19 value `connections\.feeds\.streams\.a\.every` must be real_time, 30s, 15m/),
      expect.stringMatching(/^9:34 value `connections\.feeds\.streams\.a\.timezone` must be an IANA time zone/),
      expect.stringMatching(/^11:16 value `connections\.feeds\.streams\.b\.every` must be real_time/),
      '12:3 missing `connections.shop.connector` is missing. Add it: name of a folder in connectors/.',
      '13:13 value `connections.platform` is the name of what comes through our own API; choose another. Correct the value.',
      '15:5 value `alerts.0` must have exactly one of webhook, slack, email. Correct the value.',
      '15:12 value `alerts.0.email` must be an e-mail address. Correct the value.',
      '0:0 environment PORT must be a whole number from 0 to 65535. Correct or unset PORT.',
    ]);
  });

  it('throws one error that names them all', async () => {
    await write('prot: 1\ntenent: x\n');
    const thrown = (() => {
      try {
        return loadConfig({ dir, env: {} });
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(TributaryError);
    const file = join(dir, 'tributary.yaml');
    expect(thrown).toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: `The configuration has 2 problems:\n${file}:1:1: \`prot\` is no known setting. Did you mean \`port\`?\n${file}:2:1: \`tenent\` is no known setting. Did you mean \`tenant\`?`,
    });
  });

  it('takes references from .env and the environment, which wins', async () => {
    await writeFile(join(dir, '.env'), 'HOST_NAME=from-file\nPASS="p#\'s"\nPORT=1234\n');
    await write(
      'connections:\n  a: { connector: feed, sftp: { host: "${HOST_NAME}", port: "${NO_PORT:-22}", password: "${PASS}", note: "$${HOST_NAME}" } }\n',
    );
    const config = loadConfig({ dir, env: { HOST_NAME: 'from-env' } });
    expect(config.port).toBe(1234);
    expect(config.connections[0]?.settings).toEqual({
      sftp: { host: 'from-env', port: '22', password: "p#'s", note: '${HOST_NAME}' },
    });
  });

  it('never shows a value that came from the environment or from a broken line', async () => {
    await write(
      'port: "${PASS}"\ntenant: "${PASS}"\nalerts: [{ email: "${PASS}" }]\nsmtp_url: "${PASS}"\nconnections: { a: { connector: x, direction: "${PASS}" } }\n',
    );
    expect(problems({ PASS: 's3cret!' })).toHaveLength(5);
    expect(problems({ PASS: 's3cret!', DATABASE_URL: 's3cret!' }).join()).not.toContain('s3cret');
    await write('connections:\n  a: { connector: x, password: "s3cret" "s3cret" }\n');
    expect(problems()).toHaveLength(1);
    expect(problems().join()).not.toContain('s3cret');
  });

  it('refuses more alerts than can be kept apart', async () => {
    const ways = Array.from({ length: 16 }, (_, at) => `  - email: a${at}@example.com\n`);
    await write(`alerts:\n${ways.join('')}`);
    expect(problems()).toEqual([expect.stringMatching(/^2:3 value `alerts` must not be longer than 15/)]);
    await write(`alerts:\n${ways.slice(1).join('')}`);
    expect(problems()).toEqual([]);
  });

  it('explains an unquoted cron expression and a repeated key', async () => {
    await write('tenant: a\ntenant: b\nconnections: { a: { connector: feed, streams: { s: { every: * } } } }\n');
    expect(problems().map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(['2:1 yaml', '3:61 alias']);
  });

  it('reads ${} numbers as numbers where a number is wanted', async () => {
    await write('port: "${HTTP_PORT}"\npage_size: "12"\n');
    expect(problems({ HTTP_PORT: '81' })).toEqual([
      expect.stringMatching(/^2:12 type `page_size` must be a number, not text/),
    ]);
    await write('port: "${HTTP_PORT}"\n');
    expect(loadConfig({ dir, env: { HTTP_PORT: '81' } }).port).toBe(81);
  });

  it('gives the sandbox without a file, and refuses a named file that is not there', () => {
    expect(loadConfig({ dir, env: { PORT: '0' } })).toEqual(sandboxConfig(dir, { PORT: '0' }));
    expect(sandboxConfig(dir).connections[0]?.streams.map((stream) => [stream.name, stream.mappings[0]])).toEqual([
      ['products', 'products-flat-csv'],
      ['inventory', 'inventory-csv'],
      ['shopify', 'shopify-products-csv'],
      ['woocommerce', 'woocommerce-products-csv'],
    ]);
    expect(() => loadConfig({ dir, env: {}, file: 'other.yaml' })).toThrow('There is no such file');
  });

  it('follows TRIBUTARY_DIR', async () => {
    await write('tenant: there\n');
    expect(loadConfig({ dir: '/nowhere', env: { TRIBUTARY_DIR: dir } }).tenant).toBe('there');
  });

  it('accepts the example as it stands, and with every comment taken off', async () => {
    const example = resolve(import.meta.dirname, '../../tributary.example.yaml');
    await cp(example, join(dir, 'tributary.yaml'));
    expect(problems()).toEqual([]);
    const env = {
      PGPASSWORD: 'p',
      WAREHOUSE_PASSWORD: 'p',
      WOO_KEY: 'k',
      WOO_SECRET: 's',
      SMTP_PASSWORD: 'p',
      SLACK_WEBHOOK: 'https://hooks.example.com/x',
    };
    const text = await readFile(example, 'utf8');
    await write(text.replace(/^( *)# (?=\w+:| {2})/gm, '$1'));
    expect(problems(env)).toEqual([]);
    expect(loadConfig({ dir, env }).connections.map((one) => one.name)).toEqual(['feeds', 'warehouse', 'shop']);
  });

  it.each([
    '[',
    '- a',
    'plain text',
    '{ a: [b }',
    '\t\tx: 1',
    'a: &x { b: *x }',
    '? { a: b } : c',
    '__proto__: { a: 1 }',
    'connections: { __proto__: {} }',
    '%YAML 9.9',
  ])('survives %j', async (text) => {
    await write(text);
    expect(checkConfig({ dir, env: {} })).toMatchObject({ config: null });
    expect(problems().length).toBeGreaterThan(0);
  });
});
