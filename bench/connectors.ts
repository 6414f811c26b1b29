/**
 * First syncs out of the vendor systems of the sandbox at the vendors' own speed, beside what the vendors' limits alone would
 * take; and two workers on one budget, alone and beside somebody else who takes half of it. Requests are counted by the systems.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, openApp } from '../src/app.ts';
import { loadConfig } from '../src/config/load.ts';
import { systemClock } from '../src/extract/clock.ts';
import { silentLog } from '../src/observe/log.ts';
import { driveRun } from '../src/run/drive-run.ts';
import { requestRun } from '../src/run/request-run.ts';
import { openHubSpot } from '../src/sandbox/hubspot/index.ts';
import { openSalesforce } from '../src/sandbox/salesforce/index.ts';
import { openShopify } from '../src/sandbox/shopify/index.ts';
import type { SystemOptions, VendorSystem } from '../src/sandbox/system.ts';
import { openWooCommerce } from '../src/sandbox/woocommerce/index.ts';
import { makeWorld, type World } from '../src/sandbox/world.ts';
import { sql } from '../src/store/store.ts';
import { type PostgresServer, startPostgres } from '../test/support/services.ts';

const PRODUCTS = 5000;
const VARIANTS_EACH = 3;
const WOO_PRODUCTS = 1000;
/** Each lead that is made is compared with all others by the org's duplicate rule, so the org stays small. */
const LEADS = 500;
const CONTACTS = 2000;

type Opener = (options: SystemOptions) => Promise<VendorSystem>;
const FIRST_SYNCS: readonly { readonly name: string; readonly open: Opener; readonly stream: string }[] = [
  { name: 'shopify', open: openShopify, stream: 'products' },
  { name: 'woocommerce', open: openWooCommerce, stream: 'products' },
  { name: 'salesforce', open: openSalesforce, stream: 'leads' },
  { name: 'hubspot', open: openHubSpot, stream: 'contacts' },
];

const say = (line: string) => void process.stderr.write(`${line}\n`);

export async function run(): Promise<object> {
  const server = await startPostgres();
  try {
    const figures: Record<string, unknown> = {};
    for (const { name, open, stream } of FIRST_SYNCS) {
      figures[name] = await firstSync(server, open, stream);
      say(`${name}: ${JSON.stringify(figures[name])}`);
    }
    for (const [name, isShared] of [
      ['twoWorkersAlone', false],
      ['twoWorkersBesideAnother', true],
    ] as const) {
      figures[name] = await twoWorkers(server, isShared);
      say(`${name}: ${JSON.stringify(figures[name])}`);
    }
    return figures;
  } finally {
    await server.stop();
  }
}

/** The shop of the sandbox, as large as asked for. */
function bigWorld(products: number, variants: number, people: number): World {
  const world = makeWorld();
  const [product] = world.products;
  const [variant] = product?.variants ?? [];
  const [person] = world.people;
  if (!product || !variant || !person) throw new RangeError('an empty world');
  return {
    ...world,
    products: Array.from({ length: products }, (_, at) => ({
      ...product,
      ...{ sku: `BIG-${at}`, handle: `big-${at}`, name: `Big product ${at}` },
      variants: Array.from({ length: variants }, (_variant, no) => ({
        ...variant,
        ...{
          sku: variants === 1 ? `BIG-${at}` : `BIG-${at}-${no}`,
          gtin: '',
          options: variants === 1 ? {} : { Size: `S${no}` },
        },
      })),
    })),
    people: Array.from({ length: people }, (_, at) => ({ ...person, email: `person.${at}@example.com` })),
    orders: [],
  };
}

const worldFor = (stream: string, system: string): World => {
  if (stream !== 'products') return bigWorld(300, 1, stream === 'leads' ? LEADS : CONTACTS);
  return system === 'shopify' ? bigWorld(PRODUCTS, VARIANTS_EACH, 10) : bigWorld(WOO_PRODUCTS, 1, 10);
};

async function firstSync(server: PostgresServer, open: Opener, stream: string): Promise<object> {
  await using bench = await openBench(server, open, stream, [stream]);
  const { app, system } = bench;
  const started = performance.now();
  await sync(app, stream);
  const seconds = (performance.now() - started) / 1000;
  const [row] = await app.store.rows<{ records: number }>(sql`select count(*)::integer as records from record`);
  const cost = system.requests.reduce((sum, request) => sum + request.cost, 0);
  const [connection] = app.config.connections;
  const connector = connection && app.connectors.get(connection.connector);
  const general = (connection && connector?.budgets?.(app.settingsOf(connection)))?.find(
    ({ name }) => name === 'general',
  );
  return {
    records: row?.records ?? 0,
    seconds: rounded(seconds),
    requests: system.requests.length,
    cost,
    limitSeconds: general ? rounded((cost * general.windowMs) / general.limit / 1000) : null,
    refused: refusedOf(system).length,
  };
}

/** Two workers, each on a stream of its own, in the time of a few windows of HubSpot's limit. */
async function twoWorkers(server: PostgresServer, isShared: boolean): Promise<object> {
  await using bench = await openBench(server, openHubSpot, 'contacts', ['contacts', 'products'], SMALL_PAGES);
  const { app, system, openWorker } = bench;
  const second = await openWorker();
  const life = new AbortController();
  const other = isShared ? takeHalf(system, bench.token, life.signal) : Promise.resolve();
  const started = performance.now();
  try {
    await Promise.all([sync(app, 'contacts'), sync(second, 'products')]);
  } finally {
    life.abort();
    await other;
    await second.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const refused = refusedOf(system).filter(({ path }) => !path.endsWith(OTHERS));
  const apart = refused.slice(1).map(({ at }, before) => (at.getTime() - (refused[before]?.at.getTime() ?? 0)) / 1000);
  return {
    seconds: rounded(seconds),
    requests: system.requests.filter(({ path }) => !path.endsWith(OTHERS)).length,
    others: system.requests.filter(({ path }) => path.endsWith(OTHERS)).length,
    windows: Math.ceil(seconds / WINDOW_SECONDS),
    refused: refused.length,
    /** One in a window at most: no two are nearer than its length. */
    refusedApartSeconds: apart.map(rounded),
  };
}

const WINDOW_SECONDS = 10;
/** So that both need several windows. */
const SMALL_PAGES = 10;
/** What only the other client asks for. */
const OTHERS = '/deals';
/** Half of what HubSpot bears in ten seconds: 95 of 190. */
const PAUSE_MS = 105;

async function takeHalf(system: VendorSystem, token: string, signal: AbortSignal): Promise<void> {
  let due = performance.now();
  while (!signal.aborted) {
    const answer = await fetch(`${system.url}/crm/v3/objects${OTHERS}?limit=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await answer.arrayBuffer();
    due += PAUSE_MS;
    await systemClock.sleep(Math.max(0, due - performance.now()), signal).catch(() => undefined);
  }
}

const refusedOf = (system: VendorSystem) => system.requests.filter(({ status }) => status === 429);

async function sync(app: App, name: string): Promise<void> {
  const stream = app.streams.find('vendor', name);
  const run = await requestRun(app.runs, stream, { mode: 'incremental', trigger: 'command' });
  await driveRun(app.runs, run, new AbortController().signal);
  const [row] = await app.store.rows<{ state: string; error: unknown }>(
    sql`select state, error from run where id = ${run}`,
  );
  if (row?.state !== 'succeeded') throw new Error(`the sync of ${name} ${row?.state}: ${JSON.stringify(row?.error)}`);
}

type Bench = AsyncDisposable & {
  readonly app: App;
  readonly system: VendorSystem;
  readonly token: string;
  /** Another worker on the same store. */
  openWorker(): Promise<App>;
};

async function openBench(
  server: PostgresServer,
  open: Opener,
  world: string,
  streams: readonly string[],
  pageSize = 1000,
): Promise<Bench> {
  const system = await open({ world: worldFor(world, open === openShopify ? 'shopify' : ''), clock: systemClock });
  const database = await server.createDatabase();
  const dir = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
  const settings = Object.fromEntries(streams.map((stream) => [stream, { every: 'manual' }]));
  const config = {
    port: 0,
    slice: '1h',
    page_size: pageSize,
    connections: { vendor: { ...system.settings, streams: settings } },
  };
  await writeFile(join(dir, 'tributary.yaml'), JSON.stringify(config)); // JSON is YAML, too.
  const openWorker = () => openApp(loadConfig({ dir, env: { DATABASE_URL: database.url } }), { log: silentLog });
  const app = await openWorker();
  const auth = system.settings['auth'];
  const token = typeof auth === 'object' && auth !== null && 'accessToken' in auth ? String(auth['accessToken']) : '';
  return {
    ...{ app, system, token, openWorker },
    async [Symbol.asyncDispose]() {
      await app.close();
      await system.close();
      await database.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

const rounded = (seconds: number): number => Math.round(seconds * 10) / 10;
