/**
 * The echo soak: leads, customers, campaigns and orders that change in CRMs, in shops and here, stock that changes in two shops and here, through the real program and
 * the vendor systems of the sandbox. After each round nothing may be left to be said, and all sides agree as the policy wants it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { createRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { isFinal, type RunState } from '../../src/run/states.ts';
import { openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import { randomOf } from '../../src/sandbox/random.ts';
import { openSalesforce } from '../../src/sandbox/salesforce/index.ts';
import { openShopify } from '../../src/sandbox/shopify/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { openWooCommerce } from '../../src/sandbox/woocommerce/index.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { sql } from '../../src/store/store.ts';
import type { Ground, Subject, Systems } from './echo-ground.ts';
import { openStock, stockMappings } from './echo-stock.ts';
import { beginTexts, TEXT_MAPPINGS } from './echo-texts.ts';
import { soakClock } from './hostile-clock.ts';

export const ECHO_SAFETIES = ['echo-guard'] as const;
export type EchoSafety = (typeof ECHO_SAFETIES)[number];

export type EchoReport = {
  readonly changes: number;
  readonly writes: number;
  readonly echoes: number;
  readonly lost: number;
  readonly unbalanced: number;
  readonly isClean: boolean;
  readonly seconds: number;
  readonly line: string;
};

type Asked = { readonly changes: number; readonly seed: number; readonly without: EchoSafety | null };
type Say = (line: string) => void;
type Stream = App['streams']['all'][number];

const MINUTE_MS = 60_000;
const PER_ROUND = 500;
const MOST_SLICES = 200;
const EXAMPLES = 5;

export async function echoSoak(asked: Asked, say: Say): Promise<EchoReport> {
  const started = performance.now();
  const clock = soakClock(new Date('2026-11-21T12:00:00Z'));
  const dir = await mkdtemp(join(tmpdir(), 'tributary-echo-'));
  const world = makeWorld();
  const simple = world.products.flatMap(({ variants }) =>
    variants.length === 1 ? variants.map(({ sku }) => sku) : [],
  );
  const options = { world, clock, speed: 1000 };
  const systems: Systems = {
    salesforce: await openSalesforce(options),
    hubspot: await openHubSpot(options),
    // A stream has one mapping that writes into it: contacts are leads in one account, and customers in another.
    'hubspot-customers': await openHubSpot(options),
    shopify: await openShopify(options),
    woocommerce: await openWooCommerce(options),
  };
  try {
    await writeProject(dir, systems, { ...TEXT_MAPPINGS, ...stockMappings(simple) });
    const app = await openApp(loadConfig({ dir, env: {} }), { log: silentLog, clock });
    try {
      if (asked.without === 'echo-guard') Object.assign(app.runs.load, { written: NOBODY_KNOWS });
      await app.store.rows(sql`update connection set writes_approved_at = now() where tenant = ${app.streams.tenant}`);
      const ground: Ground = {
        app,
        clock,
        systems,
        random: randomOf(asked.seed),
        mappings: join(dir, 'mappings'),
        reads: new Map(),
      };
      const found = await live(ground, simple, asked.changes, say);
      const seconds = Math.round((performance.now() - started) / 1000);
      const { echoes, lost, unbalanced } = found;
      const line = `${asked.changes} changes, ${echoes} echoes, ${lost} lost updates, ${unbalanced} unbalanced runs`;
      return { changes: asked.changes, ...found, isClean: echoes + lost + unbalanced === 0, seconds, line };
    } finally {
      await app.close();
    }
  } finally {
    await Promise.all(Object.values(systems).map((system) => system.close()));
    await rm(dir, { recursive: true, force: true });
  }
}

const NOBODY_KNOWS = { has: () => false, entitiesOf: async () => new Map(), echoesIn: async () => new Map() };

async function writeProject(dir: string, systems: Systems, mappings: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(dir, 'mappings'));
  for (const [name, text] of Object.entries(mappings)) await writeFile(join(dir, 'mappings', `${name}.yaml`), text);
  const every = 'manual';
  const read = (name: string) => ({ mapping: `soak-${name}`, every, reconcile: every });
  const write = (name: string) => ({ mapping: `soak-to-${name}`, every });
  const both = ({ settings }: VendorSystem) => ({ ...settings, direction: 'both' });
  const config = {
    ...{ tenant: 'soak', port: 0, lease: '3h', slice: '1d', delete_brake: { share: 1, count: 1e6 } },
    connections: {
      salesforce: {
        ...both(systems.salesforce),
        streams: {
          leads: read('salesforce-leads'),
          contacts: read('salesforce-contacts'),
          campaigns: read('salesforce-campaigns'),
        },
        writes: {
          leads: write('salesforce-leads'),
          contacts: write('salesforce-contacts'),
          campaigns: write('salesforce-campaigns'),
        },
      },
      hubspot: {
        ...both(systems.hubspot),
        streams: { contacts: read('hubspot-leads'), campaigns: read('hubspot-campaigns') },
        writes: { contacts: write('hubspot-leads'), campaigns: write('hubspot-campaigns') },
      },
      'hubspot-customers': {
        ...both(systems['hubspot-customers']),
        streams: { contacts: read('hubspot-customers') },
        writes: { contacts: write('hubspot-customers') },
      },
      shopify: {
        ...{ ...both(systems.shopify), stock_authority: true },
        streams: {
          locations: read('locations'),
          inventory: read('inventory'),
          marketing_events: read('shopify-campaigns'),
          orders: read('shopify-orders'),
        },
        writes: {
          inventory: write('inventory'),
          marketing_events: write('shopify-campaigns'),
          orders: write('shopify-orders'),
        },
      },
      woocommerce: {
        ...{ ...both(systems.woocommerce), stock_authority: true },
        streams: { products: read('products'), variations: read('variations'), orders: read('woocommerce-orders') },
        writes: { products: write('products'), variations: write('variations'), orders: write('woocommerce-orders') },
      },
    },
  };
  await writeFile(join(dir, 'tributary.yaml'), JSON.stringify(config));
}

type Found = { readonly writes: number; readonly echoes: number; readonly lost: number; readonly unbalanced: number };

async function live(ground: Ground, simple: readonly string[], changes: number, say: Say): Promise<Found> {
  const { app, clock, random } = ground;
  const started = performance.now();
  const read = (names: readonly string[]) =>
    pass(
      ground,
      app.streams.all.filter(({ connection, name }) => names.includes(`${connection}/${name}`)),
    );
  const openTexts = await beginTexts(ground, simple[0] ?? '');
  const stock = await openStock(ground, simple, { read, settle: () => settle(ground) });
  const { lead, customer, campaign, order } = await openTexts();
  const subjects: readonly [Subject, ...Subject[]] = [lead, customer, campaign, order, stock];
  let [echoes, lost, done] = [0, 0, 0];
  while (done < changes) {
    const until = Math.min(done + PER_ROUND, changes);
    while (done < until) {
      done += 1;
      await random.pick(subjects).change(done);
      await clock.advance(random.whole(1, 3000));
      // Some sides may be read and told in the middle of it all.
      if (random.next() < 0.02) await pass(ground, random.shuffle(app.streams.all).slice(random.whole(0, 14)));
    }
    await settle(ground);
    for (const subject of subjects)
      for (const problem of await subject.problems()) {
        lost += 1;
        if (lost <= EXAMPLES) say(problem);
      }
    const before = await spoken(app);
    await readAndTell(ground);
    const after = await spoken(app);
    echoes += after.writes - before.writes + (after.events - before.events);
    const seconds = Math.round((performance.now() - started) / 1000);
    say(`${done} changes: ${after.writes} writes, ${echoes} echoes, ${lost} lost updates; ${seconds} s`);
  }
  const [row] = await app.store.rows<{ unbalanced: number }>(
    sql`select count(*) as unbalanced from run where read <> created + updated + unchanged + skipped + dead_lettered or state not in ('succeeded')`,
  );
  return { writes: (await spoken(app)).writes, echoes, lost, unbalanced: row?.unbalanced ?? 0 };
}

/** Until every side has seen what the others said. */
async function settle(ground: Ground): Promise<void> {
  for (let round = 0; round < 2; round += 1) await readAndTell(ground);
}

/** Everything is read, and then told. */
async function readAndTell(ground: Ground): Promise<void> {
  await ground.clock.advance(10 * MINUTE_MS);
  const { all } = ground.app.streams;
  await pass(
    ground,
    all.filter((stream) => stream.writes === null),
  );
  await pass(
    ground,
    all.filter((stream) => stream.writes !== null),
  );
}

async function pass({ app, clock, reads }: Ground, streams: readonly Stream[]): Promise<void> {
  for (const stream of streams) {
    await clock.advance(1);
    const name = `${stream.connection}/${stream.name}`;
    reads.set(name, [...(reads.get(name) ?? []), clock.now().getTime()]);
    const mode = stream.writes ? 'push' : 'incremental';
    const of = { tenant: stream.tenant, streamId: stream.id, mode, trigger: 'schedule', dueAt: clock.now() } as const;
    const run = await createRun(app.store, of);
    for (let slice = 0; run !== null && slice < MOST_SLICES; slice += 1) {
      const result = await runSlice(app.runs, run, new AbortController().signal);
      const [row] = await app.store.rows<{ state: RunState; error: unknown }>(
        sql`select state, error from run where id = ${run}`,
      );
      if (row?.state === 'failed') throw new Error(`${stream.connection}/${stream.name}: ${JSON.stringify(row.error)}`);
      if (row === undefined || isFinal(row.state)) break;
      await clock.advance(Math.max(1, result?.againInMs ?? 1000));
    }
  }
}

/** Writes to vendors, and changes that were told. */
async function spoken(app: App): Promise<{ writes: number; events: number }> {
  const [row] = await app.store.rows<{ writes: number; events: number }>(sql`
    select (select count(*) from write_ledger where sent_at is not null) as writes, (select count(*) from outbox where entity in ('lead', 'customer', 'campaign', 'order', 'stock')) as events`);
  return row ?? { writes: 0, events: 0 };
}
