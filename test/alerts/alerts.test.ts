import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evaluateAlerts } from '../../src/alerts/evaluate.ts';
import { storeGauges } from '../../src/alerts/gauges.ts';
import { sendAlerts } from '../../src/alerts/send.ts';
import type { Config } from '../../src/config/types.ts';
import { createLog } from '../../src/observe/log.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { json, type Store, sql } from '../../src/store/store.ts';
import { emptyStore, tenantId } from '../inventory/shop.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';
import { type HttpSink, httpSink, smtpSink } from './sinks.ts';

const MINUTE = 60_000;

describe('alerts', () => {
  let store: Store;
  let tenant: number;
  let clock: TestClock;
  let hook: HttpSink;
  let lines: string[];
  let runs = 0;

  beforeEach(async () => {
    store = await emptyStore();
    tenant = await tenantId(store, 'acme');
    clock = makeTestClock();
    hook = await httpSink();
    lines = [];
    await store.rows(
      sql`insert into connection (id, tenant, name, connector, settings) values (1, ${tenant}, 'feeds', 'feed', '{}')`,
    );
    await store.rows(
      sql`insert into stream (id, tenant, connection_id, name, every) values (1, ${tenant}, 1, 'inventory', '15m')`,
    );
  });
  afterEach(async () => {
    await hook[Symbol.asyncDispose]();
    await store.close();
  });

  const run = async (state: string, error: unknown = null) => {
    runs += 1;
    const at = sql`${clock.now().toISOString()}::timestamptz`;
    await store.rows(sql`insert into run (id, tenant, stream_id, state, mode, trigger, due_at, error, started_at, finished_at)
      values (${runs}, ${tenant}, 1, ${state}, 'full', 'schedule', ${at} + ${`${runs} ms`}::interval, ${json(error)}, ${state === 'queued' ? null : clock.now().toISOString()}::timestamptz, ${at})`);
    return runs;
  };
  const look = () => evaluateAlerts(store, { tenant, now: clock.now() });
  const send = (alerts: Config['alerts'] = [{ kind: 'webhook', to: hook.url }], smtpUrl: string | null = null) =>
    sendAlerts(store, {
      tenant,
      config: { tenant: 'acme', alerts, smtpUrl },
      clock,
      log: createLog({ format: 'json', write: (line) => lines.push(line) }),
      timeoutMs: 300,
    });
  const open = async () =>
    (await store.rows<{ cause: string }>(sql`select cause from alert where recovered_at is null order by cause`)).map(
      (row) => row.cause,
    );

  it('tells of a failed run once, and of its recovery once', async () => {
    await run('failed', { code: 'ERR_CONNECTOR_CREDENTIALS', message: 'password hunter2 refused' });
    expect(await look()).toEqual({ opened: 1, recovered: 0 });
    await run('incomplete', { code: 'ERR_RUN_UNBALANCED', message: '' });
    expect(await look()).toEqual({ opened: 0, recovered: 0 });
    expect([await send(), await send()]).toEqual([1, 0]);
    await clock.advance(MINUTE);
    await run('succeeded');
    expect(await look()).toEqual({ opened: 0, recovered: 1 });
    expect([await send(), await send()]).toEqual([1, 0]);
    expect(hook.bodies).toEqual([
      {
        type: 'alert.opened',
        tenant: 'acme',
        cause: 'feeds/inventory:failed',
        message: expect.stringMatching(
          /^Run run_\w+ of feeds\/inventory failed\. ERR_CONNECTOR_CREDENTIALS: The source refused/,
        ),
        opened_at: '2026-11-21T12:00:00.000Z',
        recovered_at: null,
      },
      {
        type: 'alert.recovered',
        tenant: 'acme',
        cause: 'feeds/inventory:failed',
        message: 'feeds/inventory is well again (feeds/inventory:failed).',
        opened_at: '2026-11-21T12:00:00.000Z',
        recovered_at: '2026-11-21T12:01:00.000Z',
      },
    ]);
    expect(JSON.stringify(hook.bodies)).not.toContain('hunter2');
    await run('failed');
    expect(await look()).toEqual({ opened: 1, recovered: 0 });
  });

  it('keeps a failure open while a later run waits for approval', async () => {
    await run('failed');
    await look();
    const held = await run('held');
    await store.rows(
      sql`insert into held_delete (tenant, run_id, stream_id, no, external_id, state) values (${tenant}, ${held}, 1, 1, 'x', 'held')`,
    );
    expect(await look()).toEqual({ opened: 1, recovered: 0 });
    expect(await open()).toEqual(['feeds/inventory:failed', 'feeds/inventory:held']);
    await store.rows(sql`update run set state = 'succeeded' where id = ${held}`);
    expect(await look()).toEqual({ opened: 0, recovered: 2 });
  });

  it('tells of a schedule that nobody keeps and of a run that nobody starts, not of paused ones', async () => {
    const due = async (minutesAgo: number) =>
      store.rows(
        sql`update stream set next_due_at = ${new Date(clock.now().getTime() - minutesAgo * MINUTE).toISOString()}::timestamptz`,
      );
    await due(9);
    expect(await look()).toEqual({ opened: 0, recovered: 0 });
    await due(11);
    expect(await look()).toEqual({ opened: 1, recovered: 0 });
    await due(-4);
    expect(await look()).toEqual({ opened: 0, recovered: 1 });
    await run('queued');
    await clock.advance(11 * MINUTE);
    await look();
    expect(await open()).toEqual(['feeds/inventory:overdue']);
    await store.rows(sql`update connection set paused_at = now()`);
    expect(await look()).toEqual({ opened: 0, recovered: 1 });
  });

  it('tries again when sending fails, and does not wait for ever', async () => {
    await run('failed');
    await look();
    hook.status = 500;
    expect(await send()).toBe(0);
    hook.isSilent = true;
    expect(await send()).toBe(0);
    hook.isSilent = false;
    hook.status = 200;
    expect(await send()).toBe(1);
    expect(lines.map((line) => JSON.parse(line).reason)).toEqual(['the other side answered 500', 'no answer in time']);
  });

  it('neither ends nor opens what failed of a connection that is paused', async () => {
    await run('failed');
    await look();
    await store.rows(sql`update connection set paused_at = now()`);
    expect(await look()).toEqual({ opened: 0, recovered: 0 });
    await store.rows(sql`update connection set paused_at = null`);
    expect(await look()).toEqual({ opened: 0, recovered: 0 });
    await run('succeeded');
    await store.rows(sql`update connection set paused_at = now()`);
    expect(await look()).toEqual({ opened: 0, recovered: 1 });
  });

  it('says of a push that waits what it waits for', async () => {
    const push = await run('held');
    await store.rows(sql`update run set mode = 'push' where id = ${push}`);
    await look();
    await send();
    expect(hook.bodies).toMatchObject([{ message: expect.stringContaining('tributary connections writes feeds') }]);
  });

  it('tells a target that is new what is open, and not all there ever was', async () => {
    for (let day = 0; day < 3; day += 1) {
      await run('failed');
      await look();
      await clock.advance(MINUTE);
      await run('succeeded');
      await look();
      await clock.advance(24 * 60 * MINUTE);
    }
    await run('failed');
    await look();
    expect(await send()).toBe(1);
  });

  it('tells the others what is new while one target is away', async () => {
    const away = { kind: 'webhook', to: 'http://127.0.0.1:1/' } as const;
    for (let count = 0; count < 101; count += 1)
      await store.rows(sql`insert into alert (tenant, cause, message, opened_at)
        values (${tenant}, ${`feeds/s${count}:failed`}, 'failed', ${new Date(clock.now().getTime() + count).toISOString()}::timestamptz)`);
    const targets = [away, { kind: 'webhook', to: hook.url }] as const;
    expect([await send(targets), await send(targets)]).toEqual([100, 1]);
    expect(lines).toHaveLength(6);
  });

  it('sends to each target apart, and never shows where to', async () => {
    await run('failed');
    await look();
    await using dead = await httpSink();
    dead.status = 404;
    await using post = await smtpSink();
    const targets = [
      { kind: 'slack', to: dead.url },
      { kind: 'email', to: 'ops@example.com' },
      { kind: 'webhook', to: hook.url },
    ] as const;
    const smtp = `smtp://alerts%40example.com:pw-s3cret@127.0.0.1:${post.port}?ignoreTLS=true`;
    expect(await send(targets, smtp)).toBe(1);
    expect(lines.join()).not.toMatch(/SECRETPART|s3cret|ops@example/);
    dead.status = 200;
    expect(await send(targets, `smtp://127.0.0.1:${post.port}?ignoreTLS=true`)).toBe(2);
    expect(hook.bodies).toHaveLength(1);
    expect(dead.bodies).toEqual([{ text: expect.stringMatching(/^:rotating_light: Run run_/) }]);
    expect(post.letters).toEqual([
      {
        from: 'tributary@127.0.0.1',
        to: 'ops@example.com',
        text: expect.stringContaining('Subject: [tributary acme] Alert: feeds/inventory:failed'),
      },
    ]);
  });

  it('sends once however many processes evaluate and send', async () => {
    await run('failed');
    await Promise.all([look(), look(), look()]);
    await Promise.all([send(), send(), send()]);
    expect(hook.bodies).toHaveLength(1);
  });

  it('gives the figures of the store to the metrics', async () => {
    await run('succeeded');
    await store.rows(sql`insert into dead_letter (id, tenant, stream_id, run_id, page_id, code, problems, state, first_at, last_at)
      values (1, ${tenant}, 1, 1, 1, 'ERR_MAPPING_REJECTED', '[]', 'open', now(), now())`);
    const metrics = createMetrics();
    metrics.beforeScrape(storeGauges(store, tenant));
    const { body } = await metrics.scrape();
    expect(body).toContain('deadletters_open{connection="feeds",stream="inventory"} 1');
    expect(body).toContain(
      `run_last_success_timestamp_seconds{connection="feeds",stream="inventory"} ${clock.now().getTime() / 1000}`,
    );
  });
});
