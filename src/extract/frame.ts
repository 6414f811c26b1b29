/**
 * Joins what belongs together into one logical record: children with their parent, rows that share a value. A window has to be
 * read to its end first, because parts may come in any order; large windows go through spill files.
 */
import { type Cursor, type Json, type JsonObject, type Page, type SourceRecord, z } from '../connector/index.ts';
import { TributaryError } from '../errors.ts';
import { canonicalText } from './hash.ts';
import { JoinStore, type Part } from './join-store.ts';
import type { FramedPage, LogicalRecord, ReadPagesOptions } from './types.ts';

/** Where a framed stream goes on: in the window that begins at `inner`, behind so many of its records. */
const framedCursor = z.object({
  framed: z.literal(1),
  inner: z.custom<Cursor>().nullable(),
  window: z.string(),
  emitted: z.number(),
  isSpilled: z.boolean(),
  scope: z.string().default(''),
  observedAt: z.number().default(0),
});

/** Parts a page may have for each record it may have. */
const MOST_PARTS = 4;
/** What a page may hold. */
const MOST_BYTES = 16 << 20;

type Place = {
  readonly inner: Cursor | null;
  /** Id of the window the number below speaks of: another one (a file replaced meanwhile) is emitted from its start. */
  readonly window: string;
  readonly emitted: number;
  readonly isSpilled: boolean;
  /** Of the window. */
  readonly scope: string;
  readonly observedAt: number;
};

/** A window while it is collected. */
type Collected = {
  readonly store: JoinStore;
  readonly start: Place;
  readonly pages: { first: Page; last: Page };
  /** Rows so far; `null`: what is joined are no rows of a file. */
  rows: number | null;
  readonly problems: Page['problems'][number][];
  readonly tombstones: Page['tombstones'][number][];
  readonly afterCommit: (() => Promise<void>)[];
};

export async function* frame(options: ReadPagesOptions): AsyncGenerator<FramedPage> {
  const { source, request } = options;
  let place = readPlace(request.cursor);
  let window: Collected | null = null;
  // Other sources begin again with all of it when what they were reading is no longer there.
  let left = request.groupBy !== null && place.emitted > 0 ? place : null;
  try {
    for await (const page of source.read({ ...request, cursor: place.inner })) {
      // Who is asked to wait comes back with the same cursor.
      if (left !== null && left.window !== page.window.id && page.notBefore === null) yield lostPage(left);
      left = null;
      if (window !== null && window.pages.first.window.id !== page.window.id) {
        yield* emit(window, request.pageSize);
        place = placeBehind(window, place);
        window = null;
      }
      window ??= openWindow(page, place, options);
      await collect(window, page, options);
      if (page.complete) {
        yield* emit(window, request.pageSize);
        place = placeBehind(window, place);
        window = null;
      }
    }
    if (window !== null) yield* emit(window, request.pageSize);
    if (left !== null) yield lostPage(left);
  } finally {
    await window?.store.close();
  }
}

function openWindow(page: Page, place: Place, { scratchDir, request }: ReadPagesOptions): Collected {
  const start = place.window === page.window.id ? place : startAt(place.inner);
  const store = new JoinStore(scratchDir, start.isSpilled);
  return {
    store,
    start,
    pages: { first: page, last: page },
    rows: request.groupBy === null ? null : 0,
    problems: [],
    tombstones: [],
    afterCommit: [],
  };
}

/** The cursor of the source itself, also where its records were joined so far. */
export function innerCursor(cursor: Cursor | null): Cursor | null {
  return readPlace(cursor).inner;
}

function readPlace(cursor: Cursor | null): Place {
  const parsed = framedCursor.safeParse(cursor);
  // A stream that was read without joining so far has a plain cursor.
  return parsed.success ? parsed.data : startAt(cursor);
}

function placeBehind(window: Collected, before: Place): Place {
  return startAt(lastCursor(window) ?? before.inner);
}

function startAt(inner: Cursor | null): Place {
  return { inner, window: '', emitted: 0, isSpilled: false, scope: '', observedAt: 0 };
}

function lastCursor({ pages }: Collected): Cursor | null {
  return pages.last.next;
}

async function collect(window: Collected, page: Page, options: ReadPagesOptions): Promise<void> {
  const { first } = window.pages;
  if (
    first.records.length > 0 &&
    page.records.length > 0 &&
    first.context !== page.context &&
    canonicalText(first.context) !== canonicalText(page.context)
  ) {
    throw new TributaryError(
      'ERR_CONNECTOR_PROTOCOL',
      `the pages of window ${page.window.id} differ in their context, so their records cannot be joined`,
    );
  }
  // Of a window, the last page that names a cursor says where the next window begins.
  window.pages.last = page.next === null ? { ...page, next: window.pages.last.next } : page;
  if (window.pages.first.records.length === 0) window.pages.first = { ...page, window: first.window };
  window.problems.push(...page.problems);
  window.tombstones.push(...page.tombstones);
  if (page.afterCommit !== undefined) window.afterCommit.push(page.afterCommit);
  for (const record of page.records) await window.store.add(toPart(record, page.context, options));
  if (window.rows !== null) window.rows += page.records.length;
}

function toPart(record: SourceRecord, context: JsonObject, options: ReadPagesOptions): Part {
  const { raw, id, version, position, parent } = record;
  const { groupBy } = options.request;
  const root = groupBy === null ? (parent ?? id) : groupValue(raw, context, { groupBy, decode: options.decode });
  return {
    ...{ raw, version, position, root },
    isRoot: groupBy !== null || parent === undefined,
    isRow: groupBy !== null,
  };
}

type Grouping = { readonly groupBy: string; readonly decode: ReadPagesOptions['decode'] };

// A blank value groups nothing: such a row stays a record of its own.
function groupValue(raw: Uint8Array, context: JsonObject, { groupBy, decode }: Grouping): string | null {
  let row: Json;
  try {
    row = decode === undefined ? JSON.parse(Buffer.from(raw).toString()) : decode([raw], context);
  } catch {
    return null; // Told when the record is mapped.
  }
  if (row === null || typeof row !== 'object' || Array.isArray(row) || !Object.hasOwn(row, groupBy)) {
    const names = row !== null && typeof row === 'object' ? Object.keys(row).join(', ') : 'none';
    throw new TributaryError(
      'ERR_EXTRACT_PARSE',
      `the rows have no column ${groupBy} to be grouped by; columns: ${names}`,
      {
        remedy: "Correct the column of the mapping's grouping, or the file.",
      },
    );
  }
  const value = row[groupBy];
  if (value === null || value === undefined) return null;
  const text = typeof value === 'string' ? value.trim() : canonicalText(value);
  return text === '' ? null : text;
}

async function* emit(window: Collected, pageSize: number): AsyncGenerator<FramedPage> {
  const { start, store } = window;
  try {
    let emitted = 0;
    let held: LogicalRecord[] = [];
    let heldParts = 0;
    let heldBytes = 0;
    let isFirst = start.emitted === 0;
    const page = (records: LogicalRecord[], isLast: boolean) => pageOf(window, { records, isLast, isFirst, emitted });
    for await (const record of store.records()) {
      emitted++;
      if (emitted <= start.emitted) continue;
      // Parts count as well: some groups have thousands.
      const isFull = heldParts + record.parts.length > pageSize * MOST_PARTS || heldBytes > MOST_BYTES;
      if (held.length === pageSize || (held.length > 0 && isFull)) {
        emitted--;
        yield page(held, false);
        emitted++;
        isFirst = false;
        held = [];
        heldParts = 0;
        heldBytes = 0;
      }
      held.push(record);
      heldParts += record.parts.length;
      for (const part of record.parts) heldBytes += part.length;
    }
    yield page(held, true);
  } finally {
    await store.close();
  }
}

type Emission = {
  readonly records: LogicalRecord[];
  readonly isLast: boolean;
  readonly isFirst: boolean;
  readonly emitted: number;
};

function pageOf(window: Collected, { records, isLast, isFirst, emitted }: Emission): FramedPage {
  const { pages, start, store, afterCommit } = window;
  const { first, last } = pages;
  const inner = lastCursor(window);
  const behind = inner === null ? null : { framed: 1, ...startAt(inner) };
  const within = {
    ...{ framed: 1, inner: start.inner, window: first.window.id, emitted, isSpilled: store.isSpilled },
    ...{ scope: first.window.scope, observedAt: first.observedAt.getTime() },
  };
  const { afterCommit: _, ...rest } = last;
  return {
    ...rest,
    ...{ records, rows: records.reduce((sum, record) => sum + record.parts.length, 0) },
    // Told once: with the first page of the window.
    ...{ tombstones: isFirst ? window.tombstones : [], problems: isFirst ? window.problems : [] },
    // A file promises rows; who counts what came of it counts records.
    expected: window.rows !== null && window.rows === last.expected ? emitted : last.expected,
    ...{ next: isLast ? behind : within, complete: isLast && last.complete, window: first.window },
    ...{ observedAt: first.observedAt, context: first.context, notBefore: isLast ? last.notBefore : null },
    ...(isLast && afterCommit.length > 0 ? { afterCommit: () => runAll(afterCommit) } : {}),
  };
}

/** A file that was given out in part, and is not what comes next any more. */
function lostPage({ inner, window, emitted, scope, observedAt }: Place): FramedPage {
  const message = `${window} is not read on behind its record ${emitted}: it was removed or replaced, or an older one came before it`;
  return {
    ...{ records: [], rows: 0, tombstones: [], problems: [{ message, position: null, raw: null }] },
    ...{ next: { framed: 1, ...startAt(inner) }, complete: false, window: { id: window, kind: 'delta', scope } },
    ...{ observedAt: new Date(observedAt), expected: null, notBefore: null, context: {} },
  };
}

async function runAll(calls: readonly (() => Promise<void>)[]): Promise<void> {
  for (const call of calls) await call();
}
