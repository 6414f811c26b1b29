import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/extract/clock.ts';
import { dueInspections, mendWebhooks, subscribed } from '../../src/inbound/subscriptions.ts';
import { silentLog } from '../../src/observe/log.ts';
import { openShopify } from '../../src/sandbox/shopify/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { inThisProcess, makePlace, type Place } from './support.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

let shop: VendorSystem;
let place: Place;
beforeAll(async () => {
  shop = await openShopify({ world: makeWorld(), clock: systemClock });
  // JSON is YAML, too.
  const shopOf = { ...shop.settings, streams: { products: { every: 'manual' } } };
  const feeds = { connector: 'feed', path: './feeds', streams: {} };
  const config = { tenant: 'acme', public_url: 'http://127.0.0.1:9', connections: { shop: shopOf, feeds } };
  place = await makePlace(JSON.stringify(config));
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await shop?.close();
});

describe('connections subscribe and unsubscribe', { timeout: 2 * MINUTE_MS }, () => {
  it('begin and end webhooks, which the check tells of', async () => {
    const program = inThisProcess(place.dir);
    const made = await program.run('connections', 'subscribe', 'shop');
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/^active +PRODUCTS_UPDATE$/m);
    expect(made.out).toMatch(/webhooks to http:\/\/127\.0\.0\.1:9\/webhooks\/in\/shop$/m);
    expect((await program.run('connections', 'check', 'shop')).out).toContain('webhooks are active');
    expect(await program.run('connections', 'unsubscribe', 'shop')).toMatchObject({
      code: 0,
      out: 'The vendor sends no more webhooks for shop.\n',
    });
    expect((await program.run('connections', 'check', 'shop')).out).not.toContain('webhooks are active');
    for (const command of ['subscribe', 'unsubscribe']) {
      const refused = await program.run('connections', command, 'feeds');
      expect(refused.code).toBe(1);
      expect(refused.err).toContain('The connector of feeds has no webhooks.');
      expect((await program.run('connections', command, 'nowhere')).code).toBe(2);
    }
    await program.run('connections', 'subscribe', 'shop');
    await program.close();
  });
});

describe('webhooks that the vendor switched off', { timeout: 2 * MINUTE_MS }, () => {
  let app: App;
  beforeAll(async () => {
    app = await openApp(loadConfig({ dir: place.dir, env: {} }), { log: silentLog });
  });
  afterAll(() => app?.close());

  const depsOf = () => ({ store: app.store, clock: app.clock, tenant: app.streams.tenant });
  const open = () => app.openSource('shop', new AbortController().signal);
  const due = () => dueInspections(depsOf(), new Date(app.clock.now().getTime() + HOUR_MS));

  it('are found when it is their turn, and subscribed again', async () => {
    expect(await dueInspections(depsOf(), new Date(app.clock.now().getTime() - HOUR_MS))).toEqual([]);
    const [found] = await due();
    if (!found) throw new Error('the turn of shop never comes');
    expect(found.name).toBe('shop');
    expect(await mendWebhooks(depsOf(), 'shop', found.known, open)).toEqual([]);
    const source = await open();
    await source.webhooks?.unsubscribe(); // Behind our back, as a vendor does after days without an answer.
    expect(await mendWebhooks(depsOf(), 'shop', found.known, open)).toEqual(found.known.topics);
    expect(await mendWebhooks(depsOf(), 'shop', found.known, open)).toEqual([]);
    expect((await subscribed(depsOf(), 'shop'))?.problem).toBeNull();
    await source.close();
  });

  it('are a problem that is kept, while they cannot be mended', async () => {
    const [found] = await due();
    if (!found) throw new Error('the turn of shop never comes');
    await mendWebhooks(depsOf(), 'shop', found.known, () => Promise.reject(new Error('the shop is away')));
    expect((await subscribed(depsOf(), 'shop'))?.problem).toContain('the shop is away');
    await mendWebhooks(depsOf(), 'shop', found.known, open);
    expect((await subscribed(depsOf(), 'shop'))?.problem).toBeNull();
  });
});
