/** Where the records of each stream are listed, and how a pass over them goes. */
import type { TrafficClass } from '../../src/connector/index.ts';
import type { Shop } from './client.ts';
import { streams } from './streams.ts';
import { type Place, type Step, walk } from './walk.ts';

export type StepOptions = {
  readonly phase: 'live' | 'trash';
  readonly start: Place;
  readonly pageSize: number;
  readonly trafficClass: TrafficClass;
  /** As `modified_after` takes it; `null`: everything. */
  readonly since: string | null;
};

export type StreamList = {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Takes `modified_after`. */
  readonly hasTimes: boolean;
  /** What was put into the trash can be listed. */
  readonly trash: boolean;
  /** Prices without a currency, weights without a unit. */
  readonly hasUnits: boolean;
  readonly visibilityLagMs: number;
  readonly overlapMs: number;
  steps(shop: Shop, options: StepOptions): AsyncGenerator<Step>;
};

type Given = Pick<StreamList, 'path' | 'query' | 'trash' | 'hasUnits'>;

// `any` leaves out the trash and orders that are still in the checkout.
const GIVEN: Readonly<Record<string, Given>> = {
  products: { path: '/products', query: { status: 'any' }, trash: true, hasUnits: true },
  variations: { path: '/variations', query: { status: 'any' }, trash: true, hasUnits: true },
  orders: { path: '/orders', query: { status: 'any' }, trash: true, hasUnits: false },
  refunds: { path: '/refunds', query: {}, trash: false, hasUnits: false },
  // Without it only those with the role customer are listed.
  customers: { path: '/customers', query: { role: 'all' }, trash: false, hasUnits: false },
  categories: { path: '/products/categories', query: {}, trash: false, hasUnits: false },
  // Coupons can be trashed, but no list shows that.
  coupons: { path: '/coupons', query: {}, trash: false, hasUnits: true },
};

export const LISTS: Readonly<Record<string, StreamList>> = Object.fromEntries(
  Object.entries(GIVEN).map(([name, given]): [string, StreamList] => {
    const declared = streams.find((stream) => stream.name === name);
    const hasTimes = declared?.cursor === 'keyset';
    return [
      name,
      {
        ...given,
        hasTimes,
        ...{ visibilityLagMs: declared?.visibilityLagMs ?? 0, overlapMs: declared?.overlapMs ?? 0 },
        steps: (shop, options) => steps(shop, given, options),
      },
    ];
  }),
);

function steps(shop: Shop, { path, query }: Given, options: StepOptions): AsyncGenerator<Step> {
  const { phase, since, trafficClass } = options;
  const changes: Record<string, string> = since === null ? {} : { modified_after: since, dates_are_gmt: 'true' };
  const trashed: Record<string, string> =
    phase === 'trash' ? { status: 'trash', _fields: 'id,status,date_modified_gmt' } : {};
  const request = { path, query: { ...query, ...changes, ...trashed }, trafficClass };
  return walk(shop, request, options.start, options.pageSize);
}
