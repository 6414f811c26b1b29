/** Offsets, lines and columns; and the list of problems a file collects while it is read. */
import type { Span } from './ast.ts';
import type { FileProblem } from './types.ts';

/** Turns offsets of one text into lines and columns, both from 1. */
export function lineFinder(text: string): (offset: number) => { line: number; column: number } {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

export type Finding = {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly severity?: 'error' | 'warning';
};

/** Where everything that is wrong with one file goes. */
export type Problems = {
  readonly list: readonly FileProblem[];
  report(at: Span, finding: Finding): void;
  /** `file:line:column`. */
  place(at: Span): string;
};

export function collectProblems(file: string, text: string): Problems {
  const find = lineFinder(text);
  const list: FileProblem[] = [];
  const seen = new Set<string>();
  return {
    list,
    report(at, finding) {
      const { line, column } = find(at.start);
      const identity = `${line}:${column}:${finding.code}:${finding.message}`;
      if (seen.has(identity)) return;
      seen.add(identity);
      list.push({
        file,
        line,
        column,
        severity: finding.severity ?? 'error',
        code: finding.code,
        message: finding.message,
        remedy: finding.remedy,
      });
    },
    place(at) {
      const { line, column } = find(at.start);
      return `${file}:${line}:${column}`;
    },
  };
}

/** Text of a YAML scalar together with the place of each of its characters in the file. */
export type PlacedText = { readonly text: string; readonly span: (start: number, end: number) => Span };

/** `value` is what the scalar between `start` and `end` means; escapes and folded lines make the two differ. */
export function placeScalar(source: string, start: number, end: number, value: string): PlacedText {
  const quoted = source[start] === '"' || source[start] === "'" ? 1 : 0;
  if (source.startsWith(value, start + quoted)) {
    const first = start + quoted;
    return { text: value, span: (from, to) => ({ start: first + from, end: first + to }) };
  }
  const places: number[] = [];
  let at = start + quoted;
  for (const unit of value) {
    at = nextPlace(source, at, end, unit);
    places.push(...Array.from({ length: unit.length }, () => at));
    at = Math.min(at + unit.length, end);
  }
  places.push(at);
  const placeOf = (index: number): number => places[Math.min(index, places.length - 1)] ?? start;
  return { text: value, span: (from, to) => ({ start: placeOf(from), end: Math.max(placeOf(from) + 1, placeOf(to)) }) };
}

function nextPlace(source: string, from: number, end: number, unit: string): number {
  for (let at = from; at < end; at += 1) {
    if (source.startsWith(unit, at)) return at;
    if ((unit === ' ' || unit === '\n') && source[at] === '\n') return at;
  }
  return Math.min(from, end);
}
