/** A shop of the sandbox with the connector opened on it, each with a clock of its own where a test wants that. */
import { tmpdir } from 'node:os';
import shopify from '../../../connectors/shopify/index.ts';
import type {
  Cursor,
  Fetch,
  IssuedToken,
  JsonObject,
  Page,
  ReadRequest,
  Source,
} from '../../../src/connector/contract.ts';
import { readPages } from '../../../src/extract/pages.ts';
import type { Faults, RequestFault } from '../../../src/sandbox/faults.ts';
import { openShopify } from '../../../src/sandbox/shopify/index.ts';
import type { VendorSystem } from '../../../src/sandbox/system.ts';
import { makeWorld, type World } from '../../../src/sandbox/world.ts';
import { makeTestClock, type TestClock } from '../../support/clock.ts';

export type ShopOptions = {
  readonly world?: World;
  readonly onRequest?: Faults['onRequest'];
  readonly onWebhook?: Faults['onWebhook'];
  /** How far the connector's clock is ahead of the shop's. */
  readonly aheadMs?: number;
  readonly fetch?: Fetch;
  readonly settings?: JsonObject;
};

export type OpenShop = AsyncDisposable & {
  readonly system: VendorSystem;
  readonly source: Source;
  /** The shop's clock. */
  readonly clock: TestClock;
  /** Points the connector asked leave for, call by call. */
  readonly permits: number[];
  /** Asks the shop directly. */
  ask(query: string, variables?: JsonObject): Promise<JsonObject>;
};

export const START = '2026-11-21T12:00:00Z';

export async function openShop(options: ShopOptions = {}): Promise<OpenShop> {
  const clock = makeTestClock(START, { isAuto: true });
  const faults: Faults = {
    onRequest: options.onRequest ?? (() => null),
    onWebhook: options.onWebhook ?? (() => 'deliver'),
    clockSkewMs: 0,
  };
  const system = await openShopify({ world: options.world ?? makeWorld(), clock, faults });
  const { connector: _, ...settings } = system.settings;
  const config = shopify.config.parse({ ...settings, ...options.settings });
  const aheadMs = options.aheadMs ?? 0;
  const own = {
    now: () => new Date(clock.now().getTime() + aheadMs),
    sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
  };
  const signal = new AbortController().signal;
  const quiet = () => {};
  const permits: number[] = [];
  let token: IssuedToken | null = null;
  const permit = async (cost: number, _class: string, budget?: string) => {
    if (budget === undefined) permits.push(cost);
  };
  const source = await shopify.open(config, {
    ...{ tenant: 'test', connection: 'shop', clock: own, signal, scratchDir: tmpdir(), baseDir: tmpdir() },
    ...{ allowedRoots: [], observeLimits: quiet, permit },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    token: async (rejected) => {
      if (token === null || token.accessToken === rejected)
        token = (await shopify.issueToken?.(config, { refreshToken: null, clock, signal })) ?? null;
      return token?.accessToken ?? '';
    },
    ...(options.fetch ? { fetch: options.fetch } : {}),
  });
  return {
    ...{ system, source, clock, permits },
    ask: async (query, variables = {}) => {
      const answer = await fetch(`${system.url}/admin/api/2026-10/graphql.json`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-shopify-access-token': 'shpat_sandbox_permanent' },
        body: JSON.stringify({ query, variables }),
      });
      return (await answer.json()) as JsonObject;
    },
    async [Symbol.asyncDispose]() {
      await source.close();
      await system.close();
    },
  };
}

export const requestOf = (stream: string, more: Partial<ReadRequest> = {}): ReadRequest => ({
  ...{ stream, cursor: null, mode: 'incremental', pageSize: 50, groupBy: null, trafficClass: 'poll' },
  ...more,
});

export type Pass = {
  readonly records: ReadonlyMap<string, JsonObject>;
  readonly gone: readonly string[];
  readonly pages: readonly Page[];
  readonly cursor: Cursor | null;
};

/** A pass to its end, framed and decoded, with the pauses the source asks for. */
export async function readPass({ source, clock }: OpenShop, request: ReadRequest): Promise<Pass> {
  const records = new Map<string, JsonObject>();
  const gone: string[] = [];
  const pages: Page[] = [];
  const stream = source.streams().find(({ name }) => name === request.stream);
  if (!stream) throw new Error(`no stream ${request.stream}`);
  const kept: Source = {
    ...source,
    async *read(asked) {
      for await (const page of source.read(asked)) {
        pages.push(page);
        yield page;
      }
    },
  };
  let { cursor } = request;
  for (let pauses = 0; pauses < 50; pauses += 1) {
    let wait: Date | null = null;
    const read = { source: kept, stream, request: { ...request, cursor }, scratchDir: tmpdir() };
    for await (const page of readPages({ ...read, decode: shopify.decode, isRawJson: shopify.isRawJson })) {
      for (const { id, parts } of page.records)
        records.set(id ?? '', shopify.decode?.(parts, page.context) as JsonObject);
      gone.push(...page.tombstones.map(({ id }) => id));
      cursor = page.next ?? cursor;
      wait = page.notBefore;
    }
    if (wait === null) return { records, gone, pages, cursor };
    await clock.advance(Math.max(1000, wait.getTime() - clock.now().getTime()));
  }
  throw new Error(`${request.stream} does not come to an end`);
}

/** The faults in turn, for calls that `isMeant` picks. */
export function inTurn(
  faults: RequestFault[],
  isMeant: (request: { method: string; path: string }) => boolean,
): Faults['onRequest'] {
  return (request) => (isMeant(request) ? (faults.shift() ?? null) : null);
}
