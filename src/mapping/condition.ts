/** Reads one-line conditions: `Type = "simple"`, `Stock > 0`, `SKU is not empty`, `Type in ("a", "b")`. */
import type { Condition, Literal } from './ast.ts';
import { closing, parseArgument, parseBetween, parseLiteral, type Reading } from './expression.ts';
import type { PlacedText } from './position.ts';

const OPERATORS = ['!=', '<=', '>=', '=', '<', '>'] as const;

/** A condition. `null`: it could not be read, and the problem is reported. */
export function parseCondition(placed: PlacedText, reading: Reading): Condition | null {
  const { text } = placed;
  const at = placed.span(0, text.length);
  const empty = /\s+is\s+(not\s+)?empty\s*$/.exec(text);
  if (empty !== null) {
    const left = parseBetween(placed, 0, empty.index, reading);
    return left && { kind: 'empty', left, negated: empty[1] !== undefined, at };
  }
  const among = /\s+in\s+\((.*)\)\s*$/.exec(text);
  if (among !== null) return parseAmong(placed, among.index, reading);
  const found = findOperator(text);
  if (found === null) {
    const left = parseBetween(placed, 0, text.length, reading);
    return left && { kind: 'true', left, at };
  }
  const left = parseBetween(placed, 0, found.at, reading);
  const start = found.at + found.operator.length + 2;
  const from = start + (text.slice(start).length - text.slice(start).trimStart().length);
  const right = parseArgument(placed, { start: from, end: text.trimEnd().length }, reading);
  return left && right && { kind: 'compare', left, operator: found.operator, right, at };
}

/** The first operator with a space on both sides, outside quotes and backticks. */
function findOperator(text: string): { at: number; operator: (typeof OPERATORS)[number] } | null {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text[at];
    if (unit === '`' || unit === '"') at = closing(text, at, text.length, unit);
    else if (unit === '[') at = Math.max(at, text.indexOf(']', at));
    else if (unit === ' ') {
      const operator = OPERATORS.find((candidate) => text.startsWith(`${candidate} `, at + 1));
      if (operator !== undefined && at > 0) return { at, operator };
    }
  }
  return null;
}

function parseAmong(placed: PlacedText, split: number, reading: Reading): Condition | null {
  const { text } = placed;
  const left = parseBetween(placed, 0, split, reading);
  const open = text.indexOf('(', split);
  const values: Literal[] = [];
  let from = open + 1;
  const end = text.trimEnd().length - 1;
  for (let at = from; at <= end; at += 1) {
    if (text[at] === '"') at = closing(text, at, end, '"');
    if (at < end && text[at] !== ',') continue;
    const raw = text.slice(from, at);
    const start = from + (raw.length - raw.trimStart().length);
    const literal = parseLiteral(placed, { start, end: start + raw.trim().length }, reading);
    if (literal === null) {
      reading.problems.report(placed.span(start, Math.max(start + 1, at)), {
        code: 'syntax',
        message: `"${raw.trim()}" is no constant.`,
        remedy: 'List constants in the parentheses: ("a", "b", 3).',
      });
      return null;
    }
    values.push(literal);
    from = at + 1;
  }
  return left && { kind: 'among', left, values, at: placed.span(0, text.length) };
}
