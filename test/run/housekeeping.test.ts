import { expect, it } from 'vitest';
import type { App } from '../../src/app.ts';
import { keepHouse } from '../../src/housekeeping.ts';
import { silentLog } from '../../src/observe/log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { sql } from '../../src/store/store.ts';
import { emptyStore, tenantId } from '../inventory/shop.ts';
import { makeTestClock } from '../support/clock.ts';
import { waitFor } from '../support/services.ts';

it('a vendor that does not answer keeps no alert back', async () => {
  const store = await emptyStore();
  const tenant = await tenantId(store, 'acme');
  const clock = makeTestClock();
  const end = new AbortController();
  const openSource = () =>
    new Promise((_, reject) => end.signal.addEventListener('abort', () => reject(end.signal.reason)));
  // What housekeeping uses of the program.
  const app = {
    store,
    clock,
    log: silentLog,
    config: { alerts: [], retention: { rawDays: 90, outboxDays: 7, runDays: 90 } },
    streams: { tenant },
    openSource,
  } as unknown as App;
  const keeping = keepHouse(app, createMetrics(), end.signal, () => undefined);
  const alerts = () =>
    waitFor('one alert more', async () => {
      await clock.advance(15_000);
      const rows = await store.rows(sql`select cause from alert`);
      return rows.length === known + 1 ? rows.length : undefined;
    });
  await store.rows(
    sql`insert into inbound_delivery (connection_id, delivery_id, tenant, received_at, changed, ignored) values (1, 'old', ${tenant}, '2020-01-01Z', 0, 0)`,
  );
  let known = 0;
  for (const stream of [1, 2]) {
    await store.rows(sql`insert into connection (id, tenant, name, connector, settings, webhook_url)
      values (${stream}, ${tenant}, ${`shop-${stream}`}, 'shopify', '{}', 'https://example.com')`);
    await store.rows(
      sql`insert into stream (id, tenant, connection_id, name, every) values (${stream}, ${tenant}, ${stream}, 'orders', '15m')`,
    );
    await store.rows(
      sql`insert into run (id, tenant, stream_id, state, mode, trigger, due_at) values (${stream}, ${tenant}, ${stream}, 'failed', 'full', 'schedule', now())`,
    );
    known = await alerts();
  }
  expect(known).toBe(2);
  // Old things go soon after the start.
  expect(await store.rows(sql`select 1 from inbound_delivery`)).toEqual([]);
  end.abort();
  await keeping;
  await store.close();
});
