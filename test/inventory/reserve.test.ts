import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adjust } from '../../src/inventory/adjust.ts';
import { reserve } from '../../src/inventory/reserve.ts';
import { commit, expireDue, release } from '../../src/inventory/settle.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { balances, unbalanced } from './ledger.ts';
import { emptyStore, seed, tenantId } from './shop.ts';

const NOW = new Date('2026-11-21T09:00:00.000Z');
const later = (minutes: number): Date => new Date(NOW.getTime() + minutes * 60_000);

describe('reservations', () => {
  let store: Store;
  let tenant: number;
  const asking = (quantity: number, options: { variantId?: number; location?: string | null; now?: Date } = {}) =>
    reserve(store, {
      tenant,
      orderRef: 'o-1',
      now: options.now ?? NOW,
      lines: [
        {
          variantId: options.variantId ?? 1,
          location: options.location === undefined ? 'a' : options.location,
          quantity,
        },
      ],
    });
  const level = async (variant: number, location: string) => {
    const [row] = await store.rows<{ quantity: number; reserved: number; committed: number }>(
      sql`select quantity, reserved, committed from stock_level where variant_id = ${variant} and location = ${location}`,
    );
    return row;
  };
  const idOf = async (quantity: number): Promise<number> => {
    const outcome = await asking(quantity);
    return outcome.ok ? (outcome.reservations[0]?.id ?? -1) : -1;
  };

  beforeEach(async () => {
    store = await emptyStore();
    tenant = await tenantId(store, 'acme');
    await seed(store, tenant, {
      variants: [
        { id: 1, sku: 'ONE' },
        { id: 2, sku: 'TWO' },
      ],
      levels: [
        { variant: 1, location: 'a', quantity: 10 },
        { variant: 1, location: 'b', quantity: 4 },
        { variant: 2, location: 'a', quantity: 1 },
      ],
    });
  });
  afterEach(async () => {
    const opening: Record<string, number> = { '1a': 10, '1b': 4, '2a': 1 };
    expect(unbalanced(await balances(store, tenant), (row) => opening[`${row.variant}${row.location}`] ?? 0)).toEqual(
      [],
    );
    await store.close();
  });

  it('holds stock for fifteen minutes', async () => {
    expect(await asking(3)).toEqual({
      ok: true,
      reservations: [{ id: expect.any(Number), variantId: 1, location: 'a', quantity: 3, expiresAt: later(15) }],
    });
    expect(await level(1, 'a')).toEqual({ quantity: 10, reserved: 3, committed: 0 });
  });

  it('refuses more than is available and says what is', async () => {
    await asking(8);
    expect(await asking(3)).toEqual({ ok: false, short: [{ variantId: 1, location: 'a', quantity: 3, available: 2 }] });
    expect(await asking(1, { location: 'nowhere' })).toEqual({
      ok: false,
      short: [{ variantId: 1, location: 'nowhere', quantity: 1, available: 0 }],
    });
    expect(await level(1, 'a')).toEqual({ quantity: 10, reserved: 8, committed: 0 });
  });

  it('chooses the fullest location where none is named', async () => {
    await asking(8);
    expect(await asking(4, { location: null })).toMatchObject({ ok: true, reservations: [{ location: 'b' }] });
  });

  it('takes all lines of an order or none', async () => {
    const lines = (two: number) => [
      { variantId: 1, location: 'a', quantity: 6 },
      { variantId: 1, location: 'a', quantity: 3 },
      { variantId: 2, location: null, quantity: two },
    ];
    expect(await reserve(store, { tenant, orderRef: 'o', now: NOW, lines: lines(2) })).toEqual({
      ok: false,
      short: [{ variantId: 2, location: null, quantity: 2, available: 1 }],
    });
    expect(await level(1, 'a')).toMatchObject({ reserved: 0 });
    expect(await reserve(store, { tenant, orderRef: 'o', now: NOW, lines: lines(1) })).toMatchObject({
      ok: true,
      reservations: [{}, {}, {}],
    });
    expect(await level(1, 'a')).toMatchObject({ reserved: 9 });
  });

  it('gives stock back once', async () => {
    const id = await idOf(4);
    expect(await release(store, { tenant, ids: [id, 999] })).toMatchObject([{ id, state: 'released', quantity: 4 }]);
    expect(await release(store, { tenant, ids: [id] })).toEqual([]);
    expect(await commit(store, { tenant, ids: [id], now: NOW })).toEqual([]);
    expect(await level(1, 'a')).toEqual({ quantity: 10, reserved: 0, committed: 0 });
  });

  it('keeps a sale off until the source counts it in', async () => {
    const id = await idOf(4);
    expect(await commit(store, { tenant, ids: [id], now: later(1) })).toMatchObject([{ id, state: 'committed' }]);
    expect(await level(1, 'a')).toEqual({ quantity: 10, reserved: 0, committed: 4 });
    expect(await asking(7)).toMatchObject({ ok: false });
  });

  it('takes a sale off the quantity where the program speaks for the stock', async () => {
    expect(await adjust(store, { tenant, variantId: 2, location: 'own', delta: 5, note: 'count', now: NOW })).toEqual({
      quantity: 5,
      available: 5,
      shortfall: 0,
    });
    const outcome = await asking(2, { variantId: 2, location: 'own' });
    const ids = outcome.ok ? outcome.reservations.map((one) => one.id) : [];
    expect(await commit(store, { tenant, ids, now: later(1) })).toMatchObject([{ state: 'confirmed' }]);
    expect(await level(2, 'own')).toEqual({ quantity: 3, reserved: 0, committed: 0 });
  });

  it('ends reservations on time, and sells none after it', async () => {
    const id = await idOf(10);
    expect(await expireDue(store, { now: new Date(later(15).getTime() - 1) })).toBe(0);
    expect(await commit(store, { tenant, ids: [id], now: later(15) })).toEqual([]);
    // Nobody swept yet: who asks for the stock does it.
    expect(await asking(10, { now: later(15) })).toMatchObject({ ok: true });
    expect(await expireDue(store, { now: later(40), portion: 1 })).toBe(1);
    expect(await level(1, 'a')).toMatchObject({ reserved: 0 });
  });

  it('adjusts by movements, never below zero, and shows what no longer fits', async () => {
    await asking(8);
    expect(await adjust(store, { tenant, variantId: 1, location: 'a', delta: -5, note: 'broken', now: NOW })).toEqual({
      quantity: 5,
      available: 0,
      shortfall: 3,
    });
    expect(
      await adjust(store, { tenant, variantId: 1, location: 'a', delta: -6, note: 'broken', now: NOW }),
    ).toBeNull();
    expect(
      await adjust(store, { tenant, variantId: 1, location: 'nowhere', delta: -1, note: '', now: NOW }),
    ).toBeNull();
    expect(await adjust(store, { tenant, variantId: 77, location: 'a', delta: 1, note: '', now: NOW })).toBeNull();
  });

  it('never touches another tenant', async () => {
    const other = await tenantId(store, 'other');
    const id = await idOf(1);
    expect(
      await reserve(store, {
        tenant: other,
        orderRef: 'x',
        now: NOW,
        lines: [{ variantId: 1, location: 'a', quantity: 1 }],
      }),
    ).toMatchObject({ ok: false });
    expect(
      await reserve(store, {
        tenant: other,
        orderRef: 'x',
        now: NOW,
        lines: [{ variantId: 1, location: null, quantity: 1 }],
      }),
    ).toMatchObject({ ok: false });
    expect(await release(store, { tenant: other, ids: [id] })).toEqual([]);
    expect(await commit(store, { tenant: other, ids: [id], now: NOW })).toEqual([]);
    expect(
      await adjust(store, { tenant: other, variantId: 1, location: 'a', delta: 1, note: '', now: NOW }),
    ).toBeNull();
  });

  it('takes whole units only', async () => {
    await expect(asking(0)).rejects.toThrow(RangeError);
    await expect(asking(-1)).rejects.toThrow(RangeError);
    await expect(asking(1.5)).rejects.toThrow(RangeError);
  });
});
