import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adjust } from '../../src/inventory/adjust.ts';
import { reserve } from '../../src/inventory/reserve.ts';
import { commit, expireDue, release } from '../../src/inventory/settle.ts';
import { applyFigures } from '../../src/load/stock.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { postgres, requireService } from '../support/services.ts';
import { balances, unbalanced } from './ledger.ts';
import { seed, tenantId } from './shop.ts';

const START = Date.parse('2026-11-21T09:00:00.000Z');
const PROCESSES = 4;
const CONNECTIONS = 4;

describe.runIf(await requireService('postgres', 'stock under contention'))(
  'stock under contention on PostgreSQL',
  () => {
    /** Each stands for a process: a pool of its own. */
    let stores: Store[];
    let store: Store;
    let tenant: number;
    let drop: () => Promise<void>;
    let next = 1;

    beforeAll(async () => {
      const database = await postgres();
      drop = () => database.drop();
      stores = await Promise.all(
        Array.from({ length: PROCESSES }, () => openPostgres(database.url, { connections: CONNECTIONS })),
      );
      store = stores[0] as Store;
      await migrate(store);
      tenant = await tenantId(store, 'acme');
    });
    afterAll(async () => {
      await Promise.all(stores.map((one) => one.close()));
      await drop();
    });

    /** Variants nobody used yet, each with a level at both locations. */
    async function stock(count: number, quantity: number): Promise<number[]> {
      const variants = Array.from({ length: count }, (_, index) => ({ id: next + index, sku: `V-${next + index}` }));
      next += count;
      await seed(store, tenant, {
        variants,
        levels: variants.flatMap(({ id }) => ['a', 'b'].map((location) => ({ variant: id, location, quantity }))),
      });
      return variants.map((variant) => variant.id);
    }

    it('grants exactly what there is to 64 buyers at once', async () => {
      const [variantId = 0] = await stock(1, 50);
      const low: number[] = [];
      let isDone = false;
      const watch = (async () => {
        while (!isDone) {
          const [row] = await store.rows<{ free: number }>(
            sql`select quantity - reserved - committed as free from stock_level where variant_id = ${variantId} and location = 'a'`,
          );
          low.push(row?.free ?? 0);
        }
      })();
      const buyers = await Promise.all(
        Array.from({ length: 64 }, async (_, buyer) => {
          let granted = 0;
          for (let round = 0; round < 3; round += 1) {
            const from = stores[buyer % PROCESSES] as Store;
            const outcome = await reserve(from, {
              tenant,
              orderRef: `${buyer}`,
              now: new Date(START),
              lines: [{ variantId, location: 'a', quantity: 1 + (buyer % 3) }],
            });
            if (outcome.ok) granted += 1 + (buyer % 3);
          }
          return granted;
        }),
      );
      isDone = true;
      await watch;
      expect(buyers.reduce((sum, granted) => sum + granted, 0)).toBe(50);
      expect(Math.min(...low)).toBe(0);
    });

    const step = fc.record({
      kind: fc.constantFrom(
        'reserve',
        'reserve',
        'reserve',
        'order',
        'release',
        'commit',
        'expire',
        'adjust',
        'figure',
      ),
      who: fc.nat(PROCESSES - 1),
      variant: fc.nat(2),
      other: fc.nat(2),
      location: fc.constantFrom('a', 'b', null),
      quantity: fc.integer({ min: 1, max: 6 }),
      minute: fc.nat(40),
    });
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

    async function take(
      { kind, who, variant, other, location, quantity, minute }: Step,
      variants: readonly number[],
      known: number[],
    ): Promise<void> {
      const from = stores[who] as Store;
      const now = new Date(START + minute * 60_000);
      const variantId = variants[variant] ?? 0;
      const some = known.slice(-1 - quantity);
      if (kind === 'reserve' || kind === 'order') {
        const lines =
          kind === 'order'
            ? [variantId, variants[other] ?? 0].map((id) => ({ variantId: id, location, quantity }))
            : [{ variantId, location: location ?? 'a', quantity }];
        const outcome = await reserve(from, { tenant, orderRef: 'o', now, lines });
        if (outcome.ok) known.push(...outcome.reservations.map((one) => one.id));
      } else if (kind === 'release') await release(from, { tenant, ids: some });
      else if (kind === 'commit') await commit(from, { tenant, ids: some, now });
      else if (kind === 'expire') await expireDue(from, { now, tenant, portion: 3 });
      else if (kind === 'adjust')
        await adjust(from, { tenant, variantId, location: location ?? 'b', delta: quantity - 3, note: 'count', now });
      else {
        const ids = await from.newIds(8);
        const figures = [variantId, variants[other] ?? 0].map((id, no) => ({
          variantId: id,
          location: location ?? 'b',
          quantity: quantity * 4,
          asOf: now.getTime(),
          no,
        }));
        await from.transaction((tx) =>
          applyFigures(
            tx,
            ids,
            { id: 1, connectionId: 1, tenant, stockAuthority: true } as Parameters<typeof applyFigures>[2],
            1,
            figures,
            () => false,
          ),
        );
      }
    }

    it('keeps every level the sum of its ledger, whatever happens at once', async () => {
      await store.rows(
        sql`insert into connection (id, tenant, name, connector, settings) values (1, ${tenant}, 'c', 'feed', '{}') on conflict do nothing`,
      );
      await store.rows(
        sql`insert into stream (id, tenant, connection_id, name, every) values (1, ${tenant}, 1, 's', 'manual') on conflict do nothing`,
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(step, { minLength: 3, maxLength: 12 }), { minLength: 8, maxLength: 12 }),
          async (lanes) => {
            const variants = await stock(3, 12);
            const known: number[] = [];
            await Promise.all(
              lanes.map(async (lane) => {
                for (const one of lane) await take(one, variants, known);
              }),
            );
            const rows = (await balances(store, tenant)).filter((row) => variants.includes(row.variant));
            expect(unbalanced(rows, () => 12)).toEqual([]);
            expect(rows.every((row) => row.quantity >= 0 && row.reserved >= 0 && row.committed >= 0)).toBe(true);
          },
        ),
        { numRuns: 25, endOnFailure: true, verbose: 1 },
      );
    });
  },
);
