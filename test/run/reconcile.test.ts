import { describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { claimRun, moveRun } from '../../src/run/runs.ts';
import { tick } from '../../src/run/schedule.ts';
import { sql } from '../../src/store/store.ts';
import { MAPPINGS } from '../load/shop-mapping.ts';
import { makeTestClock, type TestClock } from '../support/clock.ts';
import type { Loading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { makeStage } from '../support/stage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const stage = makeStage('reconcile');

function openShop(
  clock: TestClock,
  more: Partial<Parameters<typeof declared>[1]> = {},
  brake?: { share: number; count: number },
): Promise<Loading> {
  return stage.open({
    clock,
    connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
    mappings: MAPPINGS,
    streams: [declared('products', { deletes: ['tombstone'], ...more })],
    ...(brake ? { brake } : {}),
  });
}

/** The runs a tick makes, ended at once. */
async function ticked(loading: Loading): Promise<string[]> {
  const { clock } = loading;
  const made = await tick({ store: stage.store, clock }, loading.streams.all);
  const modes: string[] = [];
  for (const id of made) {
    const claim = await claimRun(stage.store, id, clock.now(), MINUTE);
    if (claim && 'run' in claim) modes.push(claim.run.mode);
    await moveRun(stage.store, id, 'succeeded', clock.now());
  }
  return modes;
}

describe('a stream whose deletes show by absence and with fields the cursor cannot see', () => {
  it('is read whole each day, which sweeps as well, and swept each hour, if nobody says otherwise', async () => {
    const clock = makeTestClock('2026-11-21T12:30:00Z');
    await using loading = await openShop(clock, { deletes: ['absence'], blindFields: ['stock'] });
    expect(await ticked(loading)).toEqual([]);
    await clock.advance(31 * MINUTE);
    expect(await ticked(loading)).toEqual(['sweep']);
    await clock.advance(11 * HOUR);
    expect(await ticked(loading)).toEqual(['full']);
    await clock.advance(20 * MINUTE);
    expect(await ticked(loading)).toEqual([]);
  });

  it('gets no second one while the first is going', async () => {
    const clock = makeTestClock('2026-11-21T12:30:00Z');
    await using loading = await openShop(clock, { blindFields: ['stock'] });
    await tick({ store: stage.store, clock }, loading.streams.all);
    await clock.advance(HOUR);
    expect(await tick({ store: stage.store, clock }, loading.streams.all)).toHaveLength(1);
    await clock.advance(HOUR);
    expect(await tick({ store: stage.store, clock }, loading.streams.all)).toHaveLength(0);
  });
});

it('a stream without either is left to its polls', async () => {
  const clock = makeTestClock('2026-11-21T12:30:00Z');
  await using loading = await openShop(clock);
  await ticked(loading);
  await clock.advance(49 * HOUR);
  expect(await ticked(loading)).toEqual([]);
});

it('a sweep goes on where the last one ended, and leaves the cursor of changes alone', async () => {
  const clock = makeTestClock();
  await using loading = await openShop(clock, { blindFields: ['stock'] });
  const page = () => ({ observedAt: clock.now() });
  loading.script.say('shop', 'products', [page()]);
  await loading.run('shop/products');
  const cursors = async () => {
    const [row] = await stage.store.rows<{ cursor: unknown; sweep_cursor: unknown }>(
      sql`select cursor, sweep_cursor from stream where id = ${loading.stream('shop/products').id}`,
    );
    return row;
  };
  expect(await cursors()).toEqual({ cursor: { reading: 1, page: 1 }, sweep_cursor: null });
  loading.script.say('shop', 'products', [page(), page()]);
  await loading.run('shop/products', 'sweep');
  expect(await cursors()).toEqual({ cursor: { reading: 1, page: 1 }, sweep_cursor: { reading: 2, page: 2 } });
  await loading.run('shop/products', 'sweep');
  expect(loading.script.asked.map(({ mode, cursor }) => [mode, cursor])).toEqual([
    ['incremental', null],
    ['sweep', null],
    ['sweep', { reading: 2, page: 2 }],
  ]);
});

it('what a webhook named is read between two slices of a long run', async () => {
  const clock = makeTestClock();
  await using loading = await openShop(clock);
  const full = await loading.queue('shop/products', 'full');
  const held = await claimRun(stage.store, full, clock.now(), MINUTE);
  if (!held || !('run' in held)) throw new Error('the run was not free');
  const ids = await loading.queue('shop/products', 'ids');
  expect(await claimRun(stage.store, ids, clock.now(), MINUTE)).toEqual({ againInMs: 200 });
  await stage.store.rows(sql`update run set lease_until = null where id = ${full}`);
  expect(await claimRun(stage.store, ids, clock.now(), MINUTE)).toMatchObject({ run: { id: ids } });
  expect(await claimRun(stage.store, full, clock.now(), MINUTE)).toEqual({ againInMs: 1000 });
});

describe('the cursor of changes after a full read', () => {
  const half = { message: 'half a line', position: 3, raw: null };
  const bodies = (ids: string) => [...ids].map((id) => ({ id, body: { id, name: id, variants: [] } }));

  /** Where changes are read on after a first read, and after a full one of this page. */
  async function cursorAfter(page: Partial<ScriptPage>) {
    const clock = makeTestClock();
    await using loading = await openShop(clock, { deletes: ['absence'] }, { share: 0, count: 0 });
    const window = (id: string) => ({ window: { id, kind: 'snapshot', scope: 'all' } as const, complete: true });
    loading.script.say('shop', 'products', [{ ...window('first'), records: bodies('abc'), observedAt: clock.now() }]);
    await loading.run('shop/products');
    await clock.advance(MINUTE);
    loading.script.say('shop', 'products', [
      { ...window('second'), records: bodies('abc'), observedAt: clock.now(), ...page },
    ]);
    const { state } = await loading.run('shop/products', 'full');
    const [row] = await stage.store.rows<{ cursor: { reading: number } }>(
      sql`select cursor from stream where id = ${loading.stream('shop/products').id}`,
    );
    return [state, row?.cursor.reading];
  }

  it('stands at its start when everything was read, also where deletes wait', async () => {
    expect(await cursorAfter({})).toEqual(['succeeded', 2]);
    expect(await cursorAfter({ records: bodies('a') })).toEqual(['held', 2]);
  });

  it('stays where it was when a part could not be read: what happened in between is still to be looked for', async () => {
    expect(await cursorAfter({ problems: [half] })).toEqual(['incomplete', 1]);
    expect(await cursorAfter({ expected: 4 })).toEqual(['incomplete', 1]);
  });
});

it('a read that went on from a broken-off run says which deletes it could not judge, why, and what to do', async () => {
  const clock = makeTestClock();
  await using loading = await openShop(clock, { deletes: ['absence'] });
  const records = (ids: string) => [...ids].map((id) => ({ id, body: { id, name: id, variants: [] } }));
  const page = (id: string, ids: string, more: Partial<ScriptPage> = {}) => ({
    ...{ window: { id, kind: 'snapshot', scope: 'all' } as const, records: records(ids), complete: true },
    ...{ observedAt: clock.now(), ...more },
  });
  const read = async (one: ScriptPage, mode: 'full' | 'incremental' = 'full') => {
    await clock.advance(MINUTE);
    loading.script.say('shop', 'products', [one]);
    return loading.run('shop/products', mode);
  };
  await read(page('first', 'abcdefgh'), 'incremental');
  const half = { message: 'half a line', position: 3, raw: null };
  const broken = await read(page('second', 'a', { complete: false, problems: [half] }), 'incremental');
  const run = await read(page('second', 'b'), 'incremental');
  expect([run.state, run.deleted]).toEqual(['incomplete', 0]);
  expect(run.error).toMatchObject({
    code: 'ERR_EXTRACT_PARSE',
    message: `Part of the source could not be read: a part that was read earlier, by ${publicId('run', broken.id)} (\`tributary runs show\` names the place); whether records that were not seen are gone was not judged, and none was deleted: c, d, e, f, g and 1 more.`,
    remedy: expect.stringMatching(/deliver it again/),
  });
  // Read anew as a whole, it is judged.
  const anew = await read(page('third', 'ab'));
  expect([anew.state, anew.deleted]).toEqual(['succeeded', 6]);
});
