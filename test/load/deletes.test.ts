import { describe, expect, it } from 'vitest';
import type { ReadRequest } from '../../src/connector/contract.ts';
import { approveDeletes } from '../../src/load/deletes.ts';
import { forget } from '../../src/load/retention.ts';
import { sql } from '../../src/store/store.ts';
import type { FinishedRun, Loading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { makeStage } from '../support/stage.ts';
import { MAPPINGS } from './shop-mapping.ts';

const NAME = 'shop/products';

describe('deletes by absence', () => {
  const stage = makeStage('deletes');

  const open = (brake?: { share: number; count: number }): Promise<Loading> => {
    return stage.open({
      connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
      mappings: MAPPINGS,
      streams: [declared('products')],
      ...(brake ? { brake } : {}),
    });
  };

  /** So long that nothing is kept which nobody needs. */
  const longAfter = async (loading: Loading): Promise<void> => {
    await loading.clock.advance(100 * 86_400_000);
    const days = { rawDays: 30, outboxDays: 30, runDays: 30 };
    await forget(stage.store, loading.streams.tenant, days, loading.clock.now());
  };
  const live = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ external_id: string }>(
      sql`select external_id from record where tenant = ${loading.streams.tenant} and state in (1, 2) order by 1`,
    );
    return rows.map((row) => row.external_id).join('');
  };

  it('carry out what a complete window proves', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    const run = await read(loading, window('two', 'ac'));
    expect([await live(loading), run.deleted, run.state]).toEqual(['ac', 2, 'succeeded']);
    const [archived] = await stage.store.rows<{ count: number }>(
      sql`select count(*) as count from product where tenant = ${loading.streams.tenant} and archived_at is not null`,
    );
    expect(archived?.count).toBe(2);
  });

  it('bring nothing about in a window that does not end, is short, long or tainted', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    const states: string[] = [];
    for (const [name, page] of Object.entries({
      open: { complete: false },
      short: { expected: 2 },
      long: { expected: 0 },
      tainted: { problems: [{ message: 'half a line', position: 9, raw: null }] },
    })) {
      const run = await read(loading, window(name, 'a', page));
      states.push(`${name}: ${run.state}, ${run.deleted} deleted`);
    }
    expect(states).toEqual([
      'open: succeeded, 0 deleted',
      'short: incomplete, 0 deleted',
      'long: incomplete, 0 deleted',
      'tainted: incomplete, 0 deleted',
    ]);
    expect(await live(loading)).toBe('abcd');
  });

  it('bring nothing about in a window of which an earlier part was tainted, in a run before', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    await read(
      loading,
      window('two', 'a', { complete: false, problems: [{ message: 'bad', position: 1, raw: null }] }),
    );
    const run = await read(loading, window('two', 'b'));
    expect([await live(loading), run.deleted, run.state]).toEqual(['abcd', 0, 'incomplete']);
  });

  it('see all parts of a window that went on in a second run', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    await read(loading, window('two', 'a', { complete: false }));
    const run = await read(loading, window('two', 'b', { expected: 2 }));
    expect([await live(loading), run.deleted]).toEqual(['ab', 2]);
  });

  it('come from a window that is read a second time from its start', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd', { expected: 4 }));
    await read(loading, window('two', 'abc', { expected: 3, complete: false }));
    const run = await read(loading, window('two', 'abc', { expected: 3 }));
    expect([await live(loading), run.deleted, run.state]).toEqual(['abc', 1, 'succeeded']);
  });

  it('stay within the scope of the window', async () => {
    await using loading = await open();
    await read(loading, window('a1', 'ab', { scope: 'A' }));
    await read(loading, window('b1', 'cd', { scope: 'B' }));
    await read(loading, window('a2', 'a', { scope: 'A' }));
    expect(await live(loading)).toBe('acd');
  });

  it('spare a record that another scope has by now, unchanged, and find it there when that one drops it', async () => {
    await using loading = await open();
    await read(loading, window('a1', 'ab', { scope: 'A' }));
    await read(loading, window('b1', 'bcd', { scope: 'B' }));
    await read(loading, window('a2', 'a', { scope: 'A' }));
    expect(await live(loading)).toBe('abcd');
    await read(loading, window('b2', 'cd', { scope: 'B' }));
    expect(await live(loading)).toBe('acd');
  });

  it('spare what was seen after the window was observed', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    const observedAt = loading.clock.now();
    await loading.clock.advance(60_000);
    await read(loading, delta('b'));
    await read(loading, { ...window('two', 'a'), observedAt });
    expect(await live(loading)).toBe('ab');
  });

  it('spare what was seen after the first part of the window was read', async () => {
    await using loading = await open();
    await read(loading, window('one', 'abcd'));
    await loading.clock.advance(1000);
    const part = page(loading, { ...window('two', 'a'), complete: false, afterCommit: async () => undefined });
    await loading.clock.advance(1000);
    // Back from the trash, behind the place where the window is read.
    const seen = page(loading, delta('b'));
    await loading.clock.advance(1000);
    loading.script.say('shop', 'products', [part, seen, page(loading, window('two', 'c'))]);
    await loading.run(NAME);
    expect(await live(loading)).toBe('abc');
  });

  it('come from a full read of a window that was read badly before, and without what only that one saw', async () => {
    await using loading = await open();
    const bad = { message: 'not in the encoding set', position: 1, raw: null };
    await read(loading, window('file', 'abcd', { problems: [bad] }));
    await loading.clock.advance(1000);
    loading.script.say('shop', 'products', [page(loading, window('file', 'abe'))]);
    const run = await loading.run(NAME, 'full');
    expect([run.error, run.state, run.deleted, await live(loading)]).toEqual([null, 'succeeded', 2, 'abe']);
  });

  it('spare what the window shows in an older version', async () => {
    await using loading = await open();
    await read(loading, { ...delta('ab'), records: records('ab', { version: 7 }) });
    await loading.clock.advance(60_000);
    await read(
      loading,
      window('one', '', { records: records('a', { version: 7 }, { ...records('b', { version: 5, name: 'old' })[0] }) }),
    );
    expect(await live(loading)).toBe('ab');
  });

  it('spare a record whose newest version is a dead letter', async () => {
    await using loading = await open();
    await read(loading, window('one', 'ab'));
    const run = await read(
      loading,
      window('two', 'a', { records: [...records('a'), { id: 'b', body: { id: 'b', name: '' } }] }),
    );
    expect([await live(loading), run.deleted, run.dead_lettered]).toEqual(['ab', 0, 1]);
  });

  it('take a record back that comes again in the same run', async () => {
    await using loading = await open();
    await read(loading, window('one', 'ab'));
    loading.script.say('shop', 'products', [page(loading, window('two', 'a')), page(loading, window('three', 'ab'))]);
    const run = await loading.run(NAME);
    expect([await live(loading), run.deleted, run.updated]).toEqual(['ab', 1, 1]);
  });

  it('are more than a page of ids can number', async () => {
    await using loading = await open();
    const many = Array.from({ length: 3000 }, (_, at) => ({
      id: `m${at}`,
      body: {
        id: `m${at}`,
        name: 'Many',
        sku: `M-${at}`,
        levels: [
          { at: 'x', on_hand: 1 },
          { at: 'y', on_hand: 2 },
        ],
      },
    }));
    await read(loading, window('one', '', { records: [...records('a'), ...many] }));
    const run = await read(loading, window('two', 'a'));
    expect([run.error, run.deleted, await live(loading)]).toEqual([null, 3000, 'a']);
    const [units] = await stage.store.rows<{ units: number }>(
      sql`select sum(quantity)::bigint as units from stock_level where tenant = ${loading.streams.tenant}`,
    );
    expect(units?.units).toBe(0);
  });

  describe('behind the brake', () => {
    it('are held only past both the share and the count', async () => {
      const ends: string[] = [];
      for (const brake of [
        { share: 0.5, count: 2 },
        { share: 0.9, count: 2 },
        { share: 0.5, count: 3 },
        { share: 0.1, count: 1 },
      ]) {
        await using loading = await open(brake);
        await read(loading, window('one', 'abcd'));
        const run = await read(loading, window('two', 'a'));
        ends.push(`${run.state} ${await live(loading)}`);
      }
      expect(ends).toEqual(['held abcd', 'succeeded a', 'succeeded a', 'held abcd']);
    });

    it('wait for approval, which takes exactly those listed but the ones that came back', async () => {
      await using loading = await open({ share: 0.5, count: 2 });
      await read(loading, window('one', 'abcdef'));
      const held = await read(loading, window('two', 'ab'));
      await read(loading, delta('c'));
      const later = await read(loading, window('three', 'bg'));
      expect([held.state, later.state, later.created, await live(loading)]).toEqual(['held', 'held', 1, 'abcdefg']);
      const result = await approveDeletes(loading.runs.load, loading.stream(NAME), held.id);
      expect([result, await live(loading)]).toEqual([{ deleted: 3, returned: 1 }, 'abcg']);
      expect((await loading.row(held.id)).deleted).toBe(3);
      expect(await approveDeletes(loading.runs.load, loading.stream(NAME), held.id)).toEqual({
        deleted: 0,
        returned: 0,
      });
    });

    it('spare what came back later in the same run', async () => {
      await using loading = await open({ share: 0.5, count: 2 });
      await read(loading, window('one', 'abcd'));
      loading.script.say('shop', 'products', [
        page(loading, window('two', 'a')),
        page(loading, window('three', 'abc')),
      ]);
      const held = await loading.run(NAME);
      expect([
        held.state,
        await approveDeletes(loading.runs.load, loading.stream(NAME), held.id),
        await live(loading),
      ]).toEqual(['held', { deleted: 1, returned: 2 }, 'abc']);
    });

    it('spare what a run that is going on recognises', async () => {
      const act: { now: (() => Promise<unknown>) | null } = { now: null };
      await using loading = await stage.open({
        connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
        mappings: MAPPINGS,
        streams: [declared('products')],
        brake: { share: 0, count: 0 },
        connector: (plain) => ({
          ...plain,
          open: async (config, context) => {
            const source = await plain.open(config, context);
            async function* pages(request: ReadRequest) {
              for await (const page of source.read(request)) {
                if (page.records.length === 2) await act.now?.();
                yield page;
              }
            }
            return { ...source, read: pages };
          },
        }),
      });
      await read(loading, window('one', 'abcd'));
      const held = await read(loading, window('two', 'ad'));
      await loading.clock.advance(1000);
      loading.script.say('shop', 'products', [
        page(loading, { ...delta('a'), afterCommit: async () => undefined }),
        page(loading, delta('bd')),
      ]);
      act.now = async () => {
        act.now = null;
        await approveDeletes(loading.runs.load, loading.stream(NAME), held.id);
      };
      const run = await loading.run(NAME);
      const { state } = await loading.work(run.id);
      expect([state, await live(loading)]).toEqual(['succeeded', 'abd']);
    });

    it('spare what came back long ago, when nothing else is left of it', async () => {
      await using loading = await open({ share: 0, count: 0 });
      await read(loading, window('one', 'abcd'));
      const held = await read(loading, window('two', 'ab'));
      await read(loading, delta('c'));
      await longAfter(loading);
      await approveDeletes(loading.runs.load, loading.stream(NAME), held.id);
      expect(await live(loading)).toBe('abc');
    });

    it('spare what was seen long ago in the part of a window that was read then', async () => {
      await using loading = await open();
      await read(loading, window('one', 'abcd'));
      await read(loading, window('two', 'ab', { complete: false }));
      await longAfter(loading);
      await read(loading, window('two', 'c'));
      expect(await live(loading)).toBe('abc');
    });

    it('let tombstones of the source pass', async () => {
      await using loading = await open({ share: 0, count: 0 });
      await read(loading, window('one', 'abcd'));
      const run = await read(loading, { ...delta(''), tombstones: [...'bcd'].map((id) => ({ id, version: null })) });
      expect([run.state, run.deleted, await live(loading)]).toEqual(['succeeded', 3, 'a']);
    });
  });
});

type Unseen = Omit<ScriptPage, 'observedAt'> & { readonly observedAt?: Date };

const page = (loading: Loading, unseen: Unseen): ScriptPage => ({ observedAt: loading.clock.now(), ...unseen });

async function read(loading: Loading, unseen: Unseen): Promise<FinishedRun> {
  await loading.clock.advance(1000);
  loading.script.say('shop', 'products', [page(loading, unseen)]);
  return loading.run(NAME);
}

function records(
  ids: string,
  { version = null, name = 'Thing' }: { version?: number | null; name?: string } = {},
  ...more: object[]
) {
  return [...[...ids].map((id) => ({ id, version, body: { id, name: `${name} ${id}` } })), ...more] as NonNullable<
    ScriptPage['records']
  >;
}

const delta = (ids: string): Unseen => ({ records: records(ids) });

function window(
  id: string,
  ids: string,
  { scope = 'all', ...more }: Partial<ScriptPage> & { scope?: string } = {},
): Unseen {
  return { records: records(ids), window: { id, kind: 'snapshot', scope }, complete: true, ...more };
}
