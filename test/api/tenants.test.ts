/**
 * Tenants are walls (invariant 10): generated rows of several tenants in every table there is, whatever tables that are.
 * Rows name rows of other tenants too, as a slip of the loader could leave them: what answers must not show them even then.
 * `SEED=n` replays one.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { createKey, SCOPES } from '../../src/api/keys.ts';
import { ENTITIES, type EntityName } from '../../src/canonical/entities.ts';
import { publicId } from '../../src/canonical/ids.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import { findEntity } from '../../src/load/explain.ts';
import { silentLog } from '../../src/observe/log.ts';
import { crmSync } from '../../src/publish/crm-sync.ts';
import { json, type Store, sql } from '../../src/store/store.ts';
import { tenantId } from '../inventory/shop.ts';
import { makeTestClock } from '../support/clock.ts';
import { seeds } from '../support/seeds.ts';
import { bothEngines } from '../support/stores.ts';

/** Tables that belong to no tenant, and why. */
const EXEMPT: Readonly<Record<string, string>> = {
  tenant: 'the list of tenants itself',
  migration: 'which migrations were applied',
  rate_budget: "what is left of a vendor account's limits, which connections of several tenants may share",
};
/** Tables of which a reader sees nothing at all: secrets, sealed or hashed. */
const CLOSED = ['api_key', 'credential', 'login', 'webhook_subscription'];

const TENANTS = ['acme', 'globex', 'initech'];
const ROWS = 6;

type Column = { readonly table: string; readonly name: string; readonly type: string; readonly nullable: boolean };
type Row = Readonly<Record<string, unknown>>;

describe.each(await bothEngines('tenants'))('tenants on $engine', ({ open }) => {
  let store: Store;
  let drop: () => Promise<void>;
  let tables: ReadonlyMap<string, readonly Column[]>;
  let tenants: readonly number[];

  beforeAll(async () => {
    ({ store, drop } = await open());
    tenants = await Promise.all(TENANTS.map((name) => tenantId(store, name)));
    tables = Map.groupBy(
      await store.rows<Column>(sql`
        select c.table_name as table, c.column_name as name, c.udt_name as type, c.is_nullable = 'YES' as nullable
        from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where c.table_schema = 'public' and t.table_type = 'BASE TABLE' order by c.table_name, c.ordinal_position`),
      (column) => column.table,
    );
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  const owned = () => [...tables].filter(([, columns]) => columns.some(({ name }) => name === 'tenant'));

  it('own every table but those that are named here with a reason', () => {
    const unowned = [...tables.keys()].filter((name) => !owned().some(([own]) => own === name));
    expect(unowned.sort()).toEqual(Object.keys(EXEMPT).sort());
  });

  it.each(seeds(1))('see nothing of each other, whatever the tables hold (SEED=%i)', async (seed) => {
    await fill(seed);
    await wallsHold(seed);
    // A check of nothing but refusals would not be one.
    expect(await routesHold(seed)).toBeGreaterThan(5);
  });

  /** Replaces every row of every table by generated ones. */
  async function fill(seed: number): Promise<void> {
    await store.transaction(async (tx) => {
      for (const [table, columns] of owned()) {
        await tx.rows(sql`delete from ${sql.identifier(table)}`);
        const rows = tenants.flatMap((tenant) =>
          fc
            .sample(rowOf(columns, tenant, tenants.length), { numRuns: ROWS, seed: seed * 1000 + tenant })
            .map((row, at) => ({
              ...row,
              ...distinct(columns, tenant, at),
              tenant,
            })),
        );
        const names = sql.raw(
          columns
            .filter(isGiven)
            .map(({ name }) => `"${name}"`)
            .join(', '),
        );
        const of = sql.raw(`public."${table}"`);
        await tx.rows(
          sql`insert into ${of} (${names}) select ${names} from jsonb_populate_recordset(null::${of}, ${json(rows)})`,
        );
      }
    });
  }

  /** Everything a reader can ask for without saying whose it is. */
  async function wallsHold(seed: number): Promise<void> {
    for (const tenant of tenants) {
      for (const [table] of owned()) {
        const place = `seed ${seed}, ${table} as tenant ${tenant}`;
        const asked = store.answer(tenant, (tx) => tx.rows<Row>(sql`select * from ${sql.identifier(table)}`));
        if (CLOSED.includes(table)) {
          await expect(asked, place).rejects.toThrow();
          continue;
        }
        const rows = await asked;
        expect([rows.length, ...new Set(rows.map((row) => row['tenant']))], place).toEqual([ROWS, tenant]);
      }
      for (const name of Object.keys(EXEMPT))
        await expect(
          store.answer(tenant, (tx) => tx.rows(sql`select * from ${sql.identifier(name)}`)),
          `${name} is nobody's to read`,
        ).rejects.toThrow();
      for (const entity of Object.keys(ENTITIES) as EntityName[])
        for (const other of tenants.filter((one) => one !== tenant))
          for (const key of [publicId(entity, idOf(other, 0)), markerOf(other)])
            await expect(
              store.answer(tenant, (tx) => findEntity(tx, tenant, entity, key)),
              `seed ${seed}, ${entity} ${key} as tenant ${tenant}`,
            ).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    }
  }

  /** @returns how many answers showed rows of the one who asked */
  async function routesHold(seed: number): Promise<number> {
    const clock = makeTestClock();
    const streams = tenants.flatMap((tenant) =>
      Array.from({ length: ROWS }, (_, at) => ({ id: idOf(tenant, at), connection: `c${idOf(tenant, at)}` })),
    );
    const app = await buildApi({
      store,
      config: { ...sandboxConfig('/nowhere'), requestsPerMinute: 1_000_000 },
      clock,
      log: silentLog,
      tenant: tenants[0] ?? 0,
      leads: {
        tenant: tenants[0] ?? 0,
        capture: () => Promise.reject(new Error('nothing is written here')),
        crmSync: (tx, _tenant, ids) => crmSync(tx, streams, ids),
        estimatedSync: () => clock.now(),
      },
    });
    const { paths } = (await app.inject({ url: '/api/v2/openapi.json' })).json() as { paths: Paths };
    let own = 0;
    for (const [at, tenant] of tenants.entries()) {
      const { key } = await createKey(store, clock, { tenant: TENANTS[at] ?? '', name: 'test', scopes: SCOPES });
      const foreign = new RegExp(
        tenants
          .filter((one) => one !== tenant)
          .map(markerOf)
          .join('|'),
      );
      for (const { url, expected } of await questions(paths, tenant)) {
        const answer = await app.inject({ url, headers: { 'x-api-key': key } });
        const place = `seed ${seed}, GET ${url} as tenant ${tenant}`;
        expect(expected, `${place}: ${answer.body}`).toContain(answer.statusCode);
        expect(answer.body, place).not.toMatch(foreign);
        if (answer.body.includes(markerOf(tenant))) own += 1;
      }
    }
    await app.close();
    return own;
  }

  type Question = { readonly url: string; readonly expected: readonly number[] };

  /** Every route that answers, asked for one's own things and, by forged ids and filters, for those of the others. */
  async function questions(paths: Paths, tenant: number): Promise<readonly Question[]> {
    const others = tenants.filter((one) => one !== tenant);
    const own = await keysOf(tenant);
    const forged = (await Promise.all(others.map(keysOf))).flat();
    const words = (await Promise.all(others.map(wordsOf))).flat();
    return Object.entries(paths).flatMap(([path, { get }]): Question[] => {
      if (!get) return [];
      const item = (id: string) => path.replaceAll(/\{\w+\}/g, encodeURIComponent(id));
      if (item('') !== path)
        return [
          ...own.map((id) => ({ url: item(id), expected: [200, 404] })),
          ...forged.map((id) => ({ url: item(id), expected: [404] })),
        ];
      const filters = get.parameters.filter((one) => one.in === 'query' && one.schema.type === 'string');
      return [
        { url: path, expected: [200] },
        // A word is no cursor, and an id of somebody else's is one that finds nothing.
        ...filters.flatMap(({ name }) =>
          (name === 'cursor' ? [...words, ...forged] : words).map((word) => ({
            url: `${path}?${name}=${encodeURIComponent(word)}`,
            expected: name === 'cursor' ? [200, 400] : [200],
          })),
        ),
      ];
    });
  }

  /** Ids of all kinds and match keys of a tenant. */
  async function keysOf(tenant: number): Promise<readonly string[]> {
    const entities = Object.keys(ENTITIES) as EntityName[];
    const ids = entities.map((entity, at) => publicId(entity, idOf(tenant, at % ROWS)));
    return [...ids, ...(await wordsOf(tenant))];
  }

  /** Some texts that stand in a tenant's rows and that somebody could ask for. */
  async function wordsOf(tenant: number): Promise<readonly string[]> {
    const rows = await store.rows<{ word: string }>(sql`
      (select sku as word from variant where tenant = ${tenant} and sku is not null limit 2)
      union (select location from stock_level where tenant = ${tenant} limit 1)
      union (select email from lead where tenant = ${tenant} and email is not null limit 1)`);
    return rows.map(({ word }) => word);
  }
});

type Paths = Record<string, { get?: { parameters: { name: string; in: string; schema: { type?: string } }[] } }>;

/** In every text of the tenant, and in nobody else's. */
const markerOf = (tenant: number): string => `wall${tenant}only`;
const idOf = (tenant: number, at: number): number => tenant * 1000 + at;

/** Columns that get a value here; whatever the database sets itself is left to it. */
const isGiven = (column: Column): boolean => column.type !== 'xid8';

function rowOf(columns: readonly Column[], tenant: number, tenants: number): fc.Arbitrary<Row> {
  const value = (column: Column): fc.Arbitrary<unknown> => {
    const made = generated(column, tenant, tenants);
    return column.nullable ? fc.option(made, { freq: 3 }) : made;
  };
  const row = fc.record(Object.fromEntries(columns.filter(isGiven).map((column) => [column.name, value(column)])));
  // A match key is the value it is made of.
  return row.map((made) =>
    Object.fromEntries(
      Object.entries(made).map(([name, held]) => [
        name,
        name.endsWith('_key') ? (made[name.slice(0, -4)] ?? held) : held,
      ]),
    ),
  );
}

function generated({ name, type }: Column, tenant: number, tenants: number): fc.Arbitrary<unknown> {
  const marker = markerOf(tenant);
  const word = fc.integer({ min: 0, max: 0xffff }).map((tail) => `${marker}-${tail.toString(16)}`);
  const time = fc.integer({ min: 1_767_000_000, max: 1_800_000_000 }).map((at) => new Date(at * 1000).toISOString());
  const byType: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    text: word,
    _text: fc.array(word, { minLength: 1, maxLength: 3 }),
    jsonb: word.map((text) => ({ [text]: [text] })),
    bytea: word.map((text) => `\\x${Buffer.from(text).toString('hex')}`),
    // Whoever's row it is: an id may name a row of anyone.
    int8: fc.tuple(fc.integer({ min: 1, max: tenants }), fc.nat(ROWS - 1)).map(([of, at]) => idOf(of, at)),
    int4: fc.tuple(fc.integer({ min: 1, max: tenants }), fc.nat(ROWS - 1)).map(([of, at]) => idOf(of, at)),
    int2: fc.integer({ min: 1, max: 4 }),
    _int8: fc.array(fc.nat(5000), { maxLength: 3 }),
    numeric: fc.nat(100_000).map((cents) => (cents / 100).toFixed(2)),
    bool: fc.boolean(),
    timestamptz: time,
    date: time.map((at) => at.slice(0, 10)),
    int8multirange: fc.nat(100).map((from) => `{[${from},${from + 9})}`),
  };
  const found = byType[type];
  if (!found) throw new Error(`make values of ${type} here, for ${name}`);
  return found;
}

/** What keeps rows apart where a key must be unique: the id, and the end of every text that may be part of one. */
function distinct(columns: readonly Column[], tenant: number, at: number): Row {
  const has = (name: string) => columns.some((column) => column.name === name);
  return Object.fromEntries(
    columns.flatMap(({ name, type, nullable }): [string, unknown][] => {
      if (name === 'id' || (name === 'no' && !nullable)) return [[name, idOf(tenant, at)]];
      if (name === 'entity_id' && !has('id')) return [[name, idOf(tenant, at)]];
      if (type === 'text' && !nullable) return [[name, `${markerOf(tenant)}-${at}`]];
      return [];
    }),
  );
}
