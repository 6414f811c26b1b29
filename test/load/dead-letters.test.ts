import { describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { listDeadLetters, showDeadLetter } from '../../src/load/list-dead-letters.ts';
import { decodeJson } from '../../src/load/mapping-sets.ts';
import { requestReplay } from '../../src/run/replay.ts';
import { sql } from '../../src/store/store.ts';
import type { Loading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { makeStage } from '../support/stage.ts';

const mapping = (key: string, name: string): string => `about: what fails
record:
  key: ${key}
outputs:
  product:
    fields:
      name: ${name}
`;
const STRICT = mapping('id', 'name | required');
const MILD = mapping('{first: [id, code]}', 'name | default("nameless")');

describe('dead letters', () => {
  const stage = makeStage('letters');

  const openShop = (): Promise<Loading> => {
    return stage.open({
      connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['p'] }] }],
      mappings: { p: STRICT },
      streams: [declared('products')],
    });
  };
  const read = async (loading: Loading, more: Partial<ScriptPage>) => {
    await loading.clock.advance(1000);
    const window = { id: 'a file', kind: 'delta' as const, scope: 'all' };
    loading.script.say('shop', 'products', [{ observedAt: loading.clock.now(), window, ...more }]);
    return loading.run('shop/products');
  };
  const said = (name: string, version: number | null = null) => ({ id: 'a', version, body: { id: 'a', name } });
  const letters = async (loading: Loading): Promise<string[]> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select state || ' ' || coalesce(external_id, '-') || ' v' || coalesce(version::text, '-') || ' x' || times as line
      from dead_letter where tenant = ${loading.streams.tenant} order by id`);
    return rows.map((row) => row.line);
  };
  const names = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ name: string }>(
      sql`select name from product where tenant = ${loading.streams.tenant} order by 1`,
    );
    return rows.map((row) => row.name).join();
  };

  it('end when the record loads, not when an older version of it does', async () => {
    await using loading = await openShop();
    await read(loading, { records: [said('five', 5)] });
    await read(loading, { records: [said('', 8)] });
    await read(loading, { records: [said('', 7)] });
    await read(loading, { records: [said('six', 6)] });
    expect([await letters(loading), await names(loading)]).toEqual([['open a v8 x1'], 'six']);
    await read(loading, { records: [said('nine', 9)] });
    expect([await letters(loading), await names(loading)]).toEqual([['replayed a v8 x1'], 'nine']);
  });

  it('end by time of observation where versions say nothing', async () => {
    await using loading = await openShop();
    const early = loading.clock.now();
    await loading.clock.advance(60_000);
    await read(loading, { records: [said('')] });
    await read(loading, { records: [said('late news')], observedAt: early });
    expect([await letters(loading), await names(loading)]).toEqual([['open a v- x1'], 'late news']);
    await read(loading, { records: [said('now')] });
    expect([await letters(loading), await names(loading)]).toEqual([['replayed a v- x1'], 'now']);
  });

  it('hold the newest that failed, by time of observation where versions say nothing', async () => {
    await using loading = await openShop();
    const early = loading.clock.now();
    await loading.clock.advance(60_000);
    const body = (code: string) => ({ id: 'a', version: null, body: { id: 'a', name: '', code } });
    await read(loading, { records: [body('new')] });
    await read(loading, { records: [body('old')], observedAt: early });
    const [letter] = await stage.store.rows<{ id: number }>(
      sql`select id from dead_letter where tenant = ${loading.streams.tenant}`,
    );
    const shown = await showDeadLetter(
      stage.store,
      loading.streams.tenant,
      publicId('deadLetter', letter?.id ?? 0),
      () => decodeJson,
    );
    expect(shown.decoded).toMatchObject({ code: 'new' });
  });

  it('are counted up, not listed twice, with an id or without', async () => {
    await using loading = await openShop();
    const page = {
      records: [said(''), { id: null, body: { code: 'c' } }],
      problems: [
        { message: 'half a line', position: 9, raw: null },
        { message: 'no parent', position: null, raw: null, id: 'b' },
      ],
    };
    await read(loading, page);
    await read(loading, page);
    expect((await letters(loading)).sort()).toEqual(['open - v- x2', 'open - v- x2', 'open a v- x2', 'open b v- x2']);
  });

  it.each(['replay', 'remap'] as const)(
    'are tried again once by a %s, under the version they came with',
    async (mode) => {
      await using loading = await openShop();
      await read(loading, {
        records: [
          said('', 5),
          { id: null, version: 3, body: { code: 'c' } },
          { id: 'x', body: { code: 'x', name: 5 } },
        ],
      });
      expect((await letters(loading)).sort()).toEqual(['open - v3 x1', 'open a v5 x1', 'open x v- x1']);
      const before = await loading.run('shop/products', mode);
      expect([
        before.read,
        before.dead_lettered,
        (await letters(loading)).filter((line) => line.startsWith('open')).length,
      ]).toEqual([3, 3, 3]);
      await loading.setMapping('p', MILD);
      const run = await loading.run('shop/products', mode);
      expect([run.state, run.read, run.created, run.dead_lettered]).toEqual(['succeeded', 3, 3, 0]);
      expect((await letters(loading)).filter((line) => line.startsWith('open'))).toEqual([]);
      await read(loading, { records: [said('older', 4)] });
      expect(await names(loading)).toBe('5,nameless,nameless');
    },
  );

  it('of what could not be read keep its bytes, and read the record again where its id is known', async () => {
    await using loading = await openShop();
    const problem = (id: string | null, text: string | null, position: number) => ({
      ...{ message: 'half of it is missing', position, raw: text === null ? null : new TextEncoder().encode(text) },
      ...(id === null ? {} : { id }),
    });
    const problems = [problem('b', '{"id":"b","na', 2), problem(null, 'half a line', 3), problem(null, null, 4)];
    await read(loading, { records: [said('one')], problems });
    const { tenant } = loading.streams;
    const found = await stage.store.answer(tenant, (tx) => listDeadLetters(tx, { limit: 9, page: 1 }));
    const shown = await Promise.all(found.map(({ id }) => showDeadLetter(stage.store, tenant, id, () => decodeJson)));
    expect(shown.map(({ position, raw }) => [position, raw]).sort()).toEqual([
      [2, ['{"id":"b","na']],
      [3, ['half a line']],
      [4, null],
    ]);
    loading.script.say('shop', 'products', [
      { observedAt: loading.clock.now(), records: [{ id: 'b', body: { id: 'b', name: 'two' } }] },
    ]);
    const replay = await requestReplay(loading.runs, tenant, {}, 'command');
    expect([replay.letters, replay.without.length]).toEqual([1, 2]);
    for (const run of replay.runs) expect((await loading.work(run)).state).toBe('succeeded');
    expect(await names(loading)).toBe('one,two');
    expect((await letters(loading)).filter((line) => line.startsWith('replayed'))).toEqual(['replayed b v- x1']);
  });
});
