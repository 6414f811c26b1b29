import { describe, expect, it } from 'vitest';
import { readiness } from '../../src/observe/health.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { makeTestClock } from '../support/clock.ts';

describe('metrics', () => {
  it('count what rooms report', async () => {
    const metrics = createMetrics();
    const of = { connection: 'feeds', stream: 'inventory' };
    metrics.extracted(of, 500);
    metrics.pageLoaded(of, 0.02, { created: 400, dead_lettered: 1, skipped: 0 });
    metrics.runEnded(of, 'succeeded', 3);
    metrics.beforeScrape(async (gauges) => gauges.queueWakes({ waiting: 2 }));
    metrics.beforeScrape(() => Promise.reject(new Error('away')));
    const { body } = await metrics.scrape();
    for (const line of [
      'extract_records_total{connection="feeds",stream="inventory"} 500',
      'load_records_total{connection="feeds",stream="inventory",outcome="created"} 400',
      'load_records_total{connection="feeds",stream="inventory",outcome="dead_lettered"} 1',
      'load_page_duration_seconds_bucket{le="0.025",connection="feeds",stream="inventory"} 1',
      'run_total{connection="feeds",stream="inventory",state="succeeded"} 1',
      'queue_wakes{state="waiting"} 2',
    ])
      expect(body).toContain(line);
    expect(body).not.toContain('outcome="skipped"');
  });

  it('have names that end in their unit, and labels from a closed list', async () => {
    const { body } = await createMetrics().scrape();
    const names = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type]) => ({ name, type }));
    expect(names.length).toBeGreaterThan(15);
    expect(
      names.filter(
        ({ name, type }) =>
          (type === 'counter') !== name.endsWith('_total') || (type === 'histogram' && !name.endsWith('_seconds')),
      ),
    ).toEqual([]);
  });
});

describe('readiness', () => {
  it('waits for a check no longer than it may take', async () => {
    const clock = makeTestClock();
    const asked = readiness({ slow: () => new Promise(() => undefined), good: async () => null }, clock, 3000);
    await clock.advance(3000);
    expect(await asked).toEqual({ ready: false, missing: [{ name: 'slow', message: 'does not answer within 3 s' }] });
    expect(clock.sleeping()).toBe(0);
  });
});
