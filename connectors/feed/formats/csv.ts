/** CSV files: header, rows, footer, in any delimiter, quote and encoding. */
import type { JsonObject, SourceProblem, SourceRecord } from '../../../src/connector/index.ts';
import { decodeCsv, parseCells } from './csv-decode.ts';
import { readFooter } from './csv-footer.ts';
import { type Dialect, MAX_ROW_BYTES, makeDialect, type Split, splitRows } from './csv-splitter.ts';
import { asUnits, type Encoding, encodingOf, markedEncoding } from './encoding.ts';
import type { Batch, Format, Place, ReadFormat } from './format.ts';

/** A file with this many bad rows is not read further: it is not in the format set. */
export const MOST_PROBLEMS = 1000;

export const csv: Format = { name: 'csv', read: readCsv, decode: decodeCsv };

async function* readCsv(options: ReadFormat): AsyncGenerator<Batch> {
  const { settings, input, from } = options;
  const encoding = encodingOf(String(from.context?.['encoding'] ?? settings.encoding));
  if (encoding === null)
    return yield broken(options, `encoding ${settings.encoding} is not known, or cannot be used for CSV`);
  if (input.size === 0)
    return yield broken(options, 'the file is empty: not even a header; nothing is deleted because of it');
  const footer = settings.footer === undefined ? null : await readFooter(options, encoding, settings.footer);
  const isFooterKnown = footer !== null && 'at' in footer;
  const source = openSplit(options, encoding, isFooterKnown ? footer.at : input.size);
  try {
    let place = from;
    if (place.context === null) {
      const head = await readHead(options, source, encoding);
      if (typeof head === 'string') return yield broken(options, head);
      place = { ...place, offset: source.offset(), line: source.split.line, context: head };
    }
    const faults = footer !== null && 'fault' in footer ? [footer.fault] : [];
    const gone = options.columnsBefore.filter((name) => !columnsOf(place.context ?? {}).includes(name));
    if (gone.length > 0)
      faults.push(
        `columns that the file before it had are gone: ${gone.map((name) => JSON.stringify(name)).join(', ')}; what is read from them is empty now`,
      );
    yield* readRows(options, source, place, {
      expected: isFooterKnown ? footer.expected : null,
      faults: from.context === null ? faults : [],
    });
  } finally {
    await source.close();
  }
}

/** Rows of one page, in bytes at most: some have pictures in their cells. */
const PAGE_BYTES = 16 << 20;

type RowSource = {
  readonly split: Split;
  readonly encoding: Encoding;
  offset(): number;
  more(): Promise<boolean>;
  close(): Promise<void>;
};

async function* readRows(
  options: ReadFormat,
  source: RowSource,
  start: Place,
  { expected, faults }: { expected: number | null; faults: readonly string[] },
): AsyncGenerator<Batch> {
  const { split, encoding } = source;
  const { pageSize } = options;
  const context = start.context ?? {};
  const dialect = makeDialect(String(context['delimiter']), String(context['quote']), columnsOf(context).length);
  let problems = start.problems;
  split.rows = start.rows;
  for (;;) {
    const page: Filling = { records: [], found: [], pageSize, encoding, context };
    if (problems === 0) for (const message of faults) page.found.push({ message, position: null, raw: null });
    const isEnd = await fillPage(source, dialect, page);
    const isHopeless = !isEnd && problems + page.found.length >= MOST_PROBLEMS;
    if (isHopeless)
      page.found.push({
        message: `line ${split.line}: ${MOST_PROBLEMS} rows could not be read; the rest of the file is left unread`,
        position: split.line,
        raw: null,
      });
    if (isEnd) page.found.push(...lastProblems(options, split, expected));
    problems += page.found.length;
    const place: Place = { offset: source.offset(), line: split.line, rows: split.rows, problems, context };
    yield { records: page.records, problems: page.found, place, end: isEnd || isHopeless, expected };
    if (isEnd || isHopeless) return;
  }
}

// What the file began to be read with holds to its end, also when the settings change meanwhile.
function columnsOf(context: JsonObject): readonly string[] {
  const { header } = context;
  return Array.isArray(header) ? header.map(String) : [];
}

type Filling = {
  records: SourceRecord[];
  found: SourceProblem[];
  pageSize: number;
  encoding: Encoding;
  context: JsonObject;
};

/** Takes rows until a page is full (false) or the file is at its end (true). */
async function fillPage(source: RowSource, dialect: Dialect, page: Filling): Promise<boolean> {
  const { split } = source;
  const rowsBefore = split.rows;
  const start = source.offset();
  for (;;) {
    split.records = [];
    split.problems = [];
    const from = split.at;
    splitRows(split, dialect, page.pageSize - (split.rows - rowsBefore));
    keepValid(split, from, page);
    if (split.isBroken) return true;
    const isFull = split.rows - rowsBefore >= page.pageSize || source.offset() - start >= PAGE_BYTES;
    if (isFull) return split.isLast && split.at >= split.end;
    if (!(await source.more())) return true;
  }
}

// One check over all the rows taken (simdutf, several GB/s); row by row only when it fails.
function keepValid(split: Split, from: number, page: Filling): void {
  const { encoding } = page;
  page.found.push(...split.problems);
  if (split.records.length === 0) return;
  if (encoding.isValid(split.bytes.subarray(from * split.unit, split.at * split.unit))) {
    if (page.records.length === 0) page.records = split.records;
    else for (const record of split.records) page.records.push(record);
    return;
  }
  for (const record of split.records) {
    if (encoding.isValid(record.raw)) page.records.push(record);
    else
      page.found.push({
        message: `line ${record.position}: ${whereInvalid(record.raw, page)}`,
        position: record.position,
        raw: record.raw,
      });
  }
}

function whereInvalid(raw: Uint8Array, page: Filling): string {
  const { encoding, context } = page;
  const { unit } = encoding;
  let good = 0;
  let bad = raw.length;
  // The longest good start, by halves; a cut inside a character is not good, so step back to a whole one.
  while (bad - good > unit) {
    const middle = good + Math.floor((bad - good) / 2 / unit) * unit;
    const isGood = [0, 1, 2, 3].some(
      (back) => middle - back * unit > good && encoding.isValid(raw.subarray(0, middle - back * unit)),
    );
    if (isGood) good = middle;
    else bad = middle;
  }
  while (good > 0 && !encoding.isValid(raw.subarray(0, good))) good -= unit;
  const before = encoding.decode(raw.subarray(0, good));
  const column = before.split(String(context['delimiter'])).length - 1;
  const name = columnsOf(context)[column] ?? `number ${column + 1}`;
  return `column "${name}" (character ${before.length + 1} of the row) is not valid ${encoding.name}; set the file's real encoding, such as encoding: win1252`;
}

function lastProblems(options: ReadFormat, split: Split, expected: number | null): SourceProblem[] {
  const found: SourceProblem[] = [];
  const { settings, input } = options;
  if (expected !== null && expected !== split.rows) {
    found.push({
      message: `the file says it has ${expected} rows but has ${split.rows}; it was probably cut`,
      position: split.line,
      raw: null,
    });
  }
  if (split.bytes.length % split.unit !== 0) {
    found.push({
      message: `line ${split.line}: the file ends in the middle of a character; it was probably cut`,
      position: split.line,
      raw: null,
    });
  }
  const lastByte = split.end > 0 ? split.scan[split.end - 1] : 10;
  if (settings.finalNewline === 'required' && settings.footer === undefined && input.size > 0 && lastByte !== 10) {
    found.push({
      message: `line ${split.line - 1}: the last row has no line end; the file was probably cut`,
      position: split.line,
      raw: null,
    });
  }
  return found;
}

/** Reads marks, lines to skip and the header; a text says what is wrong with them. */
async function readHead(options: ReadFormat, source: RowSource, encoding: Encoding): Promise<JsonObject | string> {
  const { settings } = options;
  const { split } = source;
  await source.more();
  const mark = markedEncoding(split.bytes.subarray(0, 3));
  if (mark !== null && mark !== encoding.name)
    return `the file starts with the mark of ${mark} but encoding ${encoding.name} is set; set encoding: ${mark}`;
  if (mark !== null) split.at = encoding.mark.length / encoding.unit;
  // Any row will do here: how many cells there must be is what the header tells.
  const dialect = makeDialect(settings.delimiter, settings.quote, 0);
  for (let line = 0; line < settings.skipLines; line++) {
    if (!(await skipLine(source))) return `the file ends within its first ${settings.skipLines} lines (skipLines)`;
  }
  const about = {
    format: 'csv',
    delimiter: settings.delimiter,
    quote: settings.quote,
    encoding: encoding.name,
    ...options.about,
  };
  if (settings.header !== true) return { ...about, header: settings.header };
  const raw = await nextRow(source, dialect);
  if (raw === null) return split.problems[0]?.message ?? 'the file has no header line';
  if (!encoding.isValid(raw))
    return `line ${split.line - 1}: the header is not valid ${encoding.name}; set the file's real encoding, such as encoding: win1252`;
  const header = parseCells(encoding.decode(raw), settings.delimiter, settings.quote);
  const problem = headerProblem(header, settings.delimiter, split.line - 1);
  return problem ?? { ...about, header };
}

/** Passes by one line, whatever is in it; false: no line ends here. */
async function skipLine({ split, more }: RowSource): Promise<boolean> {
  for (;;) {
    const end = split.scan.indexOf(10, split.at);
    if (end >= 0) {
      split.at = end + 1;
      split.line += 1;
      return true;
    }
    if (split.end - split.at > MAX_ROW_BYTES || !(await more())) return false;
  }
}

async function nextRow(source: RowSource, dialect: Dialect): Promise<Uint8Array | null> {
  const { split } = source;
  for (;;) {
    split.records = [];
    split.problems = [];
    const before = split.rows;
    splitRows(split, dialect, 1);
    const [record] = split.records;
    if (record !== undefined) return record.raw;
    if (split.problems.length > 0) return null;
    if (split.rows === before && !(await source.more())) return null;
  }
}

function headerProblem(header: readonly string[], delimiter: string, line: number): string | null {
  const [only = ''] = header;
  const other =
    header.length === 1 ? [',', ';', '\t', '|'].find((mark) => mark !== delimiter && only.includes(mark)) : undefined;
  if (other !== undefined)
    return `line ${line}: the header is one column only; the file seems to use ${JSON.stringify(other)} where the delimiter set is ${JSON.stringify(delimiter)}`;
  if (header.join('').includes('\0'))
    return `line ${line}: the header has NUL characters; the file is probably UTF-16: set encoding: utf-16le or utf-16be`;
  if (/\r/.test(header.join(''))) return `line ${line}: lines end with CR alone; CR LF and LF can be read`;
  const blank = header.indexOf('');
  if (blank >= 0)
    return `line ${line}: column ${blank + 1} of the header has no name; name the columns with header: [..] and skipLines: ${line}`;
  const twice = header.find((name, at) => header.indexOf(name) !== at);
  if (twice !== undefined)
    return `line ${line}: the header has the column ${JSON.stringify(twice)} twice; name the columns with header: [..] and skipLines: ${line}`;
  return null;
}

function openSplit(options: ReadFormat, encoding: Encoding, end: number): RowSource {
  const { input, from, signal } = options;
  const pieces = input.bytes(from.offset, end, signal)[Symbol.asyncIterator]();
  const { unit } = encoding;
  const split: Split = {
    ...{ scan: new Uint8Array(0), bytes: Buffer.alloc(0), unit, at: 0, end: 0, isLast: false, line: from.line },
    ...{ rows: from.rows, records: [], problems: [], isBroken: false },
  };
  let base = from.offset;
  const more = async () => {
    if (split.isLast) return false;
    const piece = await pieces.next();
    const left = split.bytes.subarray(split.at * unit);
    base += split.at * unit;
    split.isLast = piece.done === true;
    split.bytes = piece.done === true ? left : Buffer.concat([left, piece.value]);
    split.at = 0;
    split.scan = unit === 1 ? split.bytes : asUnits(split.bytes, encoding);
    split.end = split.scan.length;
    return true;
  };
  return {
    split,
    encoding,
    offset: () => base + split.at * unit,
    more,
    close: async () => void (await pieces.return?.()),
  };
}

function broken(options: ReadFormat, message: string): Batch {
  const place = { ...options.from, problems: options.from.problems + 1 };
  return {
    records: [],
    problems: [{ message, position: options.from.line, raw: null }],
    place,
    end: true,
    expected: null,
  };
}
