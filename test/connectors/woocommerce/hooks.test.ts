import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import woocommerce from '../../../connectors/woocommerce/index.ts';
import type { WebhookRequest } from '../../../src/connector/index.ts';
import { type Faults, NO_FAULTS } from '../../../src/sandbox/faults.ts';
import { waitFor } from '../../support/services/wait.ts';
import { contextWith, idsOf, openShop, type ShopUnderTest } from './support.ts';

type Receiver = AsyncDisposable & {
  readonly url: string;
  readonly received: WebhookRequest[];
  /** What comes next is answered with this. */
  status: number;
};

async function openReceiver(): Promise<Receiver> {
  const received: WebhookRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      received.push({ method: request.method ?? '', url: request.url ?? '', headers, body: Buffer.concat(chunks) });
      response.writeHead(receiver.status, { location: 'http://127.0.0.1:1/' }).end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const receiver: Receiver = {
    url: `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}/hook`,
    received,
    status: 200,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

const topics = ({ received }: Receiver) => received.map(({ headers }) => headers['x-wc-webhook-topic'] ?? 'ping');
const until = (receiver: Receiver, count: number) =>
  waitFor(`${count} deliveries`, () => receiver.received.length >= count || undefined);
const CRON_MS = 11_000;

async function subscribed(shop: ShopUnderTest, receiver: Receiver) {
  const hooks = (await shop.source.webhooks?.subscribe(receiver.url)) ?? [];
  await until(receiver, hooks.length);
  receiver.received.length = 0;
  return hooks;
}

describe('webhooks', () => {
  it('are made once for each topic and address, however often they are asked for', async () => {
    await using shop = await openShop();
    await using receiver = await openReceiver();
    const first = await subscribed(shop, receiver);
    const [one] = first;
    // A double of somebody, and one the shop switched off.
    await shop.call('webhooks', {
      method: 'POST',
      body: { name: 'double', topic: one?.topic ?? '', delivery_url: receiver.url },
    });
    await shop.call(`webhooks/${one?.id}`, { method: 'PUT', body: { status: 'disabled' } });
    expect((await shop.source.webhooks?.inspect())?.filter(({ state }) => state === 'disabled')).toMatchObject([
      { id: one?.id, note: 'The shop switched it off, after deliveries failed more than five times in a row.' },
    ]);
    const again = await shop.source.webhooks?.subscribe(receiver.url);
    expect(again).toEqual(first);
    expect(await shop.source.webhooks?.inspect()).toHaveLength(first.length);
    const all = await shop.call('webhooks?per_page=100');
    expect(all.headers.get('x-wp-total')).toBe(String(first.length));
  });

  it('of this connection are removed, and those of others stay', async () => {
    await using shop = await openShop();
    await using receiver = await openReceiver();
    await subscribed(shop, receiver);
    const other = { name: 'of somebody else', topic: 'order.created', delivery_url: `${receiver.url}/other` };
    await shop.call('webhooks', { method: 'POST', body: other });
    await shop.source.webhooks?.unsubscribe();
    expect(await shop.source.webhooks?.inspect()).toEqual([]);
    expect((await shop.call('webhooks?per_page=100')).body).toMatchObject([{ name: 'of somebody else' }]);
  });

  it('ping, unsigned, and are verified by their raw bytes', async () => {
    await using shop = await openShop();
    await using receiver = await openReceiver();
    const hooks = (await shop.source.webhooks?.subscribe(receiver.url)) ?? [];
    await until(receiver, hooks.length);
    const [ping] = receiver.received.splice(0);
    if (!ping) throw new Error('there was no ping');
    expect(Buffer.from(ping.body).toString()).toMatch(/^webhook_id=\d+$/);
    expect(shop.source.webhooks?.handshake(ping)).toEqual({ status: 200, body: '' });
    const [id = ''] = idsOf(shop.system, 'orders');
    await shop.call(`orders/${id}`, { method: 'PUT', body: { customer_note: 'a/b “q” 🔔 <b>' } });
    await shop.clock.advance(CRON_MS);
    await until(receiver, 1);
    const [delivery] = receiver.received;
    if (!delivery) throw new Error('there was no delivery');
    expect(Buffer.from(delivery.body).toString()).toContain('a\\/b \\u201cq\\u201d \\ud83d\\udd14 <b>');
    expect(await shop.source.webhooks?.verify(delivery)).toMatchObject({
      ok: true,
      changed: [{ stream: 'orders', id, deleted: false }],
    });
    const rewritten = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(delivery.body).toString())));
    expect(await shop.source.webhooks?.verify({ ...delivery, body: rewritten })).toMatchObject({ ok: false });
  });

  it('tell an edited variation as its product’s update, a deleted record by its id, two edits as one', async () => {
    await using shop = await openShop();
    await using receiver = await openReceiver();
    await subscribed(shop, receiver);
    const [variation = ''] = idsOf(shop.system, 'variations');
    const [order = ''] = idsOf(shop.system, 'orders');
    await shop.system.change({ kind: 'update', stream: 'variations', id: variation, marker: 'one' });
    await shop.system.change({ kind: 'update', stream: 'variations', id: variation, marker: 'two' });
    await shop.clock.advance(CRON_MS);
    await until(receiver, 1);
    await shop.system.change({ kind: 'delete', stream: 'orders', id: order });
    await shop.clock.advance(CRON_MS);
    await until(receiver, 2);
    expect(topics(receiver)).toEqual(['product.updated', 'order.deleted']);
    const [edited, deleted] = receiver.received.map(({ body }) => JSON.parse(Buffer.from(body).toString()));
    expect(edited).toMatchObject({ id: Number(variation), type: 'variation', description: 'two' });
    expect(deleted).toEqual({ id: Number(order) });
    const verdicts = await Promise.all(receiver.received.map((one) => shop.source.webhooks?.verify(one)));
    expect(verdicts.map((one) => one?.ok === true && one.changed)).toEqual([
      [
        { stream: 'variations', id: variation, deleted: false },
        { stream: 'products', id: String(edited.parent_id), deleted: false },
      ],
      [{ stream: 'orders', id: order, deleted: true }],
    ]);
  });

  it('are never repeated, count a redirect as taken, and are switched off at the seventh failure', async () => {
    await using shop = await openShop();
    await using receiver = await openReceiver();
    await subscribed(shop, receiver);
    const [id = ''] = idsOf(shop.system, 'coupons');
    const edit = async (count: number) => {
      await shop.system.change({ kind: 'update', stream: 'coupons', id, marker: `edit ${count}` });
      await shop.clock.advance(CRON_MS);
    };
    receiver.status = 302;
    await edit(0);
    await until(receiver, 1);
    receiver.status = 500;
    for (let count = 1; count <= 7; count += 1) {
      await edit(count);
      await until(receiver, count + 1);
      await shop.clock.advance(CRON_MS);
    }
    const isOff = async () => {
      const hooks = (await shop.source.webhooks?.inspect()) ?? [];
      return hooks.some(({ topic, state }) => topic === 'coupon.updated' && state === 'disabled') || undefined;
    };
    await waitFor('the hook to be switched off', isOff);
    await edit(8);
    expect(receiver.received).toHaveLength(8);
  });

  it.each(['lose', 'double', 'late'] as const)('can be made to %s', async (fate) => {
    const fates = [fate, 'deliver'] as const;
    let at = 0;
    const faults: Partial<Faults> = { ...NO_FAULTS, onWebhook: () => fates[at++] ?? 'deliver' };
    await using shop = await openShop({ faults });
    await using receiver = await openReceiver();
    await subscribed(shop, receiver);
    const [one = '', two = ''] = idsOf(shop.system, 'coupons');
    await shop.system.change({ kind: 'update', stream: 'coupons', id: one, marker: 'one' });
    await shop.clock.advance(CRON_MS);
    if (fate === 'double') await until(receiver, 2);
    await shop.system.change({ kind: 'update', stream: 'coupons', id: two, marker: 'two' });
    await shop.clock.advance(CRON_MS);
    const wanted = { lose: [two], double: [one, one, two], late: [two, one] }[fate];
    await until(receiver, wanted.length);
    const ids = receiver.received.map(({ body }) => String(JSON.parse(Buffer.from(body).toString()).id));
    expect(ids).toEqual(wanted);
  });

  it('need a secret, and a key that may write', async () => {
    await using shop = await openShop();
    const { connector: _, webhookSecret: __, ...settings } = shop.system.settings;
    const open = (more: object) =>
      woocommerce.open(woocommerce.config.parse({ ...settings, ...more }), contextWith(shop.clock));
    const bare = await open({});
    await expect(bare.webhooks?.subscribe('http://127.0.0.1/hook')).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
    });
    const reader = { consumerKey: 'ck_sandbox_read', consumerSecret: 'cs_sandbox_read', webhookSecret: 'x' };
    const source = await open(reader);
    await expect(source.webhooks?.subscribe('http://127.0.0.1/hook')).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
    });
  });
});
