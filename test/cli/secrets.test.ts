/**
 * Secrets stay secret (invariant 11): generated secrets in every field that any connector's settings mark as secret, tokens
 * that vendors issue and our own keys, beside vendors that send back in their errors all that they were sent. Nothing that
 * the program says or stores holds one of them, nor its base64 or URL-encoded form. `SEED=n` replays one.
 */
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { findConnectors } from '../../connectors/index.ts';
import { buildApi } from '../../src/api/app.ts';
import { openApp, secretsOf } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { secretPaths } from '../../src/config/secrets.ts';
import { leadDesk } from '../../src/lead-desk.ts';
import { createLog } from '../../src/observe/log.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { deadAddress, fakeVendor, type Received, type Reply } from '../connectors/support.ts';
import { seeds } from '../support/seeds.ts';
import { inThisProcess, makePlace } from './support.ts';

type Settings = { readonly [name: string]: unknown };
/** Settings of a connection; `secret` makes a new secret and says at which path of the schema it stands. */
type Setting = {
  readonly connector: string;
  readonly stream: string;
  readonly make: (url: string, secret: (path: string) => string) => Settings;
};

const rotated = (secret: (path: string) => string) => ({
  webhookSecret: secret('webhookSecret'),
  previousWebhookSecret: secret('previousWebhookSecret'),
});
const shopify = (auth: (secret: (path: string) => string) => Settings): Setting => ({
  connector: 'shopify',
  stream: 'products',
  make: (baseUrl, secret) => ({
    ...{ shop: 'example.myshopify.com', baseUrl, auth: auth(secret) },
    previousWebhookSecret: secret('previousWebhookSecret'),
  }),
});
const salesforce = (auth: (secret: (path: string) => string) => Settings): Setting => ({
  connector: 'salesforce',
  stream: 'leads',
  make: (instanceUrl, secret) => ({ instanceUrl, auth: { clientId: 'id', ...auth(secret) } }),
});
const hubspot = (auth: (secret: (path: string) => string) => Settings): Setting => ({
  connector: 'hubspot',
  stream: 'contacts',
  make: (baseUrl, secret) => ({
    ...{ baseUrl, portalId: 7, auth: auth(secret), ...rotated(secret) },
    app: { id: 9, developerApiKey: secret('app.developerApiKey') },
  }),
});
const sftp = (login: (secret: (path: string) => string) => Settings): Setting => ({
  connector: 'feed',
  stream: 'products',
  make: (url, secret) => ({
    sftp: { host: '127.0.0.1', port: Number(new URL(url).port), username: 'shop', timeoutMs: 1000, ...login(secret) },
  }),
});

/** Together they hold every secret there can be; a test holds them to that. */
const SETTINGS: readonly Setting[] = [
  shopify((secret) => ({ kind: 'client_credentials', clientId: 'id', clientSecret: secret('auth.clientSecret') })),
  shopify((secret) => ({
    kind: 'access_token',
    accessToken: secret('auth.accessToken'),
    webhookSecret: secret('auth.webhookSecret'),
  })),
  {
    connector: 'woocommerce',
    stream: 'products',
    make: (url, secret) => ({
      ...{ url, consumerKey: secret('consumerKey'), consumerSecret: secret('consumerSecret') },
      ...rotated(secret),
    }),
  },
  salesforce((secret) => ({ kind: 'client_credentials', clientSecret: secret('auth.clientSecret') })),
  salesforce((secret) => ({ kind: 'jwt', username: 'bot@example.com', privateKey: secret('auth.privateKey') })),
  salesforce((secret) => ({ kind: 'refresh_token', refreshToken: secret('auth.refreshToken') })),
  salesforce((secret) => ({
    ...{ kind: 'password', username: 'bot@example.com' },
    ...{ clientSecret: secret('auth.clientSecret'), password: secret('auth.password') },
  })),
  hubspot((secret) => ({ kind: 'access_token', accessToken: secret('auth.accessToken') })),
  hubspot((secret) => ({
    ...{ kind: 'oauth', clientId: 'id' },
    ...{ clientSecret: secret('auth.clientSecret'), refreshToken: secret('auth.refreshToken') },
  })),
  sftp((secret) => ({ password: secret('sftp.password') })),
  sftp((secret) => ({ privateKey: secret('sftp.privateKey'), passphrase: secret('sftp.passphrase') })),
];

it('the settings here hold every secret that a connector knows', async () => {
  const { connectors } = await findConnectors();
  const declared = [...connectors].flatMap(([name, { config }]) =>
    secretPaths(config).map((path) => `${name} ${path}`),
  );
  const held = SETTINGS.flatMap(({ connector, make }) => {
    const paths: string[] = [];
    make('http://127.0.0.1:1', (path) => {
      paths.push(`${connector} ${path}`);
      return path;
    });
    return paths;
  });
  expect([...new Set(held)].sort()).toEqual([...declared].sort());
});

describe('what the program says and stores', () => {
  it.each(seeds(1))(
    'holds no secret, whatever vendors send back (SEED=%i)',
    async (seed) => {
      const made = new Map<string, string>();
      const secret = makeSecrets(seed, made);
      await using vendor = await fakeVendor((request) => answerOf(request, secret));
      const dead = await deadAddress();
      const connections = Object.fromEntries(
        SETTINGS.map(({ connector, stream, make }, at) => [
          `c${at}`,
          {
            connector,
            ...make(connector === 'feed' ? dead : vendor.url, (path) => secret(`c${at} ${connector} ${path}`)),
            streams: {
              [stream]: {
                ...{ mapping: mappingOf(connector, stream), every: 'manual' },
                ...(connector === 'feed' ? { files: '*.csv' } : {}),
              },
            },
          },
        ]),
      );
      await using place = await makePlace(stringify({ tenant: 'acme', port: 0, connections }));
      const said = new Map<string, string>();
      const own = inThisProcess(place.dir);
      const run = async (...args: string[]) => {
        const { code, out, err } = await own.run(...args);
        said.set(args.join(' '), `${code} ${out} ${err}`);
        return out;
      };
      const key = /mk_\w+_[0-9a-f]{24}/.exec(await run('keys', 'create', 'till', '--scope', 'read:metrics'));
      said.clear(); // A key is shown once.
      made.set('our own key', key?.[0] ?? expect.fail('no key was made'));
      for (const [at, { stream }] of SETTINGS.entries()) {
        await run('connections', 'check', `c${at}`);
        await run('connections', 'sample', `c${at}/${stream}`);
        await run('sync', `c${at}/${stream}`, '--json');
        await run('checkpoints', 'show', `c${at}/${stream}`);
      }
      for (const words of [
        'connections list',
        'runs list',
        'deadletters list',
        'connections budgets',
        'keys list',
        'doctor',
      ])
        for (const more of [[], ['--json']]) await run(...words.split(' '), ...more);
      const runs = [...(said.get('runs list --json') ?? '').matchAll(/run_[0-9a-z]{11}/g)].map(([id]) => id);
      expect(new Set(runs).size).toBe(SETTINGS.length);
      for (const id of new Set(runs)) {
        await run('runs', 'show', id, '--json');
        await run('runs', 'logs', id);
      }
      await run('explain', 'product', 'none');
      await run('export', 'product');
      await own.close();
      await program(place.dir, said);
      expect(made.size).toBeGreaterThan(SETTINGS.length);
      expect(vendor.received.length).toBeGreaterThan(SETTINGS.length);
      const leaked = [...said].flatMap(([what, text]) => leaks(made, text).map((leak) => `${what} shows ${leak}`));
      expect(leaked, `seed ${seed}`).toEqual([]);
    },
    120_000,
  );

  /** The parts of the running program that answer: log, API, metrics; and every column of every table. */
  async function program(dir: string, said: Map<string, string>): Promise<void> {
    const config = loadConfig({ dir, env: {} });
    const secrets = new Set(await secretsOf(config));
    let lines = '';
    const log = createLog({
      ...{ format: 'json', level: 'debug', secrets: () => [...secrets] },
      write: (line) => {
        lines += line;
      },
    });
    const app = await openApp(config, { log, onSecret: (value) => void secrets.add(value) });
    const api = await buildApi({ ...app, tenant: app.streams.tenant, leads: leadDesk(app) });
    for (const { name } of app.connections) {
      const source = await app.openSource(name, new AbortController().signal);
      const [stream] = source.streams();
      await source.check().catch((thrown: unknown) => log.error({ err: thrown }, String(thrown)));
      await source
        .readIds(stream?.name ?? '', ['1'])
        .catch((thrown: unknown) => log.error({ err: thrown }, String(thrown)));
      await source.close();
    }
    for (const url of ['/metrics', '/readyz', '/healthz', '/api/v2/inventory', '/api/v2/inventory/none', '/nowhere']) {
      const answer = await api.inject({ url });
      said.set(url, `${JSON.stringify(answer.headers)} ${answer.body}`);
    }
    said.set('the log', lines);
    for (const [table, text] of await tablesOf(app.store)) said.set(`table ${table}`, text);
    await api.close();
    await app.close();
  }
});

/** New secrets, as different from each other as they are from all else; the same one for the same name. */
function makeSecrets(seed: number, made: Map<string, string>): (name: string) => string {
  const letters = fc.constantFrom(...'abcXYZ0189+/=&?%#:@ "\'\\<>-_.~');
  const tails = fc.sample(fc.string({ unit: letters, minLength: 8, maxLength: 24 }), { seed, numRuns: 200 });
  return (name) => {
    const value = made.get(name) ?? `s${seed}x${made.size}Q${tails[made.size % tails.length]}Q${made.size}z`;
    made.set(name, value);
    return value;
  };
}

/** A vendor that gives tokens, and refuses everything else with all it was sent, in every place a message may stand. */
function answerOf(request: Received, secret: (name: string) => string): Reply {
  if (request.method === 'POST' && /token/.test(request.url) && !/graphql/.test(request.url))
    return {
      body: {
        access_token: secret(`token for ${request.url}`),
        ...{ token_type: 'bearer', expires_in: 3600, scope: 'all', instance_url: `http://${request.headers.host}` },
      },
    };
  const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const echo = `refused: ${JSON.stringify(request.headers)} ${request.url} ${request.body} ${Buffer.from(basic, 'base64').toString()}`;
  return {
    status: 400,
    body: {
      ...{ message: echo, error: echo, error_description: echo, code: echo, category: echo, status: 'error' },
      errors: [{ message: echo, errorCode: echo }],
    },
  };
}

const mappingOf = (connector: string, stream: string): string =>
  connector === 'feed' ? 'products-flat-csv' : `${connector}-${stream}`;

/** Which secrets stand in a text, as they are or in a form that anybody can undo. */
function leaks(made: ReadonlyMap<string, string>, text: string): readonly string[] {
  const pairs = /Basic [\w+/]{8,}/.test(text) ? ['name and password in base64'] : [];
  const single = [...made].flatMap(([name, value]) => {
    const inJson = JSON.stringify(value).slice(1, -1);
    const url = encodeURIComponent(value);
    const forms = {
      plain: value,
      JSON: inJson,
      'JSON in JSON': JSON.stringify(inJson).slice(1, -1),
      base64: Buffer.from(value).toString('base64').replace(/=+$/, ''),
      base64url: Buffer.from(value).toString('base64url'),
      hex: Buffer.from(value).toString('hex'),
      URL: url,
      form: new URLSearchParams({ '': value }).toString().slice(1),
    };
    return Object.entries(forms).flatMap(([form, shape]) => (text.includes(shape) ? [`${name}: ${form}`] : []));
  });
  return [...pairs, ...single];
}

/** Every table's rows as text, bytes as what they say. */
async function tablesOf(store: Store): Promise<ReadonlyMap<string, string>> {
  const names = await store.rows<{ name: string }>(
    sql`select table_name as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'`,
  );
  const texts = new Map<string, string>();
  for (const { name } of names) {
    const rows = await store.rows<Record<string, unknown>>(sql`select * from public.${sql.identifier(name)}`);
    texts.set(
      name,
      JSON.stringify(rows, (_key, value) => (value instanceof Uint8Array ? textOf(value) : value)),
    );
  }
  return texts;
}

function textOf(bytes: Uint8Array): string {
  const plain = Buffer.from(bytes).toString('latin1');
  try {
    return `${plain} ${zstdDecompressSync(bytes).toString('utf8')}`;
  } catch {
    return plain;
  }
}
