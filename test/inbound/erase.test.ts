/** A person asks to be forgotten: nothing of them is left in any column of any table, and everybody else stays as they were. */
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import type { Connector, JsonObject, WebhookVerdict } from '../../src/connector/contract.ts';
import { openInbound } from '../../src/inbound/receive.ts';
import { eraseRecords } from '../../src/load/erase.ts';
import { explain } from '../../src/load/explain.ts';
import { exportRows } from '../../src/load/export-rows.ts';
import { showRecord } from '../../src/load/show-record.ts';
import { silentLog } from '../../src/observe/log.ts';
import { decodeOf } from '../../src/run/streams.ts';
import { tableOf } from '../../src/store/columns.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptRecord } from '../support/scripted.ts';
import { bothEngines } from '../support/stores.ts';

const CUSTOMERS = `about: people
record:
  key: id
outputs:
  customer:
    match: email
    fields:
      email: email
      first_name: first
      last_name: last | required
      phone: phone
      metadata: {object: {note: note}}
`;
const MAPPINGS = {
  customers: CUSTOMERS,
  signups: `about: signups
record:
  key: id
outputs:
  customer:
    match: email
    fields:
      email: email
      loyalty_tier: tier
`,
  orders: `about: orders
record:
  key: id
outputs:
  order:
    match: number
    fields:
      number: id
      total: total | decimal
      customer: {external: customer, stream: customers}
      shipping_address: address
`,
};
const STREAMS = ['customers', 'signups', 'orders'];

/** Everything that tells who Ann is. */
const ANN = ['ann@example.com', 'Annabel', 'Antwerp', '555-0101', '555-0102', 'likes lilies', 'Lily Lane'];
describe.each(await bothEngines('a wish to be forgotten'))('a wish to be forgotten on $engine', ({ open }) => {
  let place: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(async () => {
    await place?.store.close();
    await place?.drop();
  });

  it.each(['complete', 'patch'] as const)('leaves nothing of a person in a stream that is %s', async (mode) => {
    const { store } = place;
    await using shop = await openShop(store, mode);
    await shop.load('customers', [ann(1, { phone: '555-0101' }), bob(1)]);
    await shop.load('customers', [ann(2, { note: 'likes lilies' })]);
    // Two that fail one after the other: the first one's page is named by nothing any more.
    await shop.load('customers', [ann(3, { last: null, note: 'likes lilies, one' }), bob(3)]);
    await shop.load('customers', [ann(4, { last: null, note: 'likes lilies, two' })]);
    await shop.load('customers', [ann(1, { note: 'likes lilies, late' })]);
    await shop.load('signups', [
      { id: 's1', body: { id: 's1', email: 'Ann@example.com', tier: 'gold' } },
      { id: 's2', body: { id: 's2', email: 'bob@example.com', tier: 'tin' } },
    ]);
    await shop.load('orders', [order('o1', 'ann', 'Lily Lane 1'), order('o2', 'bob', 'Broad Way 2')]);
    await shop.writeSomewhere();
    expect(await tracesOf(store, ANN)).toEqual(ANN);
    const bobBefore = await shop.show('customers', 'bob');
    const runsBefore = await shop.runs();
    const annId = await shop.customer('ann@example.com');

    // The vendor still has the order, without who it was for.
    shop.vendor.set('orders/o1', { id: 'o1', total: '10.00', customer: 'ann', address: null });
    const wish = { id: 'wish', changed: [asked('customers', 'ann'), asked('orders', 'o1')] };
    expect((await shop.deliver(wish)).outcome).toBe('accepted');
    expect(await tracesOf(store, ANN)).toEqual([]);
    expect(await shop.runs(), 'counters of runs that were').toEqual(runsBefore);
    await shop.work();
    expect(await tracesOf(store, ANN)).toEqual([]);
    expect((await shop.deliver({ id: 'again', changed: [asked('customers', 'ann')] })).outcome).toBe('accepted');
    await shop.work();
    expect(await shop.orders()).toEqual(['o1 10.00 null', 'o2 10.00 {"street": "Broad Way 2"}']);

    expect(await shop.show('customers', 'bob')).toEqual(bobBefore);
    const shown = await shop.show('customers', 'ann');
    expect(shown.state).toBe('deleted');
    expect(shown.versions.slice(1).map((one) => [one.state, one.raw])).toEqual(
      shown.versions.slice(1).map(() => ['erased', []]),
    );
    expect(shown.versions.length).toBeGreaterThan(1);
    expect(
      shown.rows.map((row) => [row.archived, Object.values(row.values).filter((value) => value !== null)]),
    ).toEqual([[true, []]]);
    const told = await shop.explain(annId, 'email');
    expect([told.archived, told.fields[0]?.value, told.fields[0]?.winner]).toEqual([true, null, null]);
    expect(told.fields[0]?.none).toContain('shop/customers: erased, because the person asked to be forgotten');

    await shop.loading.setMapping('customers', CUSTOMERS.replace('first_name: first', 'first_name: first | upper'));
    const remap = await shop.loading.run('shop/customers', 'remap');
    expect([remap.state, remap.read, remap.updated]).toEqual(['succeeded', 1, 1]);
    const lines: string[] = [];
    for await (const batch of exportRows(store, 'customer', { tenant: shop.tenant, archived: false }))
      lines.push(...batch);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ email: 'bob@example.com', first_name: 'BOB' }]);
    // What was read before the wish comes in behind it: it is left out, and its bytes are not kept.
    if (mode === 'complete') await shop.load('customers', [ann(null, {})], shop.askedAt);
    expect(await tracesOf(store, ANN)).toEqual([]);
    expect(await shop.unbalanced()).toEqual([]);

    expect((await shop.deliver(wish)).outcome).toBe('duplicate');
    const audits = await store.rows<{ subject: string; details: JsonObject }>(
      sql`select subject, details from audit where tenant = ${shop.tenant} and action = 'webhooks.erase' order by id`,
    );
    expect(audits.map((row) => row.subject)).toEqual(
      ['customers', 'signups', 'orders', 'customers', 'signups'].map((name) => `shop/${name}`),
    );
    expect(audits[0]?.details).toMatchObject({ records: ['customers/ann'], entities: 1, deadLetters: 1, writes: 1 });
    expect(Number(audits[0]?.details['versions'])).toBeGreaterThanOrEqual(4);
    expect(audits.slice(3).map((row) => row.details['versions'])).toEqual([0, 0]);
  });

  it('takes nothing from what another connection says', async () => {
    await using shop = await openShop(place.store, 'complete');
    await shop.load('customers', [ann(1, { note: 'likes lilies' })]);
    await shop.load(
      'customers',
      [{ id: 'c9', body: { id: 'c9', email: 'ann@example.com', last: 'Other' } }],
      null,
      'crm',
    );
    const id = await shop.customer('ann@example.com');
    await shop.deliver({ id: 'wish', changed: [asked('customers', 'ann')] });
    const rows = await place.store.rows(
      sql`select email, last_name, first_name, phone, archived_at from customer where id = ${id}`,
    );
    expect(rows).toEqual([
      { email: 'ann@example.com', last_name: 'Other', first_name: null, phone: null, archived_at: null },
    ]);
    expect(await tracesOf(place.store, ['Annabel', 'likes lilies', '555-0102'])).toEqual([]);
  });

  it('reaches a record that was deleted before, and what is left of its row', async () => {
    await using shop = await openShop(place.store, 'complete');
    await shop.load('customers', [ann(1, { note: 'likes lilies' }), bob(1)]);
    await shop.deliver({ id: 'gone', changed: [{ stream: 'customers', id: 'ann', deleted: true }] });
    await shop.work();
    expect(await tracesOf(place.store, ['Annabel'])).toEqual(['Annabel']);
    await shop.deliver({ id: 'wish', changed: [{ ...asked('customers', 'ann'), deleted: true }] });
    await shop.work();
    expect(await tracesOf(place.store, ['Annabel', 'likes lilies', '555-0102'])).toEqual([]);
    expect((await shop.show('customers', 'bob')).state).toBe('live');
  });
});

const ann = (version: number | null, more: JsonObject): ScriptRecord => ({
  id: 'ann',
  version,
  body: { id: 'ann', email: 'ann@example.com', first: 'Annabel', last: 'Antwerp', phone: '555-0102', ...more },
});
const bob = (version: number): ScriptRecord => ({
  id: 'bob',
  version,
  body: { id: 'bob', email: 'bob@example.com', first: 'Bob', last: 'Berlin', phone: '555-0199', note: String(version) },
});
const order = (id: string, customer: string, street: string): ScriptRecord => ({
  id,
  body: { id, total: '10.00', customer, address: { street } },
});

type Change = Extract<WebhookVerdict, { ok: true }>['changed'][number];
type Delivery = { readonly id: string; readonly changed: readonly Change[] };
const asked = (stream: string, id: string): Change => ({ stream, id, deleted: false, erase: true });

/** Those of the words that stand anywhere: in whatever column of whatever table, payloads unpacked. */
async function tracesOf(store: Store, words: readonly string[]): Promise<string[]> {
  const tables = await store.rows<{ name: string }>(
    sql`select tablename as name from pg_tables where schemaname = 'public'`,
  );
  const all: string[] = [];
  for (const { name } of tables) {
    const rows = await store.rows<{ row: string }>(sql`select to_jsonb(t)::text as row from ${sql.identifier(name)} t`);
    all.push(...rows.map(({ row }) => row));
  }
  const pages = await store.rows<{ payload: Uint8Array }>(sql`select payload from page where length(payload) > 0`);
  all.push(...pages.map(({ payload }) => zstdDecompressSync(payload).toString('latin1')));
  const text = all.join('\n').toLowerCase();
  return words.filter((word) => text.includes(word.toLowerCase()));
}

let tenants = 0;

async function openShop(store: Store, mode: 'complete' | 'patch') {
  const vendor = new Map<string, JsonObject>();
  const withWebhooks = (plain: Connector): Connector => ({
    ...plain,
    open: async (config, context) => ({
      ...(await plain.open(config, context)),
      async readIds(stream, ids) {
        const records = ids.flatMap((id, at) => {
          const body = vendor.get(`${stream}/${id}`);
          return body ? [{ raw: Buffer.from(JSON.stringify(body)), id, version: null, position: at + 1 }] : [];
        });
        return {
          ...{ records, problems: [], next: null, complete: false, expected: null, notBefore: null, context: {} },
          tombstones: ids.filter((id) => !vendor.has(`${stream}/${id}`)).map((id) => ({ id, version: null })),
          window: { id: 'ids', kind: 'delta', scope: 'all' },
          observedAt: loading.clock.now(),
        };
      },
      webhooks: {
        verify: async ({ body }) => {
          const { id, changed } = JSON.parse(Buffer.from(body).toString()) as Delivery;
          return { ok: true, deliveryId: id, sentAt: null, changed };
        },
        handshake: () => null,
        subscribe: async () => [],
        unsubscribe: async () => {},
        inspect: async () => [],
      },
    }),
  });
  tenants += 1;
  const streams = STREAMS.map((name) => ({ name, mappings: [name] }));
  const loading: Loading = await openLoading(store, {
    tenant: `erase-${tenants}`,
    connections: ['shop', 'crm'].map((name) => ({ name, streams })),
    mappings: MAPPINGS,
    streams: STREAMS.map((name) => declared(name, name === 'customers' ? { mode } : {})),
    connector: withWebhooks,
  });
  const stream = loading.stream('shop/customers');
  const { tenant } = stream;
  const waking: number[] = [];
  const inbound = openInbound({
    ...{ store, clock: loading.clock, log: silentLog, streams: loading.streams },
    erase: (...wish) => eraseRecords(loading.runs.load, ...wish),
    connections: [{ name: 'shop', id: stream.connectionId }],
    open: async () => stream.connector.open(null, { connection: 'shop' } as never),
    wake: (run) => void waking.push(run),
  });
  const shop = {
    ...{ loading, vendor, tenant, askedAt: loading.clock.now() },
    async load(name: string, records: readonly ScriptRecord[], observedAt: Date | null = null, connection = 'shop') {
      await loading.clock.advance(1000);
      loading.script.say(connection, name, [{ observedAt: observedAt ?? loading.clock.now(), records }]);
      expect((await loading.run(`${connection}/${name}`)).error).toBe(null);
    },
    async deliver(delivery: Delivery) {
      await loading.clock.advance(1000);
      shop.askedAt = new Date(loading.clock.now().getTime() - 500);
      const body = Buffer.from(JSON.stringify(delivery));
      return inbound.receive('shop', { method: 'POST', url: '', headers: {}, body });
    },
    async work() {
      await loading.clock.advance(1000);
      for (const run of waking.splice(0)) expect((await loading.work(run)).state).toBe('succeeded');
    },
    /** As if Ann had been written to the shop: a stream out, what was sent there, and what failed. */
    async writeSomewhere() {
      const [out] = await store.rows<{ id: number }>(sql`
        insert into stream (tenant, connection_id, name, direction, every) values (${tenant}, ${stream.connectionId}, 'customers:out', 'out', 'manual') returning id`);
      const id = await shop.customer('ann@example.com');
      const values = sql`'{"email": "ann@example.com", "first": "Annabel"}'::jsonb`;
      await store.rows(sql`
        insert into write_ledger (id, tenant, stream_id, run_id, entity, entity_id, action, external_id, key, values, expected, ours, theirs, state, outcome, created_at)
        values (${tenant}, ${tenant}, ${out?.id}, 0, 'customer', ${id}, 'update', 'ann', 'key', ${values}, ${values}, ${values}, ${values}, 'planned',
          jsonb_build_object('state', 'rejected', 'message', 'no Annabel'), now())`);
      await store.rows(sql`
        insert into write_state (tenant, stream_id, entity, entity_id, external_id, state, ours, theirs, written, synced_at)
        values (${tenant}, ${out?.id}, 'customer', ${id}, 'ann', 'live', ${values}, ${values}, ${values}, now())`);
      await store.rows(sql`
        insert into dead_letter (id, tenant, stream_id, run_id, page_id, external_id, code, problems, state, first_at, last_at)
        values (${tenant}, ${tenant}, ${out?.id}, 0, 0, ${publicId('customer', id)}, 'ERR_X', '[{"message": "Annabel is taken"}]', 'open', now(), now())`);
      await store.rows(sql`
        insert into decision (tenant, entity_id, field, value, decided_by, at) values (${tenant}, ${id}, 'first_name', '"Annabel"', 'cli:eva', now())`);
    },
    show: (name: string, id: string) =>
      showRecord(loading.runs.load, loading.stream(`shop/${name}`), decodeOf(stream.connector), id),
    explain: (id: number, field: string) =>
      explain(
        { ...loading.runs.load, decodeOf: () => decodeOf(stream.connector) },
        tenant,
        'customer',
        publicId('customer', id),
        field,
      ),
    async customer(email: string): Promise<number> {
      const [row] = await store.rows<{ id: number }>(
        sql`select id from customer where tenant = ${tenant} and email_key = ${email}`,
      );
      if (!row) throw new Error(`no customer ${email}`);
      return row.id;
    },
    async orders(): Promise<string[]> {
      const rows = await store.rows<{ line: string }>(sql`
        select number || ' ' || total || ' ' || coalesce(shipping_address::text, 'null') as line from ${sql.identifier(tableOf('order'))}
        where tenant = ${tenant} and archived_at is null order by number`);
      return rows.map((row) => row.line);
    },
    runs: () =>
      store.rows(
        sql`select id, read, created, updated, unchanged, skipped, dead_lettered, deleted from run where tenant = ${tenant} and state <> 'queued' order by id`,
      ),
    unbalanced: () =>
      store.rows(
        sql`select id from run where tenant = ${tenant} and read <> created + updated + unchanged + skipped + dead_lettered`,
      ),
    async [Symbol.asyncDispose]() {
      await inbound.close();
      await loading[Symbol.asyncDispose]();
    },
  };
  return shop;
}
