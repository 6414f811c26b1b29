/** A connector whose source says what a test scripts: pages in order, resumed by cursor like a real one. */
import { z } from 'zod';
import type {
  Connector,
  JsonObject,
  Page,
  ReadRequest,
  SourceProblem,
  SourceRecord,
  StreamDeclaration,
  Tombstone,
  Window,
} from '../../src/connector/contract.ts';

export type ScriptRecord = {
  readonly id: string | null;
  readonly body: JsonObject;
  readonly version?: number | null;
  readonly parent?: string;
};

/** What a scripted page leaves out is an incremental page of nothing. */
export type ScriptPage = {
  readonly records?: readonly ScriptRecord[];
  readonly tombstones?: readonly Tombstone[];
  readonly problems?: readonly SourceProblem[];
  readonly window?: Window;
  readonly complete?: boolean;
  readonly observedAt: Date;
  readonly expected?: number | null;
  readonly context?: JsonObject;
  /** The cursor does not move behind this page: a reader that comes back gets it again. */
  readonly keepsCursor?: boolean;
  /** Thrown instead of the page, so many times. */
  readonly fails?: { readonly error: Error; times: number };
  readonly afterCommit?: () => Promise<void>;
};

export type Script = {
  /** What the next reading of a stream finds. A reader whose cursor is from an earlier reading starts at its beginning. */
  say(connection: string, stream: string, pages: readonly ScriptPage[]): void;
  reading(connection: string, stream: string): { readonly number: number; readonly pages: readonly ScriptPage[] };
  /** Cursors that readers came with. */
  readonly asked: (ReadRequest & { readonly connection: string })[];
};

export function makeScript(): Script {
  const readings = new Map<string, { number: number; pages: readonly ScriptPage[] }>();
  return {
    asked: [],
    say(connection, stream, pages) {
      const name = `${connection}/${stream}`;
      readings.set(name, { number: (readings.get(name)?.number ?? 0) + 1, pages });
    },
    reading: (connection, stream) => readings.get(`${connection}/${stream}`) ?? { number: 0, pages: [] },
  };
}

export const declared = (name: string, more: Partial<StreamDeclaration> = {}): StreamDeclaration => ({
  name,
  about: 'scripted',
  mode: 'complete',
  cursor: 'token',
  visibilityLagMs: 0,
  overlapMs: 0,
  blindFields: [],
  volatilePaths: [],
  volatileContext: ['file', 'asOf'],
  deletes: ['tombstone', 'absence'],
  fields: null,
  key: ['id'],
  ...more,
});

export function scriptedConnector(script: Script, streams: readonly StreamDeclaration[]): Connector {
  return {
    name: 'scripted',
    title: 'Scripted',
    docs: 'https://example.com/',
    directions: ['in'],
    config: z.unknown(),
    streams,
    open: async (_config, { connection }) => ({
      streams: () => streams,
      check: async () => [],
      read: (request) => read(script, connection, request),
      readIds: async (stream, ids) => {
        const [page] = script.reading(connection, stream).pages;
        const records = (page?.records ?? []).filter((one) => ids.includes(one.id ?? '')).map(sourceRecord);
        const window = { id: `ids ${ids.join()}`, kind: 'delta', scope: 'all' } as const;
        return {
          ...{ records, tombstones: [], problems: [], next: null, window, complete: false },
          ...{ observedAt: page?.observedAt ?? new Date(0), expected: null, notBefore: null, context: {} },
        };
      },
      externalId: (_stream, raw) => String(raw),
      close: async () => {},
    }),
  };
}

async function* read(script: Script, connection: string, request: ReadRequest): AsyncGenerator<Page> {
  script.asked.push({ ...request, connection });
  const { number, pages } = script.reading(connection, request.stream);
  const from = request.cursor?.['reading'] === number ? Number(request.cursor['page']) : 0;
  for (const [at, page] of pages.entries()) {
    if (at < from) continue;
    if (page.fails && page.fails.times > 0) {
      page.fails.times -= 1;
      throw page.fails.error;
    }
    yield {
      records: (page.records ?? []).map(sourceRecord),
      tombstones: page.tombstones ?? [],
      problems: page.problems ?? [],
      next: page.keepsCursor === true ? null : { reading: number, page: at + 1 },
      window: page.window ?? { id: `delta ${number}`, kind: 'delta', scope: 'all' },
      complete: page.complete ?? false,
      observedAt: page.observedAt,
      expected: page.expected ?? null,
      notBefore: null,
      context: page.context ?? {},
      ...(page.afterCommit ? { afterCommit: page.afterCommit } : {}),
    };
  }
}

function sourceRecord({ id, body, version, parent }: ScriptRecord, at: number): SourceRecord {
  const raw = new TextEncoder().encode(JSON.stringify(body));
  return { raw, id, version: version ?? null, position: at + 1, ...(parent === undefined ? {} : { parent }) };
}
