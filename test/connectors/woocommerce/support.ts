/** A shop with a connector opened on it. */
import { tmpdir } from 'node:os';
import woocommerce from '../../../connectors/woocommerce/index.ts';
import type { ConnectionContext, Cursor, JsonObject, Page, ReadRequest, Source } from '../../../src/connector/index.ts';
import { type Faults, NO_FAULTS } from '../../../src/sandbox/faults.ts';
import type { VendorSystem } from '../../../src/sandbox/system.ts';
import { openWooCommerce } from '../../../src/sandbox/woocommerce/index.ts';
import { makeWorld } from '../../../src/sandbox/world.ts';
import { caller } from '../../sandbox/woocommerce-caller.ts';
import { makeTestClock, type TestClock } from '../../support/clock.ts';

/** The world was last changed a day before. */
const NOW = '2026-11-21T12:00:00Z';

export type ShopUnderTest = AsyncDisposable & {
  readonly system: VendorSystem;
  readonly source: Source;
  readonly clock: TestClock;
  readonly call: ReturnType<typeof caller>;
};

export type Options = {
  readonly timeZone?: string;
  readonly faults?: Partial<Faults>;
  readonly settings?: JsonObject;
  readonly speed?: number;
};

export function contextWith(
  clock: ConnectionContext['clock'],
  more: Partial<ConnectionContext> = {},
): ConnectionContext {
  const quiet = () => undefined;
  return {
    ...{ tenant: 'acme', connection: 'shop', clock, signal: new AbortController().signal },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    permit: () => Promise.resolve(),
    observeLimits: quiet,
    token: () => Promise.resolve(''),
    ...{ scratchDir: tmpdir(), baseDir: tmpdir(), allowedRoots: [] },
    ...more,
  };
}

export async function openShop(options: Options = {}): Promise<ShopUnderTest> {
  const clock = makeTestClock(NOW);
  const faults: Faults = { ...NO_FAULTS, ...options.faults };
  const zone = options.timeZone === undefined ? {} : { timeZone: options.timeZone };
  const system = await openWooCommerce({ world: makeWorld(), clock, faults, ...zone, speed: options.speed ?? 1 });
  const source = await openSource(system.settings, clock, options.settings);
  return {
    ...{ system, source, clock, call: caller(system, clock) },
    async [Symbol.asyncDispose]() {
      await source.close();
      await system.close();
    },
  };
}

export function openSource(
  { connector: _, ...settings }: JsonObject,
  clock: ConnectionContext['clock'],
  more: JsonObject = {},
): Promise<Source> {
  return woocommerce.open(woocommerce.config.parse({ ...settings, ...more }), contextWith(clock));
}

export type Read = {
  readonly pages: readonly Page[];
  readonly ids: readonly string[];
  readonly gone: readonly string[];
  readonly cursor: Cursor | null;
};

export async function readAll(
  source: Source,
  stream: string,
  options: Partial<ReadRequest> & { readonly most?: number } = {},
): Promise<Read> {
  const { most = Number.POSITIVE_INFINITY, ...given } = options;
  const request: ReadRequest = {
    ...{ stream, cursor: null, mode: 'incremental', pageSize: 5, groupBy: null, trafficClass: 'poll' },
    ...given,
  };
  const pages: Page[] = [];
  for await (const page of source.read(request)) {
    pages.push(page);
    if (pages.length >= most) break;
  }
  return {
    pages,
    ids: pages.flatMap(({ records }) => records.map(({ id }) => id ?? '')),
    gone: pages.flatMap(({ tombstones }) => tombstones.map(({ id }) => id)),
    cursor: pages.findLast(({ next }) => next !== null)?.next ?? null,
  };
}

/** The shop's ids of a stream, in their order. */
export const idsOf = (system: VendorSystem, stream: string): string[] => [...system.truth(stream).keys()];
