/** Patches, one case at a time; the generated worlds hold them against an oracle. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import type { JsonObject } from '../../src/connector/contract.ts';
import { explain } from '../../src/load/explain.ts';
import { acceptDeadLetters } from '../../src/load/list-dead-letters.ts';
import { forget } from '../../src/load/retention.ts';
import { showRecord } from '../../src/load/show-record.ts';
import { decodeOf } from '../../src/run/streams.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { memoryStore } from '../support/stores.ts';
import { MAPPINGS } from './shop-mapping.ts';

const DAY_MS = 86_400_000;
const STREAM = 'crm/patches';

describe('patches of a record', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  const open = (tenant: string): Promise<Loading> =>
    openLoading(store, {
      tenant,
      connections: [{ name: 'crm', streams: [{ name: 'patches', mappings: ['products'] }] }],
      mappings: MAPPINGS,
      streams: [declared('patches', { mode: 'patch' })],
    });
  const say = async (loading: Loading, body: JsonObject, version: number | null = null) => {
    await loading.clock.advance(1000);
    loading.script.say('crm', 'patches', [
      { records: [{ id: 'r1', body: { id: 'r1', ...body }, version }], observedAt: loading.clock.now() },
    ]);
    return loading.run(STREAM);
  };
  const row = async (loading: Loading): Promise<Record<string, unknown> | undefined> =>
    (
      await store.rows<Record<string, unknown>>(
        sql`select name, brand, kind, price::text as price from product where tenant = ${loading.streams.tenant}`,
      )
    )[0];

  it('keep what earlier ones named, and empty what they name empty', async () => {
    await using loading = await open('keep');
    await say(loading, { name: 'Mug', brand: 'Acme', price: '2' });
    await say(loading, { brand: null });
    await say(loading, { kind: 'cup' });
    expect(await row(loading)).toEqual({ name: 'Mug', brand: null, kind: 'cup', price: '2' });
  });

  it('that come late fill what nobody named since, and nothing else', async () => {
    await using loading = await open('late');
    await say(loading, { name: 'Mug', price: '2' }, 5);
    const late = await say(loading, { price: '1', kind: 'cup' }, 3);
    expect([late.updated, late.skipped]).toEqual([1, 0]);
    const older = await say(loading, { price: '0' }, 2);
    expect([older.updated, older.skipped, older.skipped_by]).toEqual([0, 1, { stale: 1 }]);
    expect(await row(loading)).toEqual({ name: 'Mug', brand: null, kind: 'cup', price: '2' });
  });

  it('that lack what is required wait as one dead letter, and count when it is there', async () => {
    await using loading = await open('required');
    expect((await say(loading, { brand: 'Acme' })).dead_lettered).toBe(1);
    expect((await say(loading, { kind: 'cup' })).dead_lettered).toBe(1);
    expect((await say(loading, { name: 'Mug' })).created).toBe(1);
    expect(await row(loading)).toEqual({ name: 'Mug', brand: 'Acme', kind: 'cup', price: null });
    const letters = await store.rows(
      sql`select state, times from dead_letter where tenant = ${loading.streams.tenant}`,
    );
    expect(letters).toEqual([{ state: 'replayed', times: 2 }]);
  });

  it('that were accepted as dead letters say nothing any more', async () => {
    await using loading = await open('accepted');
    await say(loading, { name: 'Mug', brand: 'Acme' });
    await say(loading, { name: null, brand: 'Other' });
    const [letter] = await store.rows<{ id: number }>(
      sql`select id from dead_letter where tenant = ${loading.streams.tenant} and state = 'open'`,
    );
    const ids = [publicId('deadLetter', letter?.id ?? 0)];
    const { tenant } = loading.streams;
    await acceptDeadLetters({ store, clock: loading.clock }, { tenant, ids, actor: 'test', note: 'a slip' });
    await say(loading, { kind: 'cup' });
    expect(await row(loading)).toEqual({ name: 'Mug', brand: 'Acme', kind: 'cup', price: null });
  });

  it('begin anew after a delete', async () => {
    await using loading = await open('delete');
    await say(loading, { name: 'Mug', brand: 'Acme' });
    await loading.clock.advance(1000);
    loading.script.say('crm', 'patches', [
      { tombstones: [{ id: 'r1', version: null }], observedAt: loading.clock.now() },
    ]);
    expect((await loading.run(STREAM)).deleted).toBe(1);
    await say(loading, { name: 'Tea' });
    const said = await show(loading);
    expect(said.contributions[0]?.values).toEqual({ name: 'Tea' });
  });

  it('outlive the retention of raw history as long as they stand behind a value, and explain says which', async () => {
    await using loading = await open('retention');
    const first = loading.clock.now().getTime() + 1000;
    await say(loading, { name: 'Mug', brand: 'Acme' });
    for (const price of ['1', '2', '3']) await say(loading, { price });
    await loading.clock.advance(100 * DAY_MS);
    await say(loading, { kind: 'cup' });
    await loading.clock.advance(100 * DAY_MS);
    const { tenant } = loading.streams;
    const gone = await forget(store, tenant, { rawDays: 1, outboxDays: 1, runDays: 1 }, loading.clock.now());
    expect([gone['record_history'], gone['page']]).toEqual([4, 4]);
    await say(loading, { price: '4' });
    expect(await row(loading)).toEqual({ name: 'Mug', brand: 'Acme', kind: 'cup', price: '4' });
    const id = (await show(loading)).contributions[0]?.id ?? '';
    const deps = { ...loading.runs.load, decodeOf: () => decodeOf(loading.stream(STREAM).connector) };
    const told = await explain(deps, tenant, 'product', id, 'brand');
    expect(told.fields[0]?.winner).toMatchObject({
      value: 'Acme',
      observedAt: new Date(first).toISOString(),
      changedAt: new Date(first).toISOString(),
    });
  });

  const show = (loading: Loading) =>
    showRecord(loading.runs.load, loading.stream(STREAM), decodeOf(loading.stream(STREAM).connector), 'r1');

  it('are shown as they came, and read merged', async () => {
    await using loading = await open('shown');
    await say(loading, { name: 'Mug' });
    await say(loading, { kind: 'cup' });
    const [version] = (await show(loading)).versions;
    expect(version?.raw).toEqual(['{"id":"r1","kind":"cup"}']);
    expect(version?.decoded).toEqual({ id: 'r1', name: 'Mug', kind: 'cup' });
  });
});
