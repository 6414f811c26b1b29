import { describe, expect, it } from 'vitest';
import type { Tombstone } from '../../src/connector/contract.ts';
import { sql } from '../../src/store/store.ts';
import type { Loading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { makeStage } from '../support/stage.ts';

const MAPPINGS = {
  products: `about: products
record:
  key: id
outputs:
  product:
    match: sku
    fields:
      sku: sku
      name: name | required
`,
  variants: `about: variants
record:
  key: id
outputs:
  variant:
    match: sku
    fields:
      sku: sku
      product: {external: parent}
`,
};

describe('a record that its source merged into another', () => {
  const stage = makeStage('merges');

  const openShop = (): Promise<Loading> => {
    const streams = ['products', 'variants'].map((name) => ({ name, mappings: [name] }));
    return stage.open({
      connections: ['shop', 'erp'].map((name) => ({ name, streams })),
      mappings: MAPPINGS,
      streams: streams.map(({ name }) => declared(name)),
    });
  };
  const say = async (loading: Loading, name: string, page: Partial<ScriptPage>) => {
    const [connection = '', stream = ''] = name.split('/');
    await loading.clock.advance(1000);
    loading.script.say(connection, stream, [{ observedAt: loading.clock.now(), ...page }]);
    const run = await loading.run(name);
    expect([run.state, run.error, run.dead_lettered]).toEqual(['succeeded', null, 0]);
    return run;
  };
  const product = (loading: Loading, id: string, version = 1, name = 'shop/products') =>
    say(loading, name, { records: [{ id, version, body: { id, sku: `P-${id}`, name: id } }] });
  const variant = (loading: Loading, sku: string, parent: string) =>
    say(loading, 'shop/variants', { records: [{ id: sku, version: 1, body: { id: sku, sku, parent } }] });
  const tombstone = (loading: Loading, id: string, mergedInto: string, version = 5) =>
    say(loading, 'shop/products', { tombstones: [{ id, version, mergedInto } satisfies Tombstone] });

  const links = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select v.sku || '>' || coalesce(p.name, '-') as line from variant v left join product p on p.id = v.product_id
      where v.tenant = ${loading.streams.tenant} order by 1`);
    return rows.map((row) => row.line).join(' ');
  };
  /** Products that are left, and where the others went. */
  const products = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select p.name || case when p.archived_at is null then '' else '†' end || coalesce('>' || i.name, '') as line
      from product p left join product i on i.id = p.merged_into where p.tenant = ${loading.streams.tenant} order by 1`);
    return rows.map((row) => row.line).join(' ');
  };

  it('hands its links to the survivor, and answers to its old id as that one', async () => {
    await using loading = await openShop();
    await product(loading, 'old');
    await product(loading, 'new');
    await variant(loading, 'A', 'old');
    const run = await tombstone(loading, 'old', 'new');
    expect(run.entities).toEqual({ 'product.archived': 1, 'variant.updated': 1 });
    await variant(loading, 'B', 'old');
    expect([await links(loading), await products(loading)]).toEqual(['A>new B>new', 'new old†>new']);
    const again = await tombstone(loading, 'old', 'new');
    expect([again.entities, again.unchanged]).toEqual([{}, 1]);
  });

  const steps = {
    old: (loading: Loading) => product(loading, 'old'),
    new: (loading: Loading) => product(loading, 'new'),
    link: (loading: Loading) => variant(loading, 'A', 'old'),
    merge: (loading: Loading) => tombstone(loading, 'old', 'new'),
  };
  const orders = Object.keys(steps).reduce<string[][]>(
    (all, step) =>
      all.flatMap((one) =>
        Array.from({ length: one.length + 1 }, (_, at) => [...one.slice(0, at), step, ...one.slice(at)]),
      ),
    [[]],
  );
  it('does so in whichever order it is told', async () => {
    const ends = new Map<string, string>();
    for (const order of orders) {
      await using loading = await openShop();
      for (const step of order) await steps[step as keyof typeof steps](loading);
      const isLate = order.indexOf('old') > order.indexOf('merge');
      expect(await products(loading), order.join(' ')).toBe(isLate ? 'new' : 'new old†>new');
      ends.set(order.join(' '), await links(loading));
    }
    expect([...new Set(ends.values())], JSON.stringify([...ends])).toEqual(['A>new']);
    expect(ends.size).toBe(24);
  });

  it('follows a survivor that is merged itself, and comes back as itself', async () => {
    await using loading = await openShop();
    for (const id of ['1', '2', '3']) await product(loading, id);
    await variant(loading, 'A', '1');
    await tombstone(loading, '1', '2');
    await tombstone(loading, '2', '3');
    expect([await links(loading), await products(loading)]).toEqual(['A>3', '1†>3 2†>3 3']);
    await product(loading, '1', 6);
    await variant(loading, 'B', '2');
    expect([await links(loading), await products(loading)]).toEqual(['A>1 B>3', '1 2†>3 3']);
    await tombstone(loading, '3', '1', 7);
    expect([await links(loading), await products(loading)]).toEqual(['A>1 B>1', '1 2†>1 3†>1']);
  });

  it('ends nothing that others still speak for, until they are gone as well', async () => {
    await using loading = await openShop();
    await product(loading, 'old');
    await product(loading, 'new');
    await product(loading, 'old', 1, 'erp/products');
    await tombstone(loading, 'old', 'new');
    expect(await products(loading)).toBe('new old');
    await say(loading, 'erp/products', { tombstones: [{ id: 'old', version: 2 }] });
    expect(await products(loading)).toBe('new old†>new');
  });

  it('loses its links to nobody where sources contradict themselves', async () => {
    await using loading = await openShop();
    await product(loading, '1');
    await product(loading, '2');
    await variant(loading, 'A', '1');
    await say(loading, 'shop/products', {
      tombstones: [
        { id: '1', version: 5, mergedInto: '2' },
        { id: '2', version: 5, mergedInto: '1' },
        { id: '3', version: 5, mergedInto: '3' },
      ],
    });
    expect([await links(loading), await products(loading)]).toEqual(['A>1', '1† 2†']);
  });
});
