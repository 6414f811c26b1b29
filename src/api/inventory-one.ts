/** GET /api/v2/inventory/{id}: one answer for those who ask by product and for those who ask by SKU. */
import { z } from 'zod';
import { publicId } from '../canonical/ids.ts';
import { findVariants, type Named, type Stock, stockOf } from '../inventory/get.ts';
import { defineRoute, type Route, text } from './route.ts';

const figures = { quantity: z.int(), available: z.int(), reserved: z.int(), committed: z.int(), shortfall: z.int() };

const answer = z.object({
  sku: z.string().nullable().describe('null where several SKUs are summed up'),
  product_id: z.string().nullable().describe('null where several products carry the SKU'),
  quantity: z.int(),
  total_available: z.int(),
  total_reserved: z.int(),
  total_committed: z.int(),
  total_shortfall: z.int(),
  locations: z
    .array(
      z.object({
        warehouse_id: z.string(),
        location: z.string(),
        name: z.string().nullable(),
        ...figures,
        as_of: z.string(),
      }),
    )
    .describe('sums over the variants'),
  variants: z.array(
    z.object({
      variant_id: z.string(),
      product_id: z.string().nullable(),
      sku: z.string().nullable(),
      title: z.string().nullable(),
      locations: z.array(z.object({ location: z.string(), ...figures, as_of: z.string() })),
    }),
  ),
  reservations: z.array(
    z.object({
      id: z.string(),
      variant_id: z.string(),
      sku: z.string().nullable(),
      location: z.string(),
      quantity: z.int(),
      order_id: z.string(),
      expires_at: z.string(),
      status: z.enum(['open', 'committed']),
    }),
  ),
  drift: z
    .array(
      z.object({
        variant_id: z.string(),
        location: z.string(),
        connection: z.string(),
        quantity: z.int(),
        as_of: z.string(),
      }),
    )
    .describe('what sources report that do not speak for this stock'),
});
type Answer = z.infer<typeof answer>;

export const inventoryOne: Route = defineRoute({
  method: 'GET',
  path: '/api/v2/inventory/:id',
  name: 'getInventory',
  summary: 'Stock of a product or SKU',
  about:
    'Looks for a product id, then a variant id, then a SKU. Where several variants answer (a product, or a SKU that is not unique), figures are sums and `variants` has each.',
  scope: 'read:inventory',
  params: z.object({ id: text(255).describe('product id, variant id or SKU') }),
  query: z.strictObject({}),
  answer,
  async handle({ params: { id }, tenant, tx }) {
    const named = await findVariants(tx, tenant, id);
    return named === null ? null : render(named, await stockOf(tx, tenant, named.variantIds));
  },
});

function render(named: Named, { variants, levels, reservations, drift }: Stock): Answer {
  const sum = (of: (level: Stock['levels'][number]) => number): number =>
    levels.reduce((total, level) => total + of(level), 0);
  const productId = named.productId ?? only(variants.map((variant) => variant.product_id));
  return {
    sku: only(variants.map((variant) => variant.sku)),
    product_id: productId === null ? null : publicId('product', productId),
    quantity: sum((level) => level.quantity),
    total_available: sum((level) => level.available),
    total_reserved: sum((level) => level.reserved),
    total_committed: sum((level) => level.committed),
    total_shortfall: sum((level) => level.shortfall),
    locations: byLocation(levels),
    variants: variants.map(({ variant_id, product_id, sku, title }) => ({
      variant_id: publicId('variant', variant_id),
      product_id: product_id === null ? null : publicId('product', product_id),
      sku,
      title,
      locations: levels
        .filter((level) => level.variant_id === variant_id)
        .map(({ location, quantity, available, reserved, committed, shortfall, as_of }) => ({
          location,
          quantity,
          available,
          reserved,
          committed,
          shortfall,
          as_of,
        })),
    })),
    reservations: reservations.map(({ id, variant_id, order_ref, state, ...rest }) => ({
      id: publicId('reservation', id),
      variant_id: publicId('variant', variant_id),
      ...rest,
      order_id: order_ref,
      status: state,
    })),
    drift: drift.map((one) => ({ ...one, variant_id: publicId('variant', one.variant_id) })),
  };
}

/** The one value they all have, or `null`. */
function only<T>(values: readonly T[]): T | null {
  const [first, ...others] = new Set(values);
  return first === undefined || others.length > 0 ? null : first;
}

function byLocation(levels: Stock['levels']): Answer['locations'] {
  const sums = new Map<string, Answer['locations'][number]>();
  for (const { location, location_name, quantity, available, reserved, committed, shortfall, as_of } of levels) {
    const sum = sums.get(location);
    if (sum === undefined) {
      sums.set(location, {
        warehouse_id: location,
        location,
        name: location_name,
        quantity,
        available,
        reserved,
        committed,
        shortfall,
        as_of,
      });
      continue;
    }
    sum.quantity += quantity;
    sum.available += available;
    sum.reserved += reserved;
    sum.committed += committed;
    sum.shortfall += shortfall;
    // As old as the oldest figure in it.
    if (as_of < sum.as_of) sum.as_of = as_of;
  }
  return [...sums.values()];
}
