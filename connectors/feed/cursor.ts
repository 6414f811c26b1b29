/** The feed's cursor: which deliveries are done, and where in a file reading goes on. Bounded, whatever lies in the folder. */
import { type Cursor, type JsonObject, z } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Place } from './formats/format.ts';

/** A delivery that was dealt with. `hash` is empty when its content was never looked at (superseded). */
export type FileMark = {
  readonly file: string;
  readonly size: number;
  readonly modifiedMs: number;
  readonly asOfMs: number;
  readonly hash: string;
};

export type ScopeState = { readonly newest: FileMark; readonly snapshot: FileMark | null };

export type Reading = FileMark & { readonly scope: string; readonly kind: 'snapshot' | 'delta'; readonly place: Place };

export type FeedState = {
  /** A full pass is under way: of each scope only the newest snapshot and what is newer than it. */
  isFull: boolean;
  readonly scopes: Map<string, ScopeState>;
  /** By file name, the least recently dealt with first. */
  readonly files: Map<string, FileMark>;
  /** Files not named above and not modified after this are done. */
  floorMs: number;
  reading: Reading | null;
  /** Columns of the last file of each pattern. */
  readonly columns: Map<string, readonly string[]>;
};

/** Deliveries remembered one by one. A folder holding more of them should have an archive. */
export const MOST_FILES = 500;
const MOST_SCOPES = 2000;

const mark = z.object({
  file: z.string(),
  size: z.number(),
  modifiedMs: z.number(),
  asOfMs: z.number(),
  hash: z.string(),
});
const row = z.tuple([z.string(), z.number(), z.number(), z.number(), z.string()]);
const schema = z.object({
  version: z.literal(1),
  isFull: z.boolean(),
  floorMs: z.number(),
  scopes: z.array(z.tuple([z.string(), row, row.nullable()])),
  files: z.array(row),
  columns: z.array(z.tuple([z.string(), z.array(z.string())])).default([]),
  reading: mark
    .extend({
      scope: z.string(),
      kind: z.enum(['snapshot', 'delta']),
      place: z.object({
        offset: z.number(),
        line: z.number(),
        rows: z.number(),
        problems: z.number(),
        context: z.custom<JsonObject>().nullable(),
      }),
    })
    .nullable(),
});

/** @throws ERR_CONNECTOR_PROTOCOL when the cursor is not one of this connector */
export function parseCursor(cursor: Cursor | null): FeedState {
  if (cursor === null)
    return { isFull: false, scopes: new Map(), files: new Map(), floorMs: 0, reading: null, columns: new Map() };
  const parsed = schema.safeParse(cursor);
  if (!parsed.success) {
    throw new TributaryError(
      'ERR_CONNECTOR_PROTOCOL',
      'the checkpoint of the stream is not a feed cursor of this version',
      {
        remedy: 'Reset the stream with a full sync.',
        cause: parsed.error,
      },
    );
  }
  const { isFull, floorMs, scopes, files, reading, columns } = parsed.data;
  return {
    ...{ isFull, floorMs, reading, columns: new Map(columns) },
    scopes: new Map(
      scopes.map(([scope, newest, snapshot]) => [
        scope,
        { newest: fromRow(newest), snapshot: snapshot && fromRow(snapshot) },
      ]),
    ),
    files: new Map(files.map((file) => [file[0], fromRow(file)])),
  };
}

export function writeCursor(state: FeedState): Cursor {
  return {
    ...{ version: 1, isFull: state.isFull, floorMs: state.floorMs },
    scopes: [...state.scopes].map(([scope, { newest, snapshot }]) => [
      scope,
      toRow(newest),
      snapshot && toRow(snapshot),
    ]),
    files: [...state.files.values()].map(toRow),
    columns: [...state.columns].map(([pattern, names]) => [pattern, [...names]]),
    reading: state.reading && { ...state.reading, place: { ...state.reading.place } },
  };
}

/** Whether exactly this delivery was dealt with. */
export function isDone(state: FeedState, file: { name: string; size: number; modifiedMs: number }): boolean {
  const known = state.files.get(file.name);
  if (known === undefined) return file.modifiedMs <= state.floorMs;
  return known.size === file.size && known.modifiedMs === file.modifiedMs;
}

/**
 * Remembers a delivery; forgets those no longer in the folder first, then the oldest, raising the floor.
 * @param oldestLeft when the oldest of the deliveries that are still to be read was modified: the floor stays below it
 */
export function rememberFile(
  state: FeedState,
  done: FileMark,
  isListed: (name: string) => boolean,
  oldestLeft: () => number,
): void {
  state.files.delete(done.file);
  state.files.set(done.file, done);
  while (state.files.size > MOST_FILES) {
    const gone = [...state.files.keys()].find((name) => !isListed(name));
    const oldest = [...state.files.values()].reduce((least, file) =>
      file.modifiedMs < least.modifiedMs ? file : least,
    );
    if (gone === undefined && oldest.modifiedMs >= oldestLeft()) return;
    state.files.delete(gone ?? oldest.file);
    if (gone === undefined) state.floorMs = Math.max(state.floorMs, oldest.modifiedMs);
  }
}

/** Remembers what a scope has; the scope heard of least recently is forgotten when there are too many. */
export function rememberScope(state: FeedState, scope: string, next: ScopeState): void {
  state.scopes.delete(scope);
  state.scopes.set(scope, next);
  if (state.scopes.size <= MOST_SCOPES) return;
  for (const [oldest] of state.scopes) {
    state.scopes.delete(oldest);
    return;
  }
}

type Row = [string, number, number, number, string];

function toRow(file: FileMark): Row {
  return [file.file, file.size, file.modifiedMs, file.asOfMs, file.hash];
}

function fromRow([file, size, modifiedMs, asOfMs, hash]: Row): FileMark {
  return { file, size, modifiedMs, asOfMs, hash };
}
