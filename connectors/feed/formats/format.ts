/** What a file format has to offer. One file (or folder) per format beside this one. */
import type { Json, JsonObject, SourceProblem, SourceRecord } from '../../../src/connector/index.ts';
import type { StreamSettings } from '../config.ts';

/** A local file (or the spooled copy of a remote one) that has stopped changing. */
export type Input = {
  readonly name: string;
  readonly size: number;
  /** Bytes from `start` (inclusive) to `end` (exclusive), in pieces that nobody writes to afterwards. */
  bytes(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Removes the copy; to be called when the file has been read to its end. */
  release?(): Promise<void>;
};

/** Where in the file reading goes on; part of the cursor. */
export type Place = {
  /** Byte of the next record; 0: nothing was read yet. */
  readonly offset: number;
  /** Its line, from 1. */
  readonly line: number;
  /** Data rows before it, bad ones included. */
  readonly rows: number;
  /** Problems before it. */
  readonly problems: number;
  /** What `decode` needs, once known; `null` at the start of the file. */
  readonly context: JsonObject | null;
};

/** One page's worth of a file. */
export type Batch = {
  readonly records: readonly SourceRecord[];
  readonly problems: readonly SourceProblem[];
  readonly place: Place;
  /** True on the last batch of the file. */
  readonly end: boolean;
  /** Rows the file itself promises (footer); `null` when it promises none. */
  readonly expected: number | null;
};

export type ReadFormat = {
  readonly input: Input;
  readonly settings: StreamSettings;
  /** Put into the context beside the format's own words: file name, placeholders. */
  readonly about: JsonObject;
  readonly from: Place;
  /** Columns of the file before it: one that is gone is told. Empty: nothing to compare with. */
  readonly columnsBefore: readonly string[];
  readonly pageSize: number;
  readonly signal: AbortSignal;
};

export type Format = {
  readonly name: string;
  read(options: ReadFormat): AsyncGenerator<Batch>;
  decode(parts: readonly Uint8Array[], context: JsonObject): Json;
};

/** Where a file begins. */
export const FILE_START: Place = { offset: 0, line: 1, rows: 0, problems: 0, context: null };
