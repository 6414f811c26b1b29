/** Reads the one-line form: `path | function | function(argument, …)`. */
import type { Argument, Call, Context, Literal, Node, Path, Segment, Span } from './ast.ts';
import type { PlacedText, Problems } from './position.ts';

/**
 * What reading an expression needs to know: where problems go, and which names are columns as they stand.
 * `outgoing`: records are entities, which have links.
 */
export type Reading = {
  readonly problems: Problems;
  readonly columns: ReadonlySet<string>;
  readonly outgoing?: true;
};

const NUMBER = /^-?\d+(?:\.\d+)?$/;
const WORD = /^[A-Za-z_][\w-]*$/;
const OWN_LINK = /^link\s*\(/;
const MAX_CALLS = 50;

/** A whole expression. `null`: it could not be read, and the problem is reported. */
export function parseExpression(placed: PlacedText, reading: Reading): Node | null {
  return parseBetween(placed, 0, placed.text.length, reading);
}

/** The part of an expression text between two indexes. */
export function parseBetween(placed: PlacedText, start: number, end: number, reading: Reading): Node | null {
  const pieces = splitOutside(placed.text, start, end, '|', placed.text.slice(start, end).trimStart().startsWith('='));
  const [head, ...tails] = pieces;
  if (head === undefined) return null;
  const source = parseSource(placed, head, reading);
  const calls = parseCalls(placed, tails, reading);
  if (source === null || calls === null) return null;
  if (source.kind === 'pipe') return { ...source, calls: [...source.calls, ...calls], at: placed.span(start, end) };
  return calls.length === 0 ? source : { kind: 'pipe', source, calls, at: placed.span(start, end) };
}

/** The pipeline alone (`through: trim | lower`). */
export function parsePipeline(placed: PlacedText, reading: Reading): readonly Call[] | null {
  return parseCalls(placed, splitOutside(placed.text, 0, placed.text.length, '|', false, true), reading);
}

type Piece = { readonly start: number; readonly end: number };

/** Cuts at `separator` where it is not inside backticks, parentheses of a call or a quoted argument. */
function splitOutside(
  text: string,
  start: number,
  end: number,
  separator: string,
  quotesFirst: boolean,
  inCalls = false,
): Piece[] {
  const pieces: Piece[] = [];
  let from = start;
  let quotes = quotesFirst || inCalls;
  for (let at = start; at < end; at += 1) {
    const unit = text[at];
    if (unit === '`') at = closing(text, at, end, '`');
    else if (unit === '"' && quotes) at = closing(text, at, end, '"');
    else if (unit === separator) {
      pieces.push({ start: from, end: at });
      from = at + 1;
      quotes = true;
    }
  }
  pieces.push({ start: from, end });
  return pieces.map((piece) => trimPiece(text, piece));
}

function trimPiece(text: string, piece: Piece): Piece {
  let { start, end } = piece;
  while (start < end && /\s/.test(text[start] ?? '')) start += 1;
  while (end > start && /\s/.test(text[end - 1] ?? '')) end -= 1;
  return { start, end };
}

/** Index of the quote that ends the one at `at`; the end when there is none. */
export function closing(text: string, at: number, end: number, quote: string): number {
  for (let index = at + 1; index < end; index += 1) {
    if (quote === '"' && text[index] === '\\') index += 1;
    else if (text[index] === quote) return index;
  }
  return end;
}

function parseSource(placed: PlacedText, piece: Piece, reading: Reading): Node | null {
  const text = placed.text.slice(piece.start, piece.end);
  if (text === '') {
    reading.problems.report(placed.span(piece.start, piece.start + 1), {
      code: 'syntax',
      message: 'There is nothing to read before the |.',
      remedy: 'Write a path, a context value (@file) or a constant (= "text") there.',
    });
    return null;
  }
  if (text.startsWith('=')) {
    const inner = trimPiece(placed.text, { start: piece.start + 1, end: piece.end });
    return parseLiteral(placed, inner, reading) ?? badLiteral(placed, inner, reading);
  }
  if (text.startsWith('@')) return parseContext(placed, piece, reading);
  if (reading.outgoing && OWN_LINK.test(text)) return parseOwnLink(placed, piece, reading);
  return parsePath(placed, piece.start, piece.end, reading);
}

/** `link("stream")` at the beginning speaks of the entity itself. */
function parseOwnLink(placed: PlacedText, piece: Piece, reading: Reading): Node | null {
  const call = parseCall(placed, piece, reading);
  const at = placed.span(piece.start, piece.end);
  return (
    call && { kind: 'pipe', source: { kind: 'path', scope: 'record', segments: [], text: '$', at }, calls: [call], at }
  );
}

function badLiteral(placed: PlacedText, piece: Piece, reading: Reading): null {
  reading.problems.report(placed.span(piece.start, Math.max(piece.end, piece.start + 1)), {
    code: 'syntax',
    message: `${placed.text.slice(piece.start, piece.end)} is no constant.`,
    remedy: 'A constant is a "text in quotes", a number, true, false or null.',
  });
  return null;
}

function parseContext(placed: PlacedText, piece: Piece, reading: Reading): Context | null {
  const name = placed.text.slice(piece.start + 1, piece.end);
  const at = placed.span(piece.start, piece.end);
  if (WORD.test(name)) return { kind: 'context', name, at };
  reading.problems.report(at, {
    code: 'syntax',
    message: `@${name} is no context value.`,
    remedy: 'Write @ and one word, such as @file or @currency.',
  });
  return null;
}

/** A constant between the indexes, or `null` when the text is none. */
export function parseLiteral(placed: PlacedText, piece: Piece, reading: Reading): Literal | null {
  const text = placed.text.slice(piece.start, piece.end);
  const at = placed.span(piece.start, piece.end);
  if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true', decimal: false, at };
  if (text === 'null') return { kind: 'literal', value: null, decimal: false, at };
  if (NUMBER.test(text)) {
    const number = Number(text);
    const isWhole = !text.includes('.') && Number.isSafeInteger(number);
    return { kind: 'literal', value: isWhole ? number : text, decimal: !isWhole, at };
  }
  if (!text.startsWith('"')) return null;
  if (text.length < 2 || closing(text, 0, text.length, '"') !== text.length - 1) {
    reading.problems.report(at, {
      code: 'syntax',
      message: `The text ${text} is not closed, or something follows it.`,
      remedy: 'End it with " and put a comma or | behind it.',
    });
    return { kind: 'literal', value: '', decimal: false, at };
  }
  const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\' };
  // Only the four escapes above mean something; any other backslash stays, as regular expressions need it.
  const value = text.slice(1, -1).replace(/\\([nt"\\])/g, (_, letter: string) => escapes[letter] ?? letter);
  return { kind: 'literal', value, decimal: false, at };
}

function parseCalls(placed: PlacedText, pieces: readonly Piece[], reading: Reading): readonly Call[] | null {
  const calls = pieces.map((piece) => parseCall(placed, piece, reading));
  if (calls.length > MAX_CALLS) {
    reading.problems.report(placed.span(0, 1), {
      code: 'limit',
      message: `More than ${MAX_CALLS} functions in a row.`,
      remedy: 'Split the rule.',
    });
    return null;
  }
  const known = calls.filter((call) => call !== null);
  return known.length === calls.length ? known : null;
}

function parseCall(placed: PlacedText, piece: Piece, reading: Reading): Call | null {
  const { text } = placed;
  let nameEnd = piece.start;
  while (nameEnd < piece.end && /[\w-]/.test(text[nameEnd] ?? '')) nameEnd += 1;
  const name = text.slice(piece.start, nameEnd);
  const open = trimPiece(text, { start: nameEnd, end: piece.end }).start;
  const at = placed.span(piece.start, Math.max(piece.end, piece.start + 1));
  const whole = text.slice(piece.start, piece.end);
  if (name === '') return badCall(at, whole, reading);
  const nameAt = placed.span(piece.start, nameEnd);
  if (open >= piece.end) return { name, args: [], at, nameAt, text: whole };
  if (text[open] !== '(' || text[piece.end - 1] !== ')') return badCall(at, whole, reading);
  const inner = trimPiece(text, { start: open + 1, end: piece.end - 1 });
  if (inner.start >= inner.end) return { name, args: [], at, nameAt, text: whole };
  const args = splitOutside(text, inner.start, inner.end, ',', true).map((arg) => parseArgument(placed, arg, reading));
  const known = args.filter((arg) => arg !== null);
  return known.length === args.length ? { name, args: known, at, nameAt, text: whole } : null;
}

function badCall(at: Span, text: string, reading: Reading): null {
  reading.problems.report(at, {
    code: 'syntax',
    message: text === '' ? 'There is no function after the |.' : `"${text}" is no function call.`,
    remedy: 'Write name or name(argument, argument) between the |; put a column name that contains | into backticks.',
  });
  return null;
}

/** An argument: a constant, a context value, or else a path. */
export function parseArgument(placed: PlacedText, piece: Piece, reading: Reading): Argument | null {
  const text = placed.text.slice(piece.start, piece.end);
  if (text === '') return badLiteral(placed, piece, reading);
  if (text.startsWith('@')) return parseContext(placed, piece, reading);
  return parseLiteral(placed, piece, reading) ?? parsePath(placed, piece.start, piece.end, reading);
}

/** A path between the indexes. A text that is a known column as it stands is that column, whatever it contains. */
export function parsePath(placed: PlacedText, start: number, end: number, reading: Reading): Path | null {
  const text = placed.text.slice(start, end);
  const at = placed.span(start, end);
  if (reading.columns.has(text))
    return { kind: 'path', scope: 'here', segments: [{ kind: 'name', name: text, at }], text, at };
  if (text === '.') return { kind: 'path', scope: 'here', segments: [], text, at };
  const fromRecord = text === '$' || text.startsWith('$.');
  const segments = parseSegments(placed, fromRecord ? start + 2 : start, end, reading);
  return segments === null ? null : { kind: 'path', scope: fromRecord ? 'record' : 'here', segments, text, at };
}

function parseSegments(placed: PlacedText, start: number, end: number, reading: Reading): readonly Segment[] | null {
  const { text } = placed;
  const segments: Segment[] = [];
  for (let at = start; at < end; ) {
    if (text[at] === '[') {
      const close = closingBracket(text, at, end);
      const segment = parseBracket(placed, at, close, reading);
      if (segment === null) return null;
      segments.push(segment);
      at = close + 1;
      if (text[at] === '.') at += 1;
      continue;
    }
    const stop = nameEnd(text, at, end);
    const name = readName(text, at, stop);
    if (name === '') return badPath(placed, at, stop, reading);
    segments.push({ kind: 'name', name, at: placed.span(at, stop) });
    at = text[stop] === '.' ? stop + 1 : stop;
    if (text[stop] === '.' && at >= end) return badPath(placed, stop, end, reading);
  }
  return segments;
}

function nameEnd(text: string, start: number, end: number): number {
  if (text[start] === '`') return Math.min(end, closing(text, start, end, '`') + 1);
  let at = start;
  while (at < end && text[at] !== '.' && text[at] !== '[') at += 1;
  return at;
}

function readName(text: string, start: number, end: number): string {
  const name = text.slice(start, end).trim();
  return name.startsWith('`') && name.endsWith('`') && name.length > 1 ? name.slice(1, -1) : name;
}

function closingBracket(text: string, start: number, end: number): number {
  for (let at = start; at < end; at += 1) {
    if (text[at] === '"') at = closing(text, at, end, '"');
    else if (text[at] === ']') return at;
  }
  return end;
}

function parseBracket(placed: PlacedText, open: number, close: number, reading: Reading): Segment | null {
  const inner = placed.text.slice(open + 1, close).trim();
  const at = placed.span(open, close + 1);
  if (placed.text[close] === ']') {
    if (inner === '') return { kind: 'every', at };
    if (/^-?\d{1,6}$/.test(inner)) return { kind: 'index', index: Number(inner), at };
    const where = /^([^="]+?)\s*=\s*"([^"]*)"$/.exec(inner);
    if (where !== null) return { kind: 'where', name: (where[1] ?? '').replaceAll('`', ''), value: where[2] ?? '', at };
  }
  return badPath(placed, open, Math.max(close, open + 1), reading);
}

function badPath(placed: PlacedText, start: number, end: number, reading: Reading): null {
  reading.problems.report(placed.span(start, Math.max(end, start + 1)), {
    code: 'syntax',
    message: `"${placed.text.slice(start, end)}" is no part of a path.`,
    remedy:
      'A path is name.name, name[], name[0] or name[field = "value"]; a name that contains . [ | or a quote goes in `backticks`.',
  });
  return null;
}
