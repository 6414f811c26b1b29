/** Match keys that change hands within one page. */
import { describe, expect, it } from 'vitest';
import { sql } from '../../src/store/store.ts';
import type { Loading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
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
  variant:
    when: part is not empty
    match: sku
    fields:
      sku: part
`,
  variants: `about: variants
record:
  key: id
outputs:
  variant:
    match: [sku, gtin]
    fields:
      sku: sku
      gtin: gtin
`,
};

describe('a SKU that one record of a page gives up', () => {
  const stage = makeStage('keys');

  const openShop = (): Promise<Loading> => {
    return stage.open({
      connections: ['shop', 'erp'].map((name) => ({ name, streams: [{ name: 'products', mappings: ['products'] }] })),
      mappings: MAPPINGS,
      streams: [declared('products')],
    });
  };
  /** @param said `id sku` or `id sku part` */
  const say = async (loading: Loading, connection: string, ...said: string[]) => {
    await loading.clock.advance(1000);
    const records = said.map((one) => {
      const [id = '', sku = '', part = null] = one.split(' ');
      return { id, body: { id, sku, part, name: `${connection} ${id}` } };
    });
    loading.script.say(connection, 'products', [{ records, observedAt: loading.clock.now() }]);
    const run = await loading.run(`${connection}/products`);
    expect([run.error, run.read]).toEqual([null, said.length]);
    return run;
  };
  /** Each product with its SKU and the records that speak for it. */
  const products = async ({ streams: { tenant } }: Loading): Promise<readonly string[]> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select p.sku || ': ' || string_agg(n.name || ' ' || r.external_id, ', ' order by n.name, r.external_id) as line
      from product p join contribution c on c.entity_id = p.id and c.state = 'live'
        join record r on r.stream_id = c.stream_id and r.no = c.no join stream s on s.id = c.stream_id join connection n on n.id = s.connection_id
      where p.tenant = ${tenant} group by p.id, p.sku order by 1`);
    return rows.map((row) => row.line);
  };

  it('is that of the record that takes it on, not of the one that had it', async () => {
    await using loading = await openShop();
    await say(loading, 'shop', 'a X');
    await say(loading, 'shop', 'b X', 'a Y');
    expect(await products(loading)).toEqual(['X: shop b', 'Y: shop a']);
  });

  it('leads a new record to the one that took it on', async () => {
    await using loading = await openShop();
    await say(loading, 'shop', 'a X', 'b Y');
    await say(loading, 'shop', 'c X', 'a Y', 'b X');
    expect(await products(loading)).toEqual(['X: shop b, shop c', 'Y: shop a']);
  });

  it('stays where another connection still says it', async () => {
    await using loading = await openShop();
    await say(loading, 'erp', 'e X');
    await say(loading, 'shop', 'a X');
    await say(loading, 'shop', 'a Y', 'b X');
    expect(await products(loading)).toEqual(['Y: erp e, shop a, shop b']);
  });

  it('stays where the record that gives it up becomes a dead letter', async () => {
    await using loading = await openShop();
    await say(loading, 'shop', 'a X', 'p P V', 'q Q W');
    await say(loading, 'shop', 'q Q V');
    const run = await say(loading, 'shop', 'a Y V', 'b X');
    expect([run.dead_lettered, run.created]).toEqual([1, 1]);
    expect(await products(loading)).toEqual(['P: shop p', 'Q: shop q', 'X: shop a, shop b']);
  });
});

describe('a GTIN that several SKUs of one stream carry', () => {
  const stage = makeStage('gtins');
  const GTIN = '4006381333931';

  const openShop = (): Promise<Loading> =>
    stage.open({
      connections: ['shop', 'erp'].map((name) => ({ name, streams: [{ name: 'variants', mappings: ['variants'] }] })),
      mappings: MAPPINGS,
      streams: [declared('variants')],
    });
  const say = async (loading: Loading, connection: string, ...skus: string[]) => {
    await loading.clock.advance(1000);
    const records = skus.map((sku) => ({ id: sku, body: { id: sku, sku, gtin: GTIN } }));
    loading.script.say(connection, 'variants', [{ records, observedAt: loading.clock.now() }]);
    return loading.run(`${connection}/variants`);
  };
  /** The records that speak for each variant. */
  const variants = async ({ streams: { tenant } }: Loading): Promise<readonly string[]> => {
    const rows = await stage.store.rows<{ line: string }>(sql`
      select string_agg(r.external_id, ' ' order by r.external_id) as line from contribution c
      join record r on r.stream_id = c.stream_id and r.no = c.no where c.tenant = ${tenant} group by c.entity_id order by 1`);
    return rows.map((row) => row.line);
  };

  it('makes none of them another, in one page or one after the other', async () => {
    await using loading = await openShop();
    await say(loading, 'shop', 'A', 'B');
    await say(loading, 'shop', 'C');
    expect(await variants(loading)).toEqual(['A', 'B', 'C']);
  });

  it('finds what another stream calls by another SKU, while only one carries it there', async () => {
    await using loading = await openShop();
    await say(loading, 'erp', 'E');
    await say(loading, 'shop', 'A');
    await say(loading, 'shop', 'B');
    expect(await variants(loading)).toEqual(['A E', 'B']);
    expect((await say(loading, 'erp', 'F')).dead_lettered).toBe(0);
    expect(await variants(loading)).toEqual(['A E', 'B', 'F']);
  });
});
