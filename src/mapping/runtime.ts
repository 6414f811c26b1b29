/** What compiled mappings call: reading, converting and judging values. Every function here is total: it never throws. */
import { compareDecimals, isDecimal, normaliseDecimal } from '../canonical/decimal.ts';
import { normaliseExact } from '../canonical/normalise.ts';
import { isStorable, isWithin, trimText } from '../canonical/text.ts';
import { parseDate, parseTimestamp } from '../canonical/time.ts';
import type { Json, JsonObject } from '../connector/contract.ts';
import type { Segment } from './ast.ts';
import { describeFault, Fault } from './fault.ts';
import type { RecordProblem } from './types.ts';

/** Most elements of one list, characters of one text, and rounds of all loops together that one record may cost. */
export const LIMITS = { elements: 10_000, text: 1_000_000, rounds: 200_000 } as const;

/** Values on their way; `undefined` is "absent in the record". */
export type Value = Json | undefined;

const EMPTY: JsonObject = Object.freeze(Object.create(null));

const isObject = (value: Value): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value when names can be read from it, else something without any. */
export function object(value: Value): JsonObject {
  return isObject(value) ? value : EMPTY;
}

/** An own property; for names that every object inherits. */
export function own(record: JsonObject, name: string): Value {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** The record with its names in small letters; the first of two that differ only in case wins. */
export function foldCase(record: JsonObject): JsonObject {
  const folded: JsonObject = Object.create(null);
  for (const name of Object.keys(record)) {
    const lower = name.toLowerCase();
    if (!(lower in folded)) folded[lower] = record[name] ?? null;
  }
  return folded;
}

/** Reads a path of several parts. With `[]` in it: the list of all values that are there. */
export function readPath(start: Value, segments: readonly Segment[]): Value {
  let value: Value = start;
  for (let at = 0; at < segments.length; at += 1) {
    const segment = segments[at];
    if (segment === undefined || value === undefined || value === null) return value;
    if (segment.kind === 'name') value = own(object(value), segment.name);
    else if (!Array.isArray(value)) return undefined;
    else if (segment.kind === 'index') value = value.at(segment.index);
    else if (segment.kind === 'where') value = chosen(value, segment.name, segment.value);
    else return collect(value, segments.slice(at + 1));
  }
  return value === '' ? null : value;
}

function chosen(list: readonly Json[], name: string, wanted: string): Value {
  return list.find((element) => {
    const found = own(object(element), name);
    return found !== undefined && found !== null && typeof found !== 'object' && String(found) === wanted;
  });
}

function collect(list: readonly Json[], rest: readonly Segment[]): Json[] {
  const found: Json[] = [];
  for (const element of list) {
    const value = readPath(element, rest);
    if (Array.isArray(value) && rest.some((segment) => segment.kind === 'every')) found.push(...value);
    else if (value !== undefined && value !== null) found.push(value);
  }
  return found;
}

export function asText(value: Json): Json | Fault {
  if (typeof value === 'string') return value;
  if (typeof value !== 'number')
    return new Fault(
      'not-text',
      typeof value === 'boolean' ? 'is true or false, not text; write | text' : 'is not a single value',
      value ?? undefined,
    );
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return new Fault('lossy-number', 'is beyond 2^53 and may have lost digits on its way', value);
  return normaliseDecimal(String(value)) ?? new Fault('not-text', 'is no number that can be written out', value);
}

export function asDecimal(value: Json): Json | Fault {
  if (typeof value === 'string' && isDecimal(value)) return value;
  if (typeof value !== 'string' && typeof value !== 'number')
    return new Fault('not-a-number', 'is not a number', value);
  if (typeof value === 'string' && value.trim() === '') return null;
  return normaliseDecimal(String(value)) ?? new Fault('not-a-number', 'is not a number', value);
}

const WHOLE = /^[+-]?\d{1,16}$/;

export function asInteger(value: Json): Json | Fault {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (typeof value !== 'string' && typeof value !== 'number')
    return new Fault('not-whole', 'is not a whole number', value);
  const text = String(value).trim();
  if (text === '') return null;
  if (!WHOLE.test(text)) return new Fault('not-whole', 'is not a whole number', value);
  const number = Number(text);
  if (!Number.isSafeInteger(number)) return new Fault('out-of-range', 'is beyond 2^53', value);
  return number === 0 ? 0 : number;
}

export function asBoolean(value: Json): Json | Fault {
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  return new Fault('not-boolean', 'is neither true nor false; write | boolean to read other words', value);
}

export function asTimestamp(value: Json): Json | Fault {
  if (typeof value !== 'string') return new Fault('bad-time', 'is no point in time; write | epoch for numbers', value);
  if (value.trim() === '') return null;
  const found = parseTimestamp(value, null);
  if (found === 'unreadable' || found === 'impossible') return new Fault('bad-time', 'is no point in time', value);
  return found === 'zone-missing'
    ? new Fault('zone-missing', 'does not say its zone; write | timestamp("zone")', value)
    : found;
}

export function asDate(value: Json): Json | Fault {
  if (typeof value !== 'string') return new Fault('bad-time', 'is no day', value);
  return value.trim() === '' ? null : (parseDate(value) ?? new Fault('bad-time', 'is no day (YYYY-MM-DD)', value));
}

export function asObject(value: Json): Json | Fault {
  return isObject(value) ? value : new Fault('not-an-object', 'is not an object', value);
}

export function asList(value: Json): Json | Fault {
  if (!Array.isArray(value)) return new Fault('not-a-list', 'is not a list', value);
  return value.length > LIMITS.elements ? new Fault('too-many', `has more than ${LIMITS.elements} elements`) : value;
}

/** Text as a field keeps it: blank is empty, what the store cannot keep is refused. */
export function keepText(value: string, max: number): Json | Fault {
  const length = value.length;
  if (length === 0 || (value.charCodeAt(0) <= 32 && value.trim() === '')) return null;
  if (!isStorable(value)) return new Fault('bad-text', 'has a NUL character or half a surrogate pair');
  return length > max && !isWithin(value, max)
    ? new Fault('too-long', `is longer than ${max} characters`, value)
    : value;
}

/** Objects and lists as a field keeps them. */
export function keepStructure(value: Json): Json | Fault {
  return findBad(value, 0) ?? value;
}

function findBad(value: Json, depth: number): Fault | null {
  if (typeof value === 'string')
    return isStorable(value) ? null : new Fault('bad-text', 'has a NUL character or half a surrogate pair');
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value)
      ? new Fault('lossy-number', 'is beyond 2^53', value)
      : null;
  if (value === null || typeof value !== 'object') return null;
  if (depth > 30) return new Fault('too-deep', 'is nested deeper than 30');
  if (Array.isArray(value)) {
    for (const child of value) {
      const bad = findBad(child, depth + 1);
      if (bad !== null) return bad;
    }
    return null;
  }
  for (const [name, child] of Object.entries(value)) {
    const bad = isStorable(name)
      ? findBad(child, depth + 1)
      : new Fault('bad-text', 'has a name with a NUL character or half a surrogate pair');
    if (bad !== null) return bad;
  }
  return null;
}

/** Sets an own property, whatever its name. */
export function put(target: JsonObject, name: string, value: Json): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  else target[name] = value;
}

/** Equality as conditions mean it: "1" equals 1, empty equals empty only. */
export function equal(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (left === undefined || left === null || right === undefined || right === null)
    return (left ?? null) === (right ?? null);
  if (typeof left === typeof right || typeof left === 'object' || typeof right === 'object') return false;
  if (typeof left === 'boolean' || typeof right === 'boolean') return String(left) === String(right);
  return order(left, right) === 0;
}

/** Order as conditions mean it: numbers by value, other text by code unit. `NaN`: not comparable, so no condition holds. */
export function order(left: Value, right: Value): number {
  if (left === undefined || left === null || right === undefined || right === null) return Number.NaN;
  if (typeof left === 'object' || typeof right === 'object' || typeof left === 'boolean' || typeof right === 'boolean')
    return Number.NaN;
  const a = normaliseDecimal(String(left));
  const b = normaliseDecimal(String(right));
  if (a !== null && b !== null) return compareDecimals(a, b);
  if (typeof left !== 'string' || typeof right !== 'string') return Number.NaN;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** External id of one part: text without space around it. `null` when it is empty. */
export function singleKey(part: Value): string | null {
  if (typeof part !== 'string') return joinKey([part]);
  const text = normaliseExact(part);
  return text === '' ? null : text;
}

let lastTime = '';
let lastEpochMs = 0;

/** Milliseconds of a timestamp. Fields of one record, and often whole files, carry the same one: the last is remembered. */
export function epochOf(timestamp: string): number {
  if (timestamp !== lastTime) {
    lastEpochMs = Date.parse(timestamp);
    lastTime = timestamp;
  }
  return lastEpochMs;
}

/** External id of several parts: joined by |, a | or \ inside a part is escaped. `null` when a part is empty. */
export function joinKey(parts: readonly Value[]): string | null {
  const texts: string[] = [];
  for (const part of parts) {
    const text = part === undefined || part === null || typeof part === 'object' ? '' : normaliseExact(String(part));
    if (text === '') return null;
    texts.push(parts.length === 1 ? text : text.replace(/[\\|]/g, '\\$&'));
  }
  return texts.join('|');
}

/** Version of a record: a whole number as it is, a point in time as its milliseconds. */
export function asVersion(value: Json): number | null | Fault {
  const number = asInteger(value);
  if (number === null || typeof number === 'number') return number;
  const time = asTimestamp(value);
  if (typeof time === 'string') return Date.parse(time);
  return time instanceof Fault && time.code === 'zone-missing'
    ? time
    : new Fault('bad-version', 'is neither a whole number nor a point in time', value);
}

/** Appends a problem; the list is only made when there is one. */
export function report(
  problems: RecordProblem[] | null,
  field: string,
  pointer: string,
  fault: Fault,
  personal: boolean,
): RecordProblem[] {
  const list = problems ?? [];
  if (list.length < 100) list.push({ field, pointer, code: fault.code, message: describeFault(fault, personal) });
  return list;
}

/** Blank text, null, absent, and lists and objects without anything in them. */
export function isEmpty(value: Value): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === 'string') return trimText(value) === '';
  return isHollow(value);
}

/** A list or object that holds nothing. */
export function isHollow(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const name in value) if (Object.hasOwn(value, name)) return false;
  return true;
}

/** A truth value in any of the ways sources write it. */
export function isTrue(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  return value === 1 || (typeof value === 'string' && /^\s*(?:true|yes|y|on|1)\s*$/i.test(value));
}

/** Marks a shared value that has not been computed yet. */
export const NONE = Symbol('none');

export const TOO_LONG = new Fault('too-long', `the text grew beyond ${LIMITS.text} characters`);
export const TOO_MUCH = new Fault('too-much', `the record needs more than ${LIMITS.rounds} rounds of loops`);

export function twice(key: string): Fault {
  return new Fault('duplicate-key', 'occurs twice as a key', key);
}

/** `name` is `function:argument`. */
export function emptyArgument(name: string): Fault {
  const [call, argument] = name.split(':');
  return new Fault('empty-argument', `there is no value for "${argument}" of ${call}`);
}

/** `bounds` is `function:argument:least:most`. */
export function wrongArgument(bounds: string): Fault {
  const [call, argument, min, max] = bounds.split(':');
  return new Fault('wrong-argument', `"${argument}" of ${call} is not from ${min} to ${max}`);
}

export const KEY_MISSING = new Fault('key-missing', 'the key is empty');
export const REQUIRED = new Fault('required', 'a value is required, and there is none');

export function notAllowed(value: string, allowed: ReadonlySet<string>): Fault {
  return new Fault('not-allowed', `is none of ${[...allowed].join(', ')}`, value);
}
