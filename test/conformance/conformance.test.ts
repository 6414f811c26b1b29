/** The suite notices what a connector does wrong: each one here has one fault. */
import { describe, expect, it } from 'vitest';
import acme from '../../connectors/_template/index.ts';
import type { ConnectionContext, Connector, Page, ReadRequest, Source } from '../../src/connector/contract.ts';
import { TributaryError } from '../../src/errors.ts';
import { openAcme } from '../../src/sandbox/_template/index.ts';
import { checksOf } from './checks.ts';

type Fault = {
  readonly what: string;
  readonly context?: (context: ConnectionContext) => Partial<ConnectionContext>;
  readonly source?: (source: Source) => Partial<Source>;
  /** Part of the title of the check that notices. */
  readonly noticed: string;
};

const mapPages = (change: (page: Page) => Partial<Page>) => (source: Source) => ({
  async *read(request: ReadRequest) {
    for await (const page of source.read(request)) yield { ...page, ...change(page) };
  },
});

const OVERLAP_MS = 300_000;

const FAULTS: readonly Fault[] = [
  { what: 'calls without a permit', context: () => ({ permit: async () => {} }), noticed: 'permit' },
  {
    what: 'goes on when it is told to end',
    context: () => ({ signal: new AbortController().signal }),
    noticed: 'ends when it is told to',
  },
  {
    what: 'loses the last record of a page',
    source: mapPages((page) => ({ records: page.records.slice(0, -1) })),
    noticed: 'read whole at the first time',
  },
  { what: 'forgets deletes', source: mapPages(() => ({ tombstones: [] })), noticed: 'made, changed and deleted' },
  {
    what: 'calls each page complete',
    source: mapPages(({ window }) => ({ complete: window.kind === 'snapshot' })),
    noticed: 'snapshot',
  },
  {
    what: 'keeps no cursor within a pass',
    source: mapPages(({ next }) => ({ next: next?.['after'] === undefined ? next : { since: next['until'] ?? null } })),
    noticed: 'goes on behind any page',
  },
  {
    what: 'reads on without overlap',
    source: (source) => ({
      read: (request) => {
        const since = request.cursor?.['since'];
        const isPass = typeof since === 'string' && request.cursor?.['until'] === undefined;
        const later = isPass && new Date(Date.parse(since) + OVERLAP_MS).toISOString();
        return source.read(later ? { ...request, cursor: { since: later } } : request);
      },
    }),
    noticed: 'committed late',
  },
  {
    what: 'takes an error for the end',
    source: (source) => ({
      async *read(request) {
        try {
          yield* source.read(request);
        } catch {
          // On purpose.
        }
      },
    }),
    noticed: 'takes "unavailable 500"',
  },
  {
    what: 'tells a secret',
    source: (source) => ({
      async *read(request) {
        try {
          yield* source.read(request);
        } catch (cause) {
          throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'acme-sandbox-token did not work', { cause });
        }
      },
    }),
    noticed: 'takes "cut"',
  },
  {
    what: 'names records as they come',
    source: () => ({ externalId: (_stream, raw) => JSON.stringify(raw) }),
    noticed: 'whichever way it came',
  },
];

function broken({ context, source }: Fault): Connector {
  const plain: Connector = acme;
  return {
    ...plain,
    async open(config, given) {
      const opened = await plain.open(config, { ...given, ...context?.(given) });
      return { ...opened, ...source?.(opened) };
    },
  };
}

describe('the conformance suite', () => {
  it.each(FAULTS)('notices a connector that $what', async (fault) => {
    const failed: string[] = [];
    for (const { title, run } of await checksOf(broken(fault), openAcme)) {
      await run().catch(() => failed.push(title));
    }
    expect(failed.join('\n')).toMatch(fault.noticed);
  });
});
