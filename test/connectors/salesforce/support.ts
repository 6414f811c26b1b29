/** The connector opened on an org of its own, with a way to change what goes over the wire. */
import { tmpdir } from 'node:os';
import salesforce from '../../../connectors/salesforce/index.ts';
import type {
  Cursor,
  Fetch,
  Json,
  JsonObject,
  LimitObservation,
  Page,
  ReadRequest,
  Source,
} from '../../../src/connector/index.ts';
import { type Faults, NO_FAULTS, type RequestFault } from '../../../src/sandbox/faults.ts';
import { openSalesforce, type SalesforceSystem } from '../../../src/sandbox/salesforce/index.ts';
import { objectNamed, type SfObject } from '../../../src/sandbox/salesforce/objects.ts';
import { makeWorld } from '../../../src/sandbox/world.ts';
import { makeTestClock, type TestClock } from '../../support/clock.ts';

export type Wired = AsyncDisposable & {
  readonly system: SalesforceSystem;
  readonly clock: TestClock;
  readonly source: Source;
  /** What the org was asked, in order: method and address. */
  readonly calls: string[];
  readonly limits: LimitObservation[];
  /** The next answers go wrong like this, in turn. */
  readonly faults: RequestFault[];
};

/** Changes an answer, or gives one instead of asking: `ask` does. */
export type Wire = (url: string, init: RequestInit | undefined, ask: () => Promise<Response>) => Promise<Response>;

export async function wired(options: { settings?: JsonObject; wire?: Wire; skewMs?: number } = {}): Promise<Wired> {
  const clock = makeTestClock('2026-11-21T12:00:00Z', { isAuto: true });
  const planned: RequestFault[] = [];
  const faults: Faults = {
    ...NO_FAULTS,
    onRequest: () => planned.shift() ?? null,
    clockSkewMs: options.skewMs ?? 0,
  };
  const system = await openSalesforce({ world: makeWorld(), clock, faults });
  const { connector: _name, ...settings } = system.settings;
  const config = salesforce.config.parse({ ...settings, ...options.settings });
  const calls: string[] = [];
  const limits: LimitObservation[] = [];
  const wire: Wire = options.wire ?? ((_url, _init, ask) => ask());
  const send: Fetch = (url, init) => {
    calls.push(`${init?.method ?? 'GET'} ${decodeURIComponent(url.slice(system.url.length))}`);
    return wire(url, init, () => fetch(url, init));
  };
  const signal = new AbortController().signal;
  const quiet = () => {};
  let token: string | null = null;
  const source = await salesforce.open(config, {
    ...{
      tenant: 'tenant',
      connection: 'crm',
      clock,
      signal,
      scratchDir: tmpdir(),
      baseDir: tmpdir(),
      allowedRoots: [],
    },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    permit: async () => {},
    observeLimits: (observation) => void limits.push(observation),
    async token(rejected) {
      if (token === null || token === rejected)
        token = (await salesforce.issueToken?.(config, { refreshToken: null, clock, signal }))?.accessToken ?? null;
      return token ?? '';
    },
    fetch: send,
  });
  return {
    ...{ system, clock, source, calls, limits, faults: planned },
    async [Symbol.asyncDispose]() {
      await source.close();
      await system.close();
    },
  };
}

export function objectOf(name: string): SfObject {
  const object = objectNamed(name);
  if (!object) throw new RangeError(`there is no object ${name}`);
  return object;
}

export type Pass = { readonly pages: readonly Page[]; readonly cursor: Cursor | null };

/** Reads to the end, or behind so many pages; waits where the source asks for it. */
export async function read(
  { source, clock }: Wired,
  request: Partial<ReadRequest> & { stream: string },
  most = Number.POSITIVE_INFINITY,
): Promise<Pass> {
  const pages: Page[] = [];
  let cursor = request.cursor ?? null;
  for (;;) {
    let wait: Date | null = null;
    const asked = {
      mode: 'incremental',
      pageSize: 50,
      groupBy: null,
      trafficClass: 'poll',
      ...request,
      cursor,
    } as const;
    for await (const page of source.read(asked)) {
      pages.push(page);
      // As it comes back from the store.
      cursor = page.next === null ? cursor : JSON.parse(JSON.stringify(page.next));
      wait = page.notBefore;
      if (pages.length >= most) return { pages, cursor };
    }
    if (wait === null) return { pages, cursor };
    await clock.advance(Math.max(1, wait.getTime() - clock.now().getTime()));
  }
}

export const recordsOf = ({ pages }: Pass): JsonObject[] =>
  pages.flatMap(({ records, context }) =>
    records.map(({ raw }) => asObject(salesforce.decode?.([raw], context) ?? null)),
  );

export const idsOf = ({ pages }: Pass): (string | null)[] =>
  pages.flatMap(({ records }) => records.map(({ id }) => id));

export const tombstonesOf = ({ pages }: Pass): Page['tombstones'] => pages.flatMap(({ tombstones }) => tombstones);

function asObject(value: Json): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new TypeError('a record is an object');
}

/** An answer with its JSON changed. */
export async function changed(response: Response, change: (text: string) => string): Promise<Response> {
  const { status, headers } = response;
  const kept = new Headers(headers);
  kept.delete('content-length');
  return new Response(change(await response.text()), { status, headers: kept });
}
