/** A feed folder of one's own, an open feed connection on it, and what reading it gave. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import feed from '../../connectors/feed/index.ts';
import type { ConnectionContext, Cursor, Json, Page, ReadRequest, Source } from '../../src/connector/contract.ts';
import { makeTestClock } from '../support/clock.ts';

export const START = '2026-11-21T12:00:00Z';
const DAY_MS = 86_400_000;

export type LogLine = { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> };

export type FeedBench = {
  readonly dir: string;
  readonly folder: string;
  readonly log: LogLine[];
  readonly context: ConnectionContext;
  /** Writes a file, last modified `ageMs` before the clock's start. */
  put(name: string, content: string | Uint8Array, ageMs?: number): void;
  open(settings: Record<string, unknown>, connection?: Record<string, unknown>): Promise<Source>;
  [Symbol.dispose](): void;
};

export function feedBench(overrides: Partial<ConnectionContext> = {}): FeedBench {
  const dir = mkdtempSync(join(tmpdir(), 'feed-'));
  const folder = join(dir, 'feeds');
  mkdirSync(folder);
  const log: LogLine[] = [];
  const note = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void log.push({ level, message, fields });
  const context: ConnectionContext = {
    ...{ tenant: 't1', connection: 'feed1', clock: makeTestClock(START, { isAuto: true }) },
    log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    ...{ signal: new AbortController().signal, permit: async () => {}, observeLimits: () => {}, token: async () => '' },
    ...{ scratchDir: join(dir, 'scratch'), baseDir: dir, allowedRoots: [dir] },
    ...overrides,
  };
  return {
    ...{ dir, folder, log, context },
    put(name, content, ageMs = DAY_MS) {
      writeFileSync(join(folder, name), content);
      const seconds = (new Date(START).getTime() - ageMs) / 1000;
      utimesSync(join(folder, name), seconds, seconds);
    },
    open: (settings, connection = { path: 'feeds' }) =>
      feed.open(feed.config.parse({ ...connection, streams: { stock: settings } }), context),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export async function readAll(source: Source, request: Partial<ReadRequest> = {}): Promise<Page[]> {
  const all: Page[] = [];
  for await (const page of source.read(requestOf(request))) all.push(page);
  return all;
}

export function requestOf(request: Partial<ReadRequest> = {}): ReadRequest {
  return {
    stream: 'stock',
    cursor: null,
    mode: 'incremental',
    pageSize: 1000,
    groupBy: null,
    trafficClass: 'poll',
    ...request,
  };
}

/** The cursor behind these pages, as it comes back from the store. */
export function cursorBehind(pages: readonly Page[], before: Cursor | null = null): Cursor | null {
  const last = pages.findLast((page) => page.next !== null)?.next ?? before;
  return JSON.parse(JSON.stringify(last));
}

export function rowsOf(pages: readonly Page[]): Json[] {
  return pages.flatMap((page) => page.records.map((record) => feed.decode?.([record.raw], page.context) ?? null));
}

export function problemsOf(pages: readonly Page[]): string[] {
  return pages.flatMap((page) => page.problems.map((problem) => problem.message));
}

export function notesOf(pages: readonly Page[]): Json[] {
  return pages.flatMap((page) => (page.context['notes'] as Json[] | undefined) ?? []);
}
