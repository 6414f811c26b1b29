/** The canonical row does not depend on who comes first. `SEED=n` replays one, `SEEDS=n` runs more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/connector/contract.ts';
import type { Conflict } from '../../src/mapping/types.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import type { Store } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { seeds } from '../support/seeds.ts';
import { postgres, requireService } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';
import { exported } from './exported.ts';
import { MAPPINGS } from './shop-mapping.ts';
import { type Random, random } from './world.ts';

const START = Date.parse('2026-11-20T00:00:00Z');
const CONNECTIONS = ['shop', 'erp', 'feed'];
const POLICIES: readonly Conflict[] = ['last_write_wins', 'source_wins', 'platform_wins'];
type Said = { readonly connection: string; readonly page: ScriptPage };

describe('the fold on PGlite', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  it.each(seeds(2))('gives one row in whatever order connections arrive (SEED=%i)', async (seed) => {
    const all = history(random(seed));
    const orders = {
      'as it happened': all,
      'one after the other': byConnection(all),
      shuffled: shuffled(random(seed + 1), all),
    };
    const rows: Record<string, readonly unknown[]> = {};
    for (const [name, order] of Object.entries(orders)) {
      await using loading = await open(store, `${name} ${seed}`, seed);
      for (const { connection, page } of order) await say(loading, connection, [page]);
      rows[name] = await spokenRows(loading);
    }
    expect(rows['one after the other'], `seed ${seed}`).toEqual(rows['as it happened']);
    expect(rows['shuffled'], `seed ${seed}`).toEqual(rows['as it happened']);
  });
});

describe.runIf(await requireService('postgres', 'fold on PostgreSQL'))('the fold on PostgreSQL', () => {
  let store: Store;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    const database = await postgres();
    drop = database.drop;
    store = await openPostgres(database.url, { connections: 8 });
    await migrate(store);
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  it.each(seeds(2))('gives one row when connections load at the same time (SEED=%i)', async (seed) => {
    const all = history(random(seed), 90);
    await using apart = await open(store, `apart ${seed}`, seed);
    for (const connection of CONNECTIONS) await say(apart, connection, pagesOf(all, connection));
    await using together = await open(store, `together ${seed}`, seed);
    await Promise.all(CONNECTIONS.map((connection) => say(together, connection, pagesOf(all, connection))));
    expect(await spokenRows(together), `seed ${seed}`).toEqual(await spokenRows(apart));
  });
});

const open = (store: Store, tenant: string, seed: number): Promise<Loading> =>
  openLoading(store, {
    tenant,
    connections: CONNECTIONS.map((name, at) => ({
      name,
      streams: [{ name: 'products', mappings: ['products'] }],
      conflict: POLICIES[(seed + at) % POLICIES.length] ?? 'last_write_wins',
    })),
    mappings: MAPPINGS,
    streams: [declared('products')],
  });

async function say(loading: Loading, connection: string, pages: readonly ScriptPage[]): Promise<void> {
  loading.script.say(connection, 'products', pages);
  const run = await loading.run(`${connection}/products`);
  expect([run.state, run.error, run.dead_lettered]).toEqual(['succeeded', null, 0]);
}

/** What three connections say of six products over a day; each keeps its own ids, the SKUs are the same. */
function history(dice: Random, length = 40): Said[] {
  const bodies = new Map<string, JsonObject>();
  return Array.from({ length }, (_, at) => {
    const connection = dice.pick(CONNECTIONS);
    const observedAt = new Date(START + at * 60_000);
    const ids = [...new Set(Array.from({ length: 1 + dice.below(3) }, () => dice.below(6)))];
    const gone = dice.chance(0.1) ? ids.splice(0, 1) : [];
    const records = ids.map((id) => {
      const name = `${connection}-${id}`;
      const body = { ...(bodies.get(name) ?? { id: name, sku: `S-${id}`, name: `${connection} says ${id}` }) };
      const field = dice.pick(['brand', 'kind', 'title', 'price', 'tags']);
      const value = dice.pick([null, '', '1', '2.5', `${at}`]);
      body[field] = field === 'tags' ? [String(value)] : field === 'price' && value === '' ? null : value;
      bodies.set(name, body);
      return { id: name, body };
    });
    const tombstones = gone.map((id) => ({ id: `${connection}-${id}`, version: null }));
    return { connection, page: { records, tombstones, observedAt, context: { file: `${at}` } } };
  });
}

const pagesOf = (all: readonly Said[], of: string): ScriptPage[] =>
  all.flatMap(({ connection, page }) => (connection === of ? [page] : []));
const byConnection = (all: readonly Said[]): Said[] =>
  CONNECTIONS.toReversed().flatMap((of) => all.filter((one) => one.connection === of));

/** Another order, each connection's own kept. */
function shuffled(dice: Random, all: readonly Said[]): Said[] {
  const left = new Map(CONNECTIONS.map((of) => [of, all.filter((one) => one.connection === of)]));
  const order: Said[] = [];
  for (let rest = CONNECTIONS; rest.length > 0; rest = CONNECTIONS.filter((of) => (left.get(of)?.length ?? 0) > 0)) {
    const next = left.get(dice.pick(rest))?.shift();
    if (next) order.push(next);
  }
  return order;
}

/** Rows somebody speaks for, and who speaks for the others. */
async function spokenRows(loading: Loading): Promise<readonly unknown[]> {
  const { rows } = await exported(loading.store, loading.streams.tenant);
  return rows.map((row) => {
    const { isArchived, speakers, ...values } = JSON.parse(row) as Record<string, unknown>;
    return isArchived === true ? speakers : { speakers, ...values };
  });
}
