/** A run that goes on with what an earlier one left half read. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReadRequest } from '../../src/connector/contract.ts';
import { TributaryError } from '../../src/errors.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { MAPPINGS } from '../load/shop-mapping.ts';
import { makeTestClock } from '../support/clock.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { memoryStore } from '../support/stores.ts';

let store: Store;
beforeAll(async () => {
  store = await memoryStore();
});
afterAll(() => store.close());

/** Makes pages of one product each. */
const pagesOf =
  (loading: Loading, prefix = '') =>
  (name: string, more: Partial<ScriptPage> = {}): ScriptPage => {
    const id = `${prefix}${name}`;
    return { records: [{ id, body: { id, sku: id, name } }], observedAt: loading.clock.now(), ...more };
  };

const refusedOnce = () => ({
  error: new TributaryError('ERR_CONNECTOR_CREDENTIALS', 'The vendor knows us no more.'),
  times: 1,
});

it('brings what changed behind it in the same run', async () => {
  await using loading = await openLoading(store, {
    connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
  });
  const page = pagesOf(loading);
  const away = refusedOnce();
  const changedBehind = async () => loading.script.say('shop', 'products', [page('changed')]);
  loading.script.say('shop', 'products', [
    page('first', { afterCommit: async () => undefined }), // Committed alone.
    page('second'),
    page('last', { fails: away, afterCommit: changedBehind }),
  ]);
  const failed = await loading.run('shop/products');
  expect([failed.state, failed.read]).toEqual(['failed', 1]);

  const run = await loading.run('shop/products');
  expect([run.state, run.read, run.created]).toEqual(['succeeded', 3, 3]);
  expect(await store.rows(sql`select external_id from record order by no`)).toEqual(
    ['first', 'second', 'last', 'changed'].map((name) => ({ external_id: name })),
  );
  // One that began its window itself is through with its end.
  const asked = loading.script.asked.length;
  loading.script.say('shop', 'products', [page('later')]);
  await loading.run('shop/products');
  expect(loading.script.asked.length).toBe(asked + 1);
});

it('brings it also where the end of that window showed that something is gone', async () => {
  await using loading = await openLoading(store, {
    connections: [{ name: 'shrunk', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
  });
  const page = pagesOf(loading, 'shrunk-');
  const say = (...pages: ScriptPage[]) => {
    const window = { id: `whole ${loading.clock.now().getTime()}`, kind: 'snapshot', scope: 'all' } as const;
    const last = pages.length - 1;
    const whole = pages.map((one, at): ScriptPage => ({ ...one, window, complete: at === last }));
    loading.script.say('shrunk', 'products', whole);
  };
  say(page('gone'));
  await loading.run('shrunk/products');
  await loading.clock.advance(60_000);
  const away = refusedOnce();
  const changedBehind = async () => loading.script.say('shrunk', 'products', [page('changed')]);
  say(
    page('first', { afterCommit: async () => undefined }), // Committed alone.
    page('second'),
    page('last', { fails: away, afterCommit: changedBehind }),
  );
  const failed = await loading.run('shrunk/products');
  expect([failed.state, failed.read]).toEqual(['failed', 1]);
  const run = await loading.run('shrunk/products');
  expect([run.state, run.created, run.deleted]).toEqual(['succeeded', 3, 1]);
});

it('comes on although the source takes longer for a page than a slice lasts, and while webhooks keep waiting', async () => {
  const clock = makeTestClock();
  await using loading = await openLoading(store, {
    connections: [{ name: 'slow', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
    clock,
    sliceMs: 5_000,
    connector: (plain) => ({
      ...plain,
      open: async (config, context) => {
        const source = await plain.open(config, context);
        async function* read(request: ReadRequest) {
          for await (const page of source.read(request)) {
            await clock.advance(9_000);
            yield page;
          }
        }
        return { ...source, read };
      },
    }),
  });
  loading.script.say('slow', 'products', [
    { records: [{ id: 'one', body: { id: 'one', name: 'one' } }], observedAt: clock.now() },
  ]);
  const run = await loading.run('slow/products');
  expect([run.state, run.read]).toEqual(['succeeded', 1]);
});

it('tells in its log what was left alone', async () => {
  await using loading = await openLoading(store, {
    connections: [{ name: 'files', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products')],
  });
  const notes = [{ file: 'old.csv', reason: 'superseded', by: 'new.csv' }];
  loading.script.say('files', 'products', [{ observedAt: loading.clock.now(), context: { notes } }]);
  const run = await loading.run('files/products');
  expect(await store.rows(sql`select message from run_log where run_id = ${run.id} order by at, message`)).toEqual([
    { message: 'old.csv is not loaded: superseded (new.csv)' },
    { message: 'run succeeded' },
  ]);
});
