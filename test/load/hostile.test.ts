import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Store, sql } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared, type ScriptPage } from '../support/scripted.ts';
import { bothEngines } from '../support/stores.ts';

const MAPPING = `about: what is hostile
record:
  key: id
outputs:
  product:
    match: sku
    fields:
      sku: sku
      name: name | required
      price: price | decimal
      metadata: more
  variant:
    when: sku is not empty
    match: sku
    fields:
      product: {output: product}
      sku: sku
      position: position | integer
  stock:
    when: on_hand is not empty
    fields:
      variant: {output: variant}
      location: at
      quantity: on_hand | integer | required
`;

describe.each(await bothEngines('hostile records'))('a record that cannot be kept, on $engine', ({ open }) => {
  let store: Store;
  let drop: () => Promise<void>;
  let tenants = 0;
  beforeAll(async () => {
    ({ store, drop } = await open());
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  const openShop = (): Promise<Loading> => {
    tenants += 1;
    return openLoading(store, {
      tenant: `hostile-${tenants}`,
      connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['p'] }] }],
      mappings: { p: MAPPING },
      streams: [declared('products')],
    });
  };
  const read = async (loading: Loading, more: Partial<ScriptPage>) => {
    await loading.clock.advance(1000);
    loading.script.say('shop', 'products', [{ observedAt: loading.clock.now(), ...more }]);
    return loading.run('shop/products');
  };
  const named = (id: string) => ({ id, body: { id, name: 'Thing' } });

  it.each([
    ['a NUL in it', 'a\u0000b'],
    ['half a surrogate pair in it', 'a\ud800b'],
    ['no letter', ''],
    ['more letters than an index takes', randomBytes(6000).toString('hex')],
  ])('is a dead letter when its id has %s, and the others load', async (_what, id) => {
    await using loading = await openShop();
    const window = { id: 'one file', kind: 'delta' as const, scope: 'all' };
    const page = { window, records: [named('a'), { id, body: { id: '', name: 'Hostile' } }, named('b')] };
    const first = await read(loading, page);
    expect([first.created, first.dead_lettered, first.read]).toEqual([2, 1, 3]);
    expect(['succeeded', 'incomplete']).toContain(first.state);
    const again = await read(loading, page);
    expect([again.unchanged, again.dead_lettered]).toEqual([2, 1]);
    const [letters] = await store.rows<{ open: number }>(
      sql`select count(*) as open from dead_letter where tenant = ${loading.streams.tenant} and state = 'open'`,
    );
    expect(letters?.open).toBe(1);
  });

  it('is kept whole when it has everything that is allowed', async () => {
    await using loading = await openShop();
    const body = {
      id: '\\N\t\n"\'',
      name: 'a\tb\\n\u0001\u007f\u2028🍵',
      sku: ' \\.\t ',
      price: '-99999999999999.0000000001',
      more: {
        kind: 'output',
        key: 'product',
        '': ['\\u0000', null, { kind: 'match', entity: 'product', field: 'sku', value: 'x' }],
      },
      position: 9007199254740991,
      at: 'a/b\tc',
      on_hand: 9007199254740991,
    };
    const run = await read(loading, { records: [{ id: body.id, body }] });
    expect([run.state, run.created, run.dead_lettered]).toEqual(['succeeded', 1, 0]);
    await read(loading, { records: [{ id: body.id, body: { ...body, price: '1e3', on_hand: -9007199254740991 } }] });
    const run3 = await read(loading, { records: [{ id: body.id, body: { ...body, on_hand: -9007199254740991 } }] });
    expect([run3.error, run3.state]).toEqual([null, 'succeeded']);
    const [product] = await store.rows(
      sql`select name, metadata, price::text as price from product where tenant = ${loading.streams.tenant}`,
    );
    expect(product).toEqual({ name: body.name, metadata: body.more, price: body.price });
    const [level] = await store.rows(
      sql`select quantity, location from stock_level where tenant = ${loading.streams.tenant}`,
    );
    expect(level).toEqual({ quantity: -9007199254740991, location: 'a/b\tc' });
  });

  it('harms nothing as a tombstone, a problem or a context', async () => {
    await using loading = await openShop();
    await read(loading, { records: [named('a')] });
    const run = await read(loading, {
      records: [named('b')],
      tombstones: [
        { id: 'a', version: null },
        { id: 'a\u0000', version: null },
        { id: '\udfff', version: 3 },
      ],
      problems: [
        { message: 'bad \u0000 bytes \ud800', position: 3, raw: new Uint8Array([0, 255]), id: 'q\u0000' },
        { message: 'twice', position: null, raw: null, id: 'z' },
        { message: 'twice', position: null, raw: null, id: 'z' },
      ],
    });
    expect([run.error?.code, run.state, run.read, run.created, run.deleted]).toEqual([
      'ERR_EXTRACT_PARSE',
      'incomplete',
      4,
      1,
      1,
    ]);
    const unreadable = await read(loading, { records: [named('c')], context: { header: ['a\u0000b'] } });
    expect([unreadable.error?.code, unreadable.state, unreadable.read]).toEqual(['ERR_EXTRACT_PARSE', 'failed', 0]);
  });
});
