import { createHmac } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { createKey } from '../../src/api/keys.ts';
import { parseId, publicId } from '../../src/canonical/ids.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import type { Connector, Page, WebhookRequest, WebhookVerdict } from '../../src/connector/contract.ts';
import { isSigned } from '../../src/connector/signature.ts';
import { systemClock } from '../../src/extract/clock.ts';
import { type Inbound, openInbound } from '../../src/inbound/receive.ts';
import { eraseRecords } from '../../src/load/erase.ts';
import { silentLog } from '../../src/observe/log.ts';
import { createMetrics, type Metrics } from '../../src/observe/metrics.ts';
import { openQueue, type QueueBackend, type WakeQueue } from '../../src/queue/queue.ts';
import { rescueChanges } from '../../src/run/changed-ids.ts';
import { runSlice } from '../../src/run/slice.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type Body, MAPPINGS } from '../load/shop-mapping.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { postgres, redis, requireService, waitFor } from '../support/services.ts';
import { memoryStore } from '../support/stores.ts';

const SECRET = 'webhook-secret';
const hasPostgres = await requireService('postgres', 'webhooks on PostgreSQL');
const hasRedis = await requireService('redis', 'webhooks on Redis');
/** Standing time is the machine's here: these tests are about how soon. */
const clock = { ...systemClock, advance: async () => {}, sleeping: () => 0 };

type Place = { store: Store; backend: QueueBackend; drop(): Promise<void> };

const places = [
  {
    name: 'PGlite',
    isThere: true,
    async open(): Promise<Place> {
      const store = await memoryStore();
      if (!store.pglite) throw new Error('no PGlite');
      return { store, backend: { kind: 'pglite', pglite: store.pglite }, drop: async () => {} };
    },
  },
  {
    name: 'PostgreSQL',
    isThere: hasPostgres,
    async open(): Promise<Place> {
      const { url, drop } = await postgres();
      return { store: await openPostgres(url, { connections: 8 }), backend: { kind: 'postgres', url }, drop };
    },
  },
  {
    name: 'PostgreSQL and Redis',
    isThere: hasPostgres && hasRedis,
    async open(): Promise<Place> {
      const { url, drop } = await postgres();
      const shared = await redis();
      return {
        store: await openPostgres(url, { connections: 8 }),
        backend: { kind: 'redis', url: shared.url },
        drop: async () => {
          await drop();
          await shared.stop();
        },
      };
    },
  },
].filter((one) => one.isThere);

describe.each(places)('webhooks on $name', ({ open }) => {
  let place: Place;
  let shop: Shop;
  beforeAll(async () => {
    place = await open();
    await migrate(place.store);
    shop = await openShop(place);
  });
  afterEach(() => {
    shop.isAway = false;
  });
  afterAll(async () => {
    await shop?.close();
    await place?.store.close();
    await place?.drop();
  });

  it('bring a change into the inventory within two seconds, and not by what they say', async () => {
    shop.put(body('p1', 7));
    const startedAt = performance.now();
    const { status } = await shop.deliver({ id: 'd1', changed: [{ stream: 'products', id: 'p1' }], quantity: 999 });
    expect(status).toBe(202);
    await waitFor('the quantity', async () => (await shop.quantity('SKU-p1')) === 7 || undefined);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  it('count once, however often they come', async () => {
    shop.put(body('p2', 1));
    const before = shop.asked.length;
    const many = await Promise.all(
      Array.from({ length: 8 }, () => shop.deliver({ id: 'same', changed: [{ stream: 'products', id: 'p2' }] })),
    );
    expect(new Set(many.map((one) => one.status))).toEqual(new Set([202]));
    await waitFor('the product', async () => (await shop.quantity('SKU-p2')) === 1 || undefined);
    await shop.idle();
    expect(shop.asked.slice(before)).toEqual([['p2']]);
  });

  it('are read together where many come at once', async () => {
    const ids = Array.from({ length: 120 }, (_, at) => `many-${at}`);
    for (const id of ids) shop.put(body(id, 3));
    const runsBefore = await shop.runs();
    await Promise.all(ids.map((id) => shop.deliver({ id: `d-${id}`, changed: [{ stream: 'products', id }] })));
    await waitFor('all of them', async () => (await shop.quantity('SKU-many-119')) === 3 || undefined);
    await shop.idle();
    expect((await shop.runs()) - runsBefore).toBeLessThan(20);
    for (const id of ids) expect(await shop.quantity(`SKU-${id}`)).toBe(3);
  });

  it('delete only what is gone when it is looked for', async () => {
    shop.put(body('stays', 4));
    shop.put(body('goes', 4));
    await shop.deliver({ id: 'make', changed: ['stays', 'goes'].map((id) => ({ stream: 'products', id })) });
    await waitFor('both', async () => (await shop.quantity('SKU-goes')) === 4 || undefined);
    shop.remove('goes');
    await shop.deliver({
      id: 'delete',
      changed: ['stays', 'goes'].map((id) => ({ stream: 'products', id, deleted: true })),
    });
    await waitFor('the delete', async () => (await shop.quantity('SKU-goes')) === null || undefined);
    expect(await shop.quantity('SKU-stays')).toBe(4);
  });

  it('are refused unless they are signed over the very bytes', async () => {
    const delivery = { id: 'forged', changed: [{ stream: 'products', id: 'p1' }] };
    expect((await shop.deliver(delivery, { signature: 'bm90IHNpZ25lZA==' })).status).toBe(401);
    expect((await shop.deliver(delivery, { alter: (bytes) => Buffer.concat([bytes, Buffer.from(' ')]) })).status).toBe(
      401,
    );
    expect((await shop.deliver(delivery, { connection: 'nobody' })).status).toBe(404);
    expect((await shop.deliver(delivery, { alter: () => Buffer.alloc(6 << 20) })).status).toBe(413);
    const rows = await place.store.rows(sql`select 1 from inbound_delivery where delivery_id = 'forged'`);
    expect(rows).toEqual([]);
  });

  it('are taken and counted where they name a stream that nobody reads', async () => {
    expect((await shop.deliver({ id: 'other', changed: [{ stream: 'orders', id: '1' }] })).status).toBe(202);
    expect((await shop.deliver({ id: 'none', changed: [] })).status).toBe(202);
    const rows = await place.store.rows(
      sql`select delivery_id, changed, ignored from inbound_delivery where delivery_id in ('other', 'none') order by 1`,
    );
    expect(rows).toEqual([
      { delivery_id: 'none', changed: 0, ignored: 0 },
      { delivery_id: 'other', changed: 0, ignored: 1 },
    ]);
    expect((await shop.metrics.scrape()).body).toMatch(
      /inbound_webhooks_total\{connection="shop",outcome="ignored"\} 2/,
    );
  });

  it('note in the audit whom the vendor wants forgotten', async () => {
    await shop.deliver({ id: 'redact', changed: [{ stream: 'products', id: 'p1', erase: true }] });
    const rows = await place.store.rows<{ details: unknown }>(
      sql`select details from audit where action = 'webhooks.erase'`,
    );
    expect(rows.map((row) => row.details)).toMatchObject([{ records: ['products/p1'] }]);
  });

  it('wait for a vendor that is away, and are read when it is back', async () => {
    shop.put(body('later', 5));
    shop.isAway = true;
    await shop.deliver({ id: 'away', changed: [{ stream: 'products', id: 'later' }] });
    await shop.failed();
    expect(await rescueChanges(place.store, shop.tenant, clock.now())).toEqual([]);
    shop.isAway = false;
    const soon = new Date(clock.now().getTime() + 3_600_000);
    for (const run of await rescueChanges(place.store, shop.tenant, soon)) shop.wake(run);
    await waitFor('the product', async () => (await shop.quantity('SKU-later')) === 5 || undefined);
  });

  it('are answered within milliseconds', async () => {
    shop.put(body('p3', 1));
    const took: number[] = [];
    for (let number = 0; number < 200; number += 1) {
      const startedAt = performance.now();
      await shop.deliver({ id: `quick-${number}`, changed: [{ stream: 'products', id: 'p3' }] });
      took.push(performance.now() - startedAt);
    }
    took.sort((a, b) => a - b);
    process.stdout.write(`webhook answers: p50 ${took[100]?.toFixed(1)} ms, p99 ${took[198]?.toFixed(1)} ms\n`);
    expect(took[100]).toBeLessThan(200);
    await shop.idle();
  });
});

function body(id: string, quantity: number): Body & { id: string } {
  return {
    id,
    sku: `SKU-${id}`,
    name: `Product ${id}`,
    price: '1.00',
    title: id,
    levels: [{ at: 'main', on_hand: quantity, as_of: new Date().toISOString() }],
  } as never;
}

type Delivery = {
  readonly id: string;
  readonly changed: readonly { stream: string; id: string; deleted?: boolean; erase?: true }[];
  readonly quantity?: number;
};
type Shop = Awaited<ReturnType<typeof openShop>>;

async function openShop({ store, backend }: Place) {
  const records = new Map<string, Body>();
  const asked: (readonly string[])[] = [];
  const state = { isAway: false };
  const readIds = async (ids: readonly string[]): Promise<Page> => {
    if (state.isAway) throw new Error('the vendor is away');
    asked.push(ids);
    const found = ids.flatMap((id) => records.get(id) ?? []);
    return {
      records: found.map((record, at) => ({
        raw: new TextEncoder().encode(JSON.stringify(record)),
        id: record.id,
        version: null,
        position: at + 1,
      })),
      tombstones: ids.filter((id) => !records.has(id)).map((id) => ({ id, version: null })),
      problems: [],
      next: null,
      window: { id: 'ids', kind: 'delta', scope: 'all' },
      complete: false,
      observedAt: clock.now(),
      expected: null,
      notBefore: null,
      context: {},
    };
  };
  const withWebhooks = (plain: Connector): Connector => ({
    ...plain,
    open: async (config, context) => ({
      ...(await plain.open(config, context)),
      readIds: (_stream, ids) => readIds(ids),
      webhooks: {
        verify: async (request) => verify(request),
        handshake: () => null,
        subscribe: async () => [],
        unsubscribe: async () => {},
        inspect: async () => [],
      },
    }),
  });
  const loading: Loading = await openLoading(store, {
    clock,
    connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
    connector: withWebhooks,
  });
  const { tenant } = loading.streams;
  const queue: WakeQueue = await openQueue(backend, { log: silentLog, prefix: `webhooks-${Date.now()}` });
  const wake = (run: number) =>
    void queue.wake({ run: publicId('run', run), tenant: String(tenant) }, { class: 'webhook' }).catch(() => {});
  const stream = loading.stream('shop/products');
  const inbound: Inbound = openInbound({
    store,
    clock,
    log: silentLog,
    streams: loading.streams,
    erase: (...wish) => eraseRecords(loading.runs.load, ...wish),
    connections: [{ name: 'shop', id: stream.connectionId }],
    open: async () => stream.connector.open(null, { connection: 'shop' } as never),
    wake,
  });
  const metrics: Metrics = createMetrics();
  const api: FastifyInstance = await buildApi({
    store,
    config: sandboxConfig('/nowhere'),
    tenant,
    clock,
    log: silentLog,
    metrics,
    inbound: { receive: inbound.receive, publicUrl: () => 'https://tributary.example.com' },
  });
  await api.listen({ host: '127.0.0.1', port: 0 });
  const { port } = api.server.address() as AddressInfo;
  const { key } = await createKey(store, clock, { tenant: 'acme', name: 'test', scopes: ['read:inventory'] });
  await queue.work((woken, signal) => runSlice(loading.runs, parseId('run', woken.run) ?? 0, signal), {
    concurrency: 2,
  });
  return Object.assign(state, {
    asked,
    metrics,
    tenant,
    wake,
    put: (record: Body) => void records.set(record.id, record),
    remove: (id: string) => void records.delete(id),
    async deliver(
      delivery: Delivery,
      {
        signature,
        alter,
        connection = 'shop',
      }: { signature?: string; alter?: (bytes: Buffer) => Buffer; connection?: string } = {},
    ) {
      const bytes = Buffer.from(JSON.stringify(delivery));
      const signed = createHmac('sha256', SECRET).update(bytes).digest('base64');
      return fetch(`http://127.0.0.1:${port}/webhooks/in/${connection}?x=1`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-signature': signature ?? signed },
        body: new Uint8Array(alter ? alter(bytes) : bytes),
      });
    },
    async quantity(sku: string): Promise<number | null> {
      const answer = await api.inject({ url: `/api/v2/inventory?sku=${sku}`, headers: { 'x-api-key': key } });
      const found = JSON.parse(answer.body) as { data: { sku: string; available: number }[] };
      return found.data.find((one) => one.sku === sku)?.available ?? null;
    },
    async runs(): Promise<number> {
      const [row] = await store.rows<{ n: number }>(sql`select count(*)::integer as n from run where mode = 'ids'`);
      return row?.n ?? 0;
    },
    async idle() {
      await waitFor('no more runs', async () => {
        const open = await store.rows(sql`select 1 from run where state in ('queued', 'running')`);
        return open.length === 0 || undefined;
      });
    },
    async failed() {
      await waitFor('a run that failed', async () => {
        const [row] = await store.rows(sql`select 1 from run where state = 'failed'`);
        return row;
      });
    },
    async close() {
      await queue.close();
      await inbound.close();
      await api.close();
      await loading[Symbol.asyncDispose]();
    },
  });
}

function verify(request: WebhookRequest): WebhookVerdict {
  if (request.url !== 'https://tributary.example.com/webhooks/in/shop?x=1')
    return { ok: false, reason: 'the address is not the public one' };
  if (!isSigned([SECRET], [request.body], request.headers['x-signature'] ?? ''))
    return { ok: false, reason: 'the signature does not match' };
  const delivery = JSON.parse(Buffer.from(request.body).toString()) as Delivery;
  const changed = delivery.changed.map((one) => ({ deleted: false, ...one }));
  return { ok: true, deliveryId: delivery.id, sentAt: null, changed };
}
