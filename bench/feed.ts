/**
 * Loading a CSV feed with everything kept, beside the limit: COPY csv + map in SQL + upsert into one table, no program at
 * all. Same file, same server, in turn within one run; medians. The counts of every table are asserted.
 */

import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type App, openApp } from '../src/app.ts';
import { loadConfig } from '../src/config/load.ts';
import { silentLog } from '../src/observe/log.ts';
import { createRun } from '../src/run/runs.ts';
import { runSlice } from '../src/run/slice.ts';
import { sql } from '../src/store/store.ts';
import { startPostgres } from '../test/support/services.ts';
import { medianOf } from './median.ts';

const HEADER = 'sku,name,description,brand,price,currency,category,gtin,weight_g,quantity,location,updated_at';
const ROWS = 100_000;
const ROUNDS = 5;

/** `changed` of a hundred rows get another price; one byte of the file always differs between versions. */
function feed(rows: number, version: number, changedShare: number): string {
  const lines = [HEADER];
  for (let at = 0; at < rows; at += 1) {
    const isChanged = changedShare > 0 && at % Math.round(1 / changedShare) === 0;
    const price = (((at * 7919) % 99_000) / 100 + 1 + (isChanged ? version : 0)).toFixed(2);
    lines.push(
      `SKU-${String(at).padStart(7, '0')},Product number ${at},"A sturdy, well made thing for every day; it comes in ${at % 9} sizes and lasts.",Brand ${at % 97},${price},EUR,Home > Garden > Bed ${at % 40},,${100 + (at % 900)},${at % 500},main,2026-11-20T10:00:00Z`,
    );
  }
  // The byte that makes it another file: the last row's quantity.
  const last = lines.length - 1;
  lines[last] = (lines[last] ?? '').replace(/,main,.*$/, `,main,2026-11-20T10:00:0${version % 10}Z`);
  return `${lines.join('\n')}\n`;
}

const ONE_TABLE = `create table flat (sku text primary key, name text, description text, brand text, price numeric, currency text, categories jsonb, gtin text, weight numeric, quantity bigint, location text, updated_at timestamptz)`;
const RAW = `create table raw_rows (${HEADER.split(',')
  .map((column) => `${column} text`)
  .join(', ')})`;
const UPSERT = `insert into flat select trim(sku), trim(name), description, trim(brand), price::numeric, upper(currency), jsonb_build_array(category), nullif(gtin, ''), weight_g::numeric, quantity::bigint, location, updated_at::timestamptz from raw_rows
  on conflict (sku) do update set name = excluded.name, description = excluded.description, brand = excluded.brand, price = excluded.price, currency = excluded.currency, categories = excluded.categories, gtin = excluded.gtin, weight = excluded.weight, quantity = excluded.quantity, location = excluded.location, updated_at = excluded.updated_at`;

async function sqlOnly(url: string, file: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('drop table if exists flat');
    await client.query(ONE_TABLE);
    const started = performance.now();
    await client.query('begin');
    await client.query(RAW.replace('create table', 'create temp table'));
    await pipeline(
      createReadStream(file, { highWaterMark: 1 << 18 }),
      client.query(copyFrom('copy raw_rows from stdin (format csv, header true)')),
    );
    await client.query(UPSERT);
    await client.query('commit');
    const seconds = (performance.now() - started) / 1000;
    const { rows } = await client.query('select count(*)::int as n from flat');
    expectEqual('rows of the one table', rows[0]?.n, ROWS);
    await client.query('drop table raw_rows');
    return ROWS / seconds;
  } finally {
    await client.end();
  }
}

async function sqlOnlyPglite(file: string): Promise<number> {
  const db = await PGlite.create();
  try {
    await db.exec(ONE_TABLE);
    const { readFile } = await import('node:fs/promises');
    const started = performance.now();
    await db.transaction(async (tx) => {
      await tx.exec(RAW.replace('create table', 'create temp table'));
      await tx.query(`copy raw_rows from '/dev/blob' (format csv, header true)`, [], {
        blob: new Blob([await readFile(file)]),
      });
      await tx.exec(UPSERT);
    });
    return ROWS / ((performance.now() - started) / 1000);
  } finally {
    await db.close();
  }
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${String(actual)} instead of ${String(expected)}`);
}

const CONFIG = `tenant: bench
connections:
  feeds:
    connector: feed
    path: ./feeds
    streams:
      products: { files: "products*.csv", kind: snapshot, mapping: products-flat-csv, every: manual }
`;

/** One run over the file in the feeds folder; rows per second from making the run to its end. */
async function load(app: App, expected: Readonly<Record<string, number>>): Promise<number> {
  const [stream] = app.streams.all;
  if (!stream) throw new Error('no stream');
  const started = performance.now();
  const id = await createRun(app.store, {
    tenant: stream.tenant,
    streamId: stream.id,
    mode: 'incremental',
    trigger: 'command',
    dueAt: new Date(),
  });
  for (let again = 0; ; ) {
    const result = await runSlice(app.runs, id ?? 0, new AbortController().signal);
    if (result === null) break;
    again = result.againInMs;
    if (again > 0) await new Promise((resolve) => setTimeout(resolve, again));
  }
  const seconds = (performance.now() - started) / 1000;
  const [run] = await app.store.rows<Record<string, unknown>>(
    sql`select state, read, created, updated, unchanged, skipped, dead_lettered, deleted from run where id = ${id}`,
  );
  for (const [name, value] of Object.entries({
    state: 'succeeded',
    read: ROWS,
    created: 0,
    updated: 0,
    unchanged: 0,
    skipped: 0,
    dead_lettered: 0,
    deleted: 0,
    ...expected,
  }))
    expectEqual(`run ${name}`, run?.[name], value);
  return ROWS / seconds;
}

async function counts(app: App, changedRecords: number): Promise<void> {
  const [row] = await app.store.rows<Record<string, number>>(sql`
    select (select count(*) from record) as record, (select count(*) from contribution) as contribution, (select count(*) from product) as product,
      (select count(*) from variant) as variant, (select count(*) from stock_level) as stock_level, (select count(*) from stock_movement) as stock_movement,
      (select count(*) from record_history) as record_history, (select coalesce(sum(cardinality(ids)), 0)::bigint from outbox where change = 'created') as events,
      (select coalesce(sum(read), 0)::bigint from page) % ${ROWS}::bigint as pages, (select count(*) from dead_letter) as dead_letter`);
  const expected = {
    record: ROWS,
    contribution: 2 * ROWS,
    product: ROWS,
    variant: ROWS,
    stock_level: ROWS,
    stock_movement: ROWS,
    record_history: changedRecords,
    events: 2 * ROWS,
    pages: 0,
    dead_letter: 0,
  };
  for (const [name, value] of Object.entries(expected)) expectEqual(`rows of ${name}`, row?.[name], value);
}

type Figures = { first: number; unchanged: number; changed: number };

/** First load, the same with one byte changed, one per cent changed; each in a process state of its own. */
async function everythingKept(databaseUrl: string | null): Promise<Figures> {
  const dir = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
  const feeds = join(dir, 'feeds');
  try {
    await writeFile(join(dir, 'tributary.yaml'), CONFIG);
    const { mkdir } = await import('node:fs/promises');
    await mkdir(feeds);
    // The stable-size check wants a file that has been left alone.
    const put = async (text: string) => {
      const { utimes } = await import('node:fs/promises');
      await writeFile(join(feeds, 'products.csv'), text);
      const past = new Date(Date.now() - 60_000);
      await utimes(join(feeds, 'products.csv'), past, past);
    };
    const config = loadConfig({ dir, env: databaseUrl ? { DATABASE_URL: databaseUrl } : {} });
    const app = await openApp(config, { log: silentLog });
    try {
      await put(feed(ROWS, 0, 0));
      const first = await load(app, { created: ROWS });
      await counts(app, 0);
      await put(feed(ROWS, 1, 0));
      const unchanged = await load(app, { unchanged: ROWS - 1, updated: 1 });
      await counts(app, 1);
      await put(feed(ROWS, 2, 0.01));
      const changed = await load(app, { unchanged: ROWS - 1001, updated: 1001 });
      await counts(app, 1002);
      return { first, unchanged, changed };
    } finally {
      await app.close();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param rounds how many times each is measured. @defaultValue 5 */
export async function run(rounds = ROUNDS): Promise<Readonly<Record<string, number>>> {
  await using server = await startPostgres({ fsync: true, settings: { shared_buffers: '256MB', max_wal_size: '4GB' } });
  const dir = await mkdtemp(join(tmpdir(), 'tributary-bench-'));
  const file = join(dir, 'feed.csv');
  await writeFile(file, feed(ROWS, 0, 0));
  const limits: number[] = [];
  const figures: Figures[] = [];
  const pgliteLimits: number[] = [];
  const pglite: number[] = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      await using plain = await server.createDatabase();
      limits.push(await sqlOnly(plain.url, file));
      await using full = await server.createDatabase();
      figures.push(await everythingKept(full.url));
      if (process.env['BENCH_ENGINE'] !== 'postgres') {
        pgliteLimits.push(await sqlOnlyPglite(file));
        pglite.push((await everythingKept(null)).first);
      }
      process.stderr.write(
        `round ${round + 1}: SQL only ${Math.round(limits.at(-1) ?? 0)}, ${JSON.stringify(figures.at(-1))}, PGlite ${Math.round(pgliteLimits.at(-1) ?? 0)} ${Math.round(pglite.at(-1) ?? 0)}\n`,
      );
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  const limit = medianOf(limits);
  const share = (of: (one: Figures) => number) =>
    round3(medianOf(figures.map((one, at) => of(one) / (limits[at] ?? 1))));
  return {
    rows: ROWS,
    sqlOnlyRowsPerSecond: Math.round(limit),
    firstToSql: share((one) => one.first),
    unchangedToSql: share((one) => one.unchanged),
    changed1pToSql: share((one) => one.changed),
    pgliteRowsPerSecond: Math.round(medianOf(pglite)),
    pgliteSqlOnlyRowsPerSecond: Math.round(medianOf(pgliteLimits)),
    pgliteToOwnSql: round3(medianOf(pglite.map((one, at) => one / (pgliteLimits[at] ?? 1)))),
  };
}

const round3 = (value: number): number => Math.round(value * 1000) / 1000;
