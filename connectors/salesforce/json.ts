/** JSON that loses nothing: numbers stay as they were written. */
import type { Json } from '../../src/connector/index.ts';

type Source = { readonly source?: string };
type Reviver = (this: unknown, key: string, value: unknown, context?: Source) => unknown;

/**
 * Parses JSON; written again by `JSON.stringify`, numbers read as they did. A number that a float would change is an object of its
 * own inside (`JSON.rawJSON`), to be written and not to be counted with.
 */
export function parseExactly(text: string): Json {
  const keep: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined && String(value) !== context.source
      ? rawNumber(context.source)
      : value;
  return JSON.parse(text, keep);
}

// TypeScript's lib does not know it yet (ECMAScript 2026, JSON.parse source text access).
const rawJson: ((source: string) => Json) | undefined = Reflect.get(JSON, 'rawJSON');

/** A number for `JSON.stringify`, written like this. */
export function rawNumber(source: string): Json {
  return rawJson?.(source) ?? Number(source);
}

/** Parses JSON for a mapping: whole numbers as numbers, decimals a float cannot hold as text (`1.39E8` as 139000000). */
export function parseForMapping(text: string): Json {
  const read: Reviver = (_key, value, context) =>
    typeof value === 'number' && context?.source !== undefined ? numberOrText(value, context.source) : value;
  return JSON.parse(text, read);
}

/** Digits a float holds whatever they are. */
const SAFE_DIGITS = 15;

function numberOrText(value: number, source: string): number | string {
  if (Number.isSafeInteger(value)) return value;
  const digits = source
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  return digits.length <= SAFE_DIGITS && !String(value).includes('e') ? value : plain(source);
}

/** A number without its exponent. */
function plain(source: string): string {
  const [, sign = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? [];
  const point = whole.length + Number(power);
  const digits = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, '0');
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
