import { describe, expect, it } from 'vitest';
import { adjust } from '../../src/inventory/adjust.ts';
import { sql } from '../../src/store/store.ts';
import type { Loading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { makeStage } from '../support/stage.ts';

const products = `about: products
record:
  key: id
outputs:
  product:
    match: sku
    fields:
      sku: sku
      name: name | required
`;
const variants = (product: string): string => `about: variants
record:
  key: id
outputs:
  variant:
    match: [sku, gtin]
    fields:
      sku: sku
      gtin: gtin
      product: ${product}
`;
const MAPPINGS = {
  products,
  by_sku: variants('{match: sku, from: parent}'),
  by_id: variants('{external: parent}'),
  by_stream: variants('{external: parent, stream: products}'),
  stock_by_sku: stock('{match: sku, from: of}'),
  stock_by_gtin: stock('{match: gtin, from: of}'),
  stock_by_id: stock('{external: of}'),
};
function stock(variant: string): string {
  return `about: figures
record:
  key: id
outputs:
  stock:
    fields:
      variant: ${variant}
      quantity: on_hand | integer | required
      as_of: as_of | timestamp("UTC")
`;
}

describe('what names something by a key', () => {
  const stage = makeStage('references');

  const openShop = (
    mappings: { variants?: keyof typeof MAPPINGS; stock?: keyof typeof MAPPINGS } = {},
  ): Promise<Loading> => {
    const streams = [
      { name: 'products', mappings: ['products'] },
      { name: 'variants', mappings: [mappings.variants ?? 'by_sku'] },
      { name: 'stock', mappings: [mappings.stock ?? 'stock_by_sku'] },
    ];
    return stage.open({
      connections: ['shop', 'erp'].map((name) => ({ name, streams })),
      mappings: MAPPINGS,
      streams: streams.map(({ name }) => declared(name)),
    });
  };
  const read = async (
    loading: Loading,
    name: string,
    ...bodies: readonly { readonly id: string; [field: string]: string | number | null }[]
  ) => {
    await loading.clock.advance(1000);
    const [connection = '', stream = ''] = name.split('/');
    const records = bodies.map((body) => ({ id: body.id, body }));
    loading.script.say(connection, stream, [{ observedAt: loading.clock.now(), records }]);
    const run = await loading.run(name);
    expect([run.state, run.error, run.dead_lettered]).toEqual(['succeeded', null, 0]);
    return run;
  };
  const parents = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select coalesce(v.sku, v.gtin, '?') || '>' || coalesce(p.name, '-') as line from variant v left join product p on p.id = v.product_id
      where v.tenant = ${loading.streams.tenant} order by 1`);
    return rows.map((row) => row.line).join(' ');
  };
  const levels = async (loading: Loading): Promise<string> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select coalesce(v.sku, v.gtin) || ':' || l.quantity as line from stock_level l join variant v on v.id = l.variant_id
      where l.tenant = ${loading.streams.tenant} order by 1`);
    return rows.map((row) => row.line).join(' ');
  };
  const waiting = async (loading: Loading): Promise<number> => {
    const [row] = await stage.store.rows<{ all: number }>(sql`
      select (select count(*) from reference where tenant = ${loading.streams.tenant} and target_id is null)
        + (select count(*) from stock_waiting where tenant = ${loading.streams.tenant}) as all`);
    return row?.all ?? 0;
  };

  it.each(['by_sku', 'by_id', 'by_stream'] as const)(
    'finds its target before and after it came (%s)',
    async (mapping) => {
      await using loading = await openShop({ variants: mapping });
      const parent = mapping === 'by_sku' ? ['P-1', 'P-2'] : ['1', '2'];
      await read(loading, 'shop/products', { id: '1', sku: 'P-1', name: 'One' });
      await read(
        loading,
        'shop/variants',
        { id: 'a', sku: 'A', parent: parent[0] ?? '' },
        { id: 'b', sku: 'B', parent: parent[1] ?? '' },
      );
      expect([await parents(loading), await waiting(loading)]).toEqual(['A>One B>-', 1]);
      await read(loading, 'shop/products', { id: '2', sku: 'P-2', name: 'Two' });
      expect([await parents(loading), await waiting(loading)]).toEqual(['A>One B>Two', 0]);
    },
  );

  it.each(['by_id', 'by_stream'] as const)(
    'finds a record that speaks of a product others made (%s)',
    async (mapping) => {
      await using loading = await openShop({ variants: mapping });
      await read(loading, 'erp/products', { id: 'e9', sku: 'P-1', name: 'One' });
      await read(loading, 'shop/variants', { id: 'a', sku: 'A', parent: '1' });
      await read(loading, 'shop/products', { id: '1', sku: 'P-1', name: 'One' });
      expect([await parents(loading), await waiting(loading)]).toEqual(['A>One', 0]);
    },
  );

  it('takes an external id for that of the connection which says it', async () => {
    await using loading = await openShop({ variants: 'by_id' });
    await read(loading, 'shop/products', { id: '1', sku: 'P-1', name: 'One' });
    await read(loading, 'erp/products', { id: '1', sku: 'P-2', name: 'Two' });
    await read(loading, 'erp/variants', { id: 'a', sku: 'A', parent: null });
    await read(loading, 'erp/variants', { id: 'a', sku: 'A', parent: '1' });
    // The shop speaks of the same variant, and nothing of its parent: the row is folded anew.
    await read(loading, 'shop/variants', { id: 'a', sku: 'A', gtin: '4006381333931', parent: null });
    expect(await parents(loading)).toBe('A>Two');
  });

  it('forgets what is no longer named', async () => {
    await using loading = await openShop();
    await read(loading, 'shop/variants', { id: 'a', sku: 'A', parent: 'P-1' });
    await read(loading, 'shop/variants', { id: 'a', sku: 'A', parent: null });
    await read(loading, 'shop/products', { id: '1', sku: 'P-1', name: 'One' });
    expect([await parents(loading), await waiting(loading)]).toEqual(['A>-', 0]);
  });

  it('waits on while several carry the key', async () => {
    await using loading = await openShop({ stock: 'stock_by_gtin' });
    await read(loading, 'shop/variants', { id: 'a', sku: 'A' }, { id: 'b', sku: 'B' });
    await read(loading, 'shop/stock', { id: 's', of: '4006381333931', on_hand: 7 });
    await read(
      loading,
      'shop/variants',
      { id: 'a', sku: 'A', gtin: '4006381333931' },
      { id: 'b', sku: 'B', gtin: '4006381333931' },
    );
    expect([await levels(loading), await waiting(loading)]).toEqual(['', 1]);
  });

  it.each([
    ['stock_by_sku', 'A', 'B'],
    ['stock_by_gtin', '4006381333931', '5901234123457'],
    ['stock_by_id', 'a', 'b'],
  ] as const)('brings figures to variants known and to come (%s)', async (mapping, one, two) => {
    await using loading = await openShop({ stock: mapping });
    await read(loading, 'shop/variants', { id: 'a', sku: 'A', gtin: '4006381333931' });
    await read(loading, 'shop/stock', { id: 's', of: one, on_hand: 3 }, { id: 't', of: two, on_hand: 4 });
    expect([await levels(loading), await waiting(loading)]).toEqual(['A:3', 1]);
    await read(loading, 'shop/stock', { id: 't', of: two, on_hand: 5 });
    await read(loading, 'shop/variants', { id: 'b', sku: 'B', gtin: '5901234123457' });
    expect([await levels(loading), await waiting(loading)]).toEqual(['A:3 B:5', 0]);
  });

  it('brings more figures at once than a page has ids for', async () => {
    await using loading = await openShop();
    const ids = Array.from({ length: 5000 }, (_, at) => `${at}`);
    await read(loading, 'shop/stock', ...ids.map((id) => ({ id, of: `S-${id}`, on_hand: 1 })));
    await read(loading, 'erp/variants', ...ids.map((id) => ({ id, sku: `S-${id}` })));
    const [sum] = await stage.store.rows(
      sql`select count(*) as levels, sum(quantity)::bigint as units from stock_level where tenant = ${loading.streams.tenant}`,
    );
    expect([sum, await waiting(loading)]).toEqual([{ levels: 5000, units: 5000 }, 0]);
  });

  it('leaves an adjustment standing until the source counts again, whatever else it says or maps', async () => {
    await using loading = await openShop();
    const counted = { id: 's', of: 'A', on_hand: 10, as_of: '2026-11-20T08:00:00Z' };
    await read(loading, 'shop/variants', { id: 'a', sku: 'A' });
    await read(loading, 'shop/stock', counted);
    const [variant] = await stage.store.rows<{ id: number }>(
      sql`select id from variant where tenant = ${loading.streams.tenant}`,
    );
    const { tenant } = loading.streams;
    await adjust(stage.store, {
      tenant,
      variantId: variant?.id ?? 0,
      location: 'default',
      delta: -4,
      note: 'broken',
      now: loading.clock.now(),
    });
    await read(loading, 'shop/stock', { ...counted, remark: 'the same count' });
    expect(await levels(loading)).toBe('A:6');
    await loading.setMapping('stock_by_sku', MAPPINGS.stock_by_sku.replace('about: figures', 'about: counted figures'));
    const remapped = await loading.run('shop/stock', 'remap');
    expect([remapped.read, await levels(loading)]).toEqual([1, 'A:6']);
    await read(loading, 'shop/stock', { ...counted, as_of: '2026-11-20T09:00:00Z' });
    expect(await levels(loading)).toBe('A:10');
  });
});
