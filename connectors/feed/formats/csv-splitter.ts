/**
 * Finds where the rows of a CSV file end, aware of quotes, without parsing a cell. Works on bytes: one pass, one look-up per
 * byte, so that a record that has not changed costs no string at all.
 */
import type { SourceProblem, SourceRecord } from '../../../src/connector/index.ts';

/** A row longer than this is taken for a broken quote or for a file that is no CSV. */
export const MAX_ROW_BYTES = 1 << 20;
const MAX_KEPT_BYTES = 16 * 1024;

const DELIMITER = 1;
const LINE_FEED = 2;
const QUOTE = 3;

/** What the splitter needs to know of the file. */
export type Dialect = {
  /** 1 at the delimiter, 2 at LF, 3 at the quote, else 0: by byte. */
  readonly classes: Uint8Array;
  /** Byte of the quote; -1: the file quotes nothing. */
  readonly quote: number;
  /** Cells every row must have; 0: not known yet (header). */
  readonly columns: number;
};

export type Split = {
  /** Code units are scanned here. For one-byte encodings the file's bytes themselves. */
  scan: Uint8Array;
  /** What records are cut from. `scan[i]` stands for `unit` bytes from `i * unit`. */
  bytes: Buffer;
  unit: 1 | 2;
  /** Next unit. Behind a call: start of the first row not taken. */
  at: number;
  end: number;
  /** Nothing comes behind `end`. */
  isLast: boolean;
  /** Line at `at`, from 1. */
  line: number;
  /** Rows seen, bad ones included. */
  rows: number;
  records: SourceRecord[];
  problems: SourceProblem[];
  /** Set when the rest of the file cannot be read as rows. */
  isBroken: boolean;
};

export function makeDialect(delimiter: string, quote: string, columns: number): Dialect {
  const classes = new Uint8Array(256);
  classes[delimiter.charCodeAt(0)] = DELIMITER;
  classes[10] = LINE_FEED;
  const quoteByte = quote === 'none' ? -1 : quote.charCodeAt(0);
  if (quoteByte >= 0) classes[quoteByte] = QUOTE;
  return { classes, quote: quoteByte, columns };
}

/** What one look at a row found; reused, because it is filled a million times. */
const row = { end: 0, next: 0, columns: 0, lines: 0, fault: '' };

/** Takes rows until `limit` rows are taken, the bytes run out, or the rest is broken. */
export function splitRows(split: Split, dialect: Dialect, limit: number): void {
  const most = split.rows + limit;
  while (split.rows < most && split.at < split.end) {
    if (!findRow(split, dialect)) return;
    takeRow(split, dialect);
    if (split.isBroken) return;
  }
}

function takeRow(split: Split, dialect: Dialect): void {
  const { at, line, unit } = split;
  if (row.fault !== '' && row.lines > 1) {
    skipFirstLine(split);
    return;
  }
  split.at = row.next;
  split.line = line + row.lines;
  if (row.end === at) return; // An empty line is no row.
  split.rows++;
  const raw = split.bytes.subarray(at * unit, row.end * unit);
  if (row.fault === '' && (row.columns === dialect.columns || dialect.columns === 0)) {
    split.records.push({ raw, id: null, version: null, position: line });
    return;
  }
  const where = row.lines > 1 ? `lines ${line} to ${line + row.lines - 1}` : `line ${line}`;
  const what = row.fault || `${row.columns} cells where the header has ${dialect.columns}`;
  split.problems.push({ message: `${where}: ${what}`, position: line, raw: kept(raw) });
}

// A quote that is never closed swallows the rows behind it: only its first line is given up, the next is read as a row again.
function skipFirstLine(split: Split): void {
  const { at, line, unit } = split;
  const lineEnd = split.scan.indexOf(10, at);
  const end = lineEnd > at && split.scan[lineEnd - 1] === 13 ? lineEnd - 1 : lineEnd;
  split.problems.push({
    message: `line ${line}: ${row.fault}`,
    position: line,
    raw: kept(split.bytes.subarray(at * unit, end * unit)),
  });
  split.at = lineEnd + 1;
  split.line = line + 1;
  split.rows++;
}

/** Fills `row` from `split.at`; false: more bytes are needed. */
function findRow(split: Split, dialect: Dialect): boolean {
  const { scan, at, end } = split;
  const { classes } = dialect;
  row.columns = 1;
  row.lines = 1;
  row.fault = '';
  let i = at;
  for (;;) {
    while (i < end && classes[scan[i] as number] === 0) i++;
    if (i >= end) return endOfBytes(split, i);
    const found = classes[scan[i] as number];
    if (found === DELIMITER) {
      row.columns++;
      i++;
    } else if (found === LINE_FEED) {
      row.end = i > at && scan[i - 1] === 13 ? i - 1 : i;
      row.next = i + 1;
      return true;
    } else if (i === at || classes[scan[i - 1] as number] === DELIMITER) {
      i = skipQuoted(split, dialect, i + 1);
      if (i < 0) return endOfBytes(split, end);
    } else {
      if (row.fault === '')
        row.fault = 'a quote in the middle of an unquoted cell; if the file does not quote cells, set quote: none';
      i++;
    }
  }
}

// From behind the opening quote to behind the closing one; -1: the bytes end before it.
function skipQuoted(split: Split, dialect: Dialect, from: number): number {
  const { scan, end } = split;
  const { quote } = dialect;
  let i = from;
  for (;;) {
    while (i < end && scan[i] !== quote) {
      if (scan[i] === 10) row.lines++;
      i++;
    }
    if (i >= end) {
      if (row.fault === '') row.fault = 'a quoted cell is not closed';
      return -1;
    }
    if (i + 1 >= end && !split.isLast) return -1;
    if (scan[i + 1] === quote && i + 1 < end) i += 2;
    else return behindQuote(split, dialect, i + 1);
  }
}

function behindQuote(split: Split, dialect: Dialect, i: number): number {
  const { scan, end } = split;
  if (i < end) {
    const next = scan[i] as number;
    const isLineEnd = next === 10 || (next === 13 && (i + 1 >= end || scan[i + 1] === 10));
    if (!isLineEnd && dialect.classes[next] !== DELIMITER && row.fault === '')
      row.fault = 'text behind the closing quote of a cell';
  }
  return i;
}

// The bytes ran out inside a row: wait for more, or take what is there when nothing more comes.
function endOfBytes(split: Split, i: number): boolean {
  const { scan, at, end } = split;
  if (split.isLast) {
    row.end = end > at && scan[end - 1] === 13 ? end - 1 : end;
    row.next = end;
    return true;
  }
  if (end - at <= MAX_ROW_BYTES) return false;
  if (row.lines > 1) {
    if (row.fault === '') row.fault = 'a quoted cell is not closed';
  } else {
    row.fault = `a row of more than ${MAX_ROW_BYTES >> 20} MiB without a line end; this is no CSV file, or not in the encoding set`;
    split.isBroken = true;
  }
  row.end = i;
  row.next = i;
  return true;
}

function kept(raw: Uint8Array): Uint8Array {
  return Uint8Array.from(raw.subarray(0, MAX_KEPT_BYTES));
}
