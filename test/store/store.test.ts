import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CopyRows } from '../../src/store/copy.ts';
import { storeError } from '../../src/store/errors.ts';
import { isLocked, lockFolder } from '../../src/store/lock.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPglite } from '../../src/store/pglite.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type PostgresServer, postgres, requireService, startPostgres } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';

const hasPostgres = await requireService('postgres', 'store on PostgreSQL');
const engines = [
  { engine: 'PGlite', open: async () => ({ stores: [await memoryStore()], drop: async () => {} }) },
  {
    engine: 'PostgreSQL',
    open: async () => {
      const database = await postgres();
      const stores = await Promise.all([1, 2, 3].map(() => openPostgres(database.url, { connections: 3 })));
      return { stores, drop: database.drop };
    },
  },
].slice(0, hasPostgres ? 2 : 1);

/** All of the first plane but NUL and lone halves, then some of the others. */
const TEXTS = [
  '',
  '\\N',
  '\\.',
  '\\',
  '\\\\n',
  'a\tb\nc\rd\\e',
  '\b\f\v\u0001\u001f\u007f\u0085\u2028\u2029\ufeff',
  '"quoted", \'single\', {brace}, $1, NULL, null',
  'Ångström 大阪 مرحبا שלום ไทย 👩‍👩‍👧 𝒳 é',
  '\u{10ffff}\ufffe\uffff',
  ...Array.from({ length: 64 }, (_, block) =>
    Array.from({ length: 1024 }, (_, at) => block * 1024 + at)
      .filter((point) => point > 0 && (point < 0xd800 || point > 0xdfff))
      .map((point) => String.fromCodePoint(point))
      .join(''),
  ),
  'x'.repeat(3_000_000),
];

describe.each(engines)('a store on $engine', ({ open }) => {
  let stores: readonly Store[];
  let store: Store;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ stores, drop } = await open());
    const [first] = stores;
    if (!first) throw new Error('no store');
    store = first;
    await migrate(store);
  });
  afterAll(async () => {
    for (const one of stores) await one.close();
    await drop();
  });

  it('takes any text by COPY and gives it back as it was', async () => {
    const copied = new CopyRows();
    for (const [at, text] of TEXTS.entries())
      copied
        .row(3)
        .int4(at)
        .text(text)
        .json({ [text.slice(0, 9)]: [text] });
    await store.rows(sql`create table copied (id int, said text, held jsonb)`);
    const kept = await store.transaction(async (tx) => {
      tx.copy('copied', ['id', 'said', 'held'], copied);
      tx.copy('copied', ['id', 'said'], new CopyRows());
      return tx.rows<{ said: string; held: Record<string, string[]> }>(sql`select said, held from copied order by id`);
    });
    expect(kept.map((row) => row.said)).toEqual(TEXTS);
    expect(kept.map((row) => Object.values(row.held)[0]?.[0])).toEqual(TEXTS);
  });

  it('takes any number, time and day by COPY as PostgreSQL itself reads it', async () => {
    const digits = ['0', '7', '10', '9999', '10000', '99990000', '120003000', '1'.repeat(38)];
    const decimals = digits.flatMap((whole) =>
      ['', '.0', '.5', '.05', '.0001', '.00001', '.10000', '.000000005'].map((fraction) => whole + fraction),
    );
    const signed = decimals.flatMap((text) => (/[1-9]/.test(text) ? [text, `-${text}`] : [text]));
    const whole = [
      0,
      1,
      -1,
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 32,
      2 ** 40 + 1,
      Number.MAX_SAFE_INTEGER,
      -Number.MAX_SAFE_INTEGER,
    ];
    const times = [
      '0001-01-01T00:00:00.000Z',
      '1969-12-31T23:59:59.999Z',
      '2026-11-20T10:00:00.001Z',
      '9999-12-31T23:59:59.999Z',
    ];
    const copied = new CopyRows();
    const count = Math.max(signed.length, whole.length);
    for (let at = 0; at < count; at += 1) {
      const time = times[at % times.length] ?? '';
      copied.row(7).int4(at);
      copied.decimal(signed[at % signed.length] ?? '');
      copied.int8(whole[at % whole.length] ?? 0).int2(at - 9);
      copied
        .bool(at % 2 === 0)
        .time(Date.parse(time))
        .date(time.slice(0, 10));
    }
    await store.rows(
      sql`create table numbered (at int, n numeric, i bigint, s smallint, b boolean, t timestamptz, d date)`,
    );
    const kept = await store.transaction(async (tx) => {
      tx.copy('numbered', ['at', 'n', 'i', 's', 'b', 't', 'd'], copied);
      return tx.rows<{ n: string; i: number; s: number; b: boolean; t: string; d: string }>(
        sql`select n::text, i, s, b, to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as t, d::text from numbered order by at`,
      );
    });
    expect(kept).toEqual(
      Array.from({ length: count }, (_, at) => ({
        n: signed[at % signed.length],
        i: whole[at % whole.length],
        s: at - 9,
        b: at % 2 === 0,
        t: times[at % times.length],
        d: times[at % times.length]?.slice(0, 10),
      })),
    );
  });

  it('keeps nothing of a transaction whose copied lines are refused', async () => {
    const copied = new CopyRows();
    copied.row(2).int4(1).text('one');
    copied.row(2).text('three').text('three');
    await store.rows(sql`create table refused (id int, said text)`);
    const failed = store.transaction(async (tx) => {
      await tx.rows(sql`insert into refused values (0, 'zero')`);
      tx.copy('refused', ['id', 'said'], copied);
    });
    await expect(failed).rejects.toThrow(/binary data format/);
    expect(await store.rows(sql`select * from refused`)).toEqual([]);
  });

  it('gives out ids once, and in ascending order to each that asks', async () => {
    const blocks = await Promise.all(
      Array.from({ length: 30 }, async (_, at) => {
        const ids = await (stores[at % stores.length] ?? store).newIds(2500);
        return Array.from({ length: 2500 }, () => ids.next());
      }),
    );
    const all = blocks.flat();
    expect(new Set(all).size).toBe(all.length);
    expect(blocks.every((ids) => ids.every((id, at) => at === 0 || id > (ids[at - 1] ?? 0)))).toBe(true);
    expect((await store.newIds(1)).next()).toBeGreaterThan(Math.max(...all) - 1024);
  });

  it('shows a reader one moment, whatever is written meanwhile', async () => {
    const [tenant] = await store.rows<{ id: number }>(sql`insert into tenant (name) values ('moment') returning id`);
    const id = tenant?.id ?? 0;
    const products = sql`select count(*) as some from product`;
    let written: Promise<unknown> = Promise.resolve();
    await store.answer(id, async (tx) => {
      expect(await tx.rows(products)).toEqual([{ some: 0 }]);
      written = store.rows(sql`insert into product (id, tenant, name) values (77, ${id}, 'meanwhile')`);
      // PGlite lets it wait.
      if (store.engine === 'postgres') await written;
      expect(await tx.rows(products)).toEqual([{ some: 0 }]);
    });
    await written;
    expect(await store.answer(id, (tx) => tx.rows(products))).toEqual([{ some: 1 }]);
  });

  it('shows a reader one tenant, lets it write nothing, and keeps credentials from it', async () => {
    await store.rows(sql`insert into tenant (name) values ('wall-1'), ('wall-2')`);
    const [one, two] = await store.rows<{ id: number }>(
      sql`select id from tenant where name like 'wall-%' order by name`,
    );
    if (!one || !two) throw new Error('no tenants');
    for (const { id } of [one, two]) {
      await store.rows(sql`insert into product (id, tenant, name) values (${id * 1000}, ${id}, ${`of ${id}`})`);
      await store.rows(
        sql`insert into credential (tenant, connection_id, name, sealed, key_id, updated_at) values (${id}, ${id}, 'token', 'x', 'k', now())`,
      );
    }
    const read = (query: ReturnType<typeof sql>) => store.answer(one.id, (tx) => tx.rows(query));
    expect(await read(sql`select name from product where name like 'of %'`)).toEqual([{ name: `of ${one.id}` }]);
    expect(await read(sql`select name from product where tenant = ${two.id}`)).toEqual([]);
    const refused = {
      insert: sql`insert into product (id, tenant, name) values (1, ${one.id}, 'x')`,
      update: sql`update product set name = 'x'`,
      delete: sql`delete from product`,
      credentials: sql`select * from credential`,
      keys: sql`select * from api_key`,
      secrets: sql`select * from webhook_subscription`,
    };
    for (const [what, query] of Object.entries(refused)) {
      await expect(read(query), what).rejects.toThrow(/permission denied|read-only/);
    }
    await expect(
      store.answer(one.id, async (tx) => {
        await tx.rows(sql`select set_config('transaction_read_only', 'off', true)`);
        return tx.rows(refused.update);
      }),
    ).rejects.toThrow();
    expect(await store.answer(0, (tx) => tx.rows(sql`select name from product`))).toEqual([]);
    expect(await store.rows(sql`select count(*)::int as all from product where name like 'of %'`)).toEqual([
      { all: 2 },
    ]);
  });
});

describe('the lock of a folder', () => {
  let folder: string;
  const holders: ChildProcess[] = [];
  beforeAll(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'tributary-lock-')), 'store');
  });
  afterAll(async () => {
    for (const holder of holders) holder.kill('SIGKILL');
    await rm(join(folder, '..'), { recursive: true, force: true });
  });

  const hold = async (): Promise<{ process: ChildProcess; said: string }> => {
    const script = fileURLToPath(new URL('lock-holder.ts', import.meta.url));
    const process_ = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
    holders.push(process_);
    const [data] = (await once(process_.stdout, 'data')) as [Buffer];
    return { process: process_, said: data.toString().trim() };
  };

  it('is held by one process, and free again when it lets go or is killed', async () => {
    const first = await hold();
    const second = await hold();
    expect([first.said, second.said, await isLocked(folder)]).toEqual(['held', 'ERR_STORE_LOCKED', true]);
    await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' });
    await expect(openPglite(folder)).rejects.toMatchObject({ code: 'ERR_STORE_LOCKED' });
    const ended = once(first.process, 'exit');
    first.process.kill('SIGKILL');
    await ended;
    const third = await hold();
    expect(third.said).toBe('held');
    const freed = once(third.process.stdout ?? third.process, 'data');
    third.process.stdin?.write('go\n');
    await freed;
    expect(await isLocked(folder)).toBe(false);
    const unlock = await lockFolder(folder);
    await unlock();
  });
});

describe('an error of the database', () => {
  const withCode = (code: string, message = 'x') => Object.assign(new Error(message), { code });

  it.each([
    ['53100', 'ERR_STORE_FULL'],
    ['ENOSPC', 'ERR_STORE_FULL'],
    ['53300', 'ERR_STORE_UNAVAILABLE'],
    ['57P01', 'ERR_STORE_UNAVAILABLE'],
    ['57P03', 'ERR_STORE_UNAVAILABLE'],
    ['08006', 'ERR_STORE_UNAVAILABLE'],
    ['40P01', 'ERR_STORE_UNAVAILABLE'],
    ['40001', 'ERR_STORE_UNAVAILABLE'],
    ['ECONNREFUSED', 'ERR_STORE_UNAVAILABLE'],
    ['ECONNRESET', 'ERR_STORE_UNAVAILABLE'],
    ['ENOTFOUND', 'ERR_STORE_UNAVAILABLE'],
    ['EAI_AGAIN', 'ERR_STORE_UNAVAILABLE'],
    ['23505', '23505'],
    ['42601', '42601'],
  ])('with code %s is %s', (code, named) => {
    expect(storeError(withCode(code))).toMatchObject({ code: named });
  });

  it('keeps values out of its message', () => {
    const error = storeError(withCode('53100', 'could not extend file for customer ann@example.com'));
    expect(String(error)).not.toContain('ann@example.com');
  });
});

describe.runIf(hasPostgres)('a store whose server goes away', () => {
  let server: PostgresServer;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres({ fsync: false });
    store = await openPostgres((await server.createDatabase()).url, { connections: 2 });
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  it('says so in the middle of a transaction and before one, and works again when it is back', async () => {
    await store.rows(sql`create table kept (id int)`);
    const lost = store.transaction(async (tx) => {
      await tx.rows(sql`insert into kept values (1)`);
      await server.kill();
      await tx.rows(sql`insert into kept values (2)`);
    });
    await expect(lost).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await expect(store.rows(sql`select 1`)).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' });
    await expect(store.transaction(async (tx) => tx.rows(sql`select 1`))).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
    });
    await server.restart();
    expect(await store.rows(sql`select count(*)::int as rows from kept`)).toEqual([{ rows: 0 }]);
  });
});
