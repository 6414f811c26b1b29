/** Exact decimal numbers as strings. Nothing here ever goes through a float. */

/** Most digits a decimal may have, before and after the point together. */
export const MAX_DIGITS = 38;

const PLAIN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

/** True when `text` is written as a decimal already is: no exponent, no plus, no superfluous zero in front. */
export function isDecimal(text: string): boolean {
  const length = text.length;
  let at = 0;
  if (length === 0 || length > MAX_DIGITS) return false;
  if (text.charCodeAt(0) === 45) {
    at = 1;
    // "-0" and "-0.0" are written "0".
    if (text.charCodeAt(1) === 48) return false;
  }
  const first = text.charCodeAt(at);
  if (!(first >= 48 && first <= 57)) return false;
  if (first === 48 && at + 1 < length && text.charCodeAt(at + 1) !== 46) return false;
  at += 1;
  while (at < length && text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1;
  if (at === length) return true;
  if (text.charCodeAt(at) !== 46 || at + 1 === length) return false;
  at += 1;
  while (at < length && text.charCodeAt(at) >= 48 && text.charCodeAt(at) <= 57) at += 1;
  return at === length;
}

/**
 * Brings a number written with a point into the one form the store keeps: "007.50" and "+7.50" become "7.50".
 * The scale stays as written. `null`: not a number, or more than {@link MAX_DIGITS} digits.
 */
export function normaliseDecimal(text: string): string | null {
  if (isDecimal(text)) return text;
  const parts = PLAIN.exec(text.trim());
  if (parts === null) return null;
  const [, sign = '', whole = '', fraction = '', exponent] = parts;
  if (whole === '' && fraction === '') return null;
  const shifted = exponent === undefined ? { whole, fraction } : shift(whole, fraction, Number(exponent));
  const digits = shifted.whole.replace(/^0+(?=\d)/, '') || '0';
  if (digits.length + shifted.fraction.length > MAX_DIGITS) return null;
  const plain = shifted.fraction === '' ? digits : `${digits}.${shifted.fraction}`;
  return sign === '-' && /[1-9]/.test(plain) ? `-${plain}` : plain;
}

function shift(whole: string, fraction: string, exponent: number): { whole: string; fraction: string } {
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return { whole: '0', fraction: '0'.repeat(-point) + digits };
  return { whole: digits.slice(0, point).padEnd(point, '0'), fraction: digits.slice(point) };
}

type Scaled = { readonly units: bigint; readonly scale: number };

function scaled(text: string): Scaled {
  const point = text.indexOf('.');
  if (point < 0) return { units: BigInt(text), scale: 0 };
  return { units: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

function written(units: bigint, scale: number): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, '0');
  const plain = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return negative ? `-${plain}` : plain;
}

const lifted = (value: Scaled, scale: number): bigint => value.units * 10n ** BigInt(scale - value.scale);

/** Below zero, zero or above zero, as `left` is less than, equal to or more than `right`. */
export function compareDecimals(left: string, right: string): number {
  const a = scaled(left);
  const b = scaled(right);
  const scale = Math.max(a.scale, b.scale);
  const difference = lifted(a, scale) - lifted(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Exact sum; the scale is the larger of the two. */
export function addDecimals(left: string, right: string): string {
  const a = scaled(left);
  const b = scaled(right);
  const scale = Math.max(a.scale, b.scale);
  return written(lifted(a, scale) + lifted(b, scale), scale);
}

/** Exact product; the scales add up. */
export function multiplyDecimals(left: string, right: string): string {
  const a = scaled(left);
  const b = scaled(right);
  return written(a.units * b.units, a.scale + b.scale);
}

/** `half_up` rounds 0.5 away from zero, `half_even` to the even neighbour (accounting), `down` cuts off. */
export type Rounding = 'half_up' | 'half_even' | 'down';

/** Rounds to `places` digits behind the point; never pads. */
export function roundDecimal(value: string, places: number, rounding: Rounding): string {
  const { units, scale } = scaled(value);
  if (scale <= places) return value;
  const unit = 10n ** BigInt(scale - places);
  const quotient = units / unit;
  const rest = units % unit;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  const away = twice > unit || (twice === unit && (rounding === 'half_up' || quotient % 2n !== 0n));
  const step = rounding !== 'down' && away ? (units < 0n ? -1n : 1n) : 0n;
  return written(quotient + step, places);
}

/** Removes zeros behind the point that say nothing: "1.500" becomes "1.5". */
export function trimZeros(value: string): string {
  return value.includes('.') ? value.replace(/\.?0+$/, '') : value;
}

/** Grouping is only taken out where it can be nothing else: groups of three digits. */
const GROUPED = {
  '.': /^[+-]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d+)?$/,
  ',': /^[+-]?\d{1,3}(?:[.' \u00a0\u202f]\d{3})+(?:,\d+)?$/,
};

/** Reads a number as people write it; `sign` is the decimal sign, `.` or `,`. `null`: not a number. */
export function readDecimal(text: string, sign: string | undefined): string | null {
  const comma = sign === ',';
  const trimmed = text.trim();
  const isGrouped = GROUPED[comma ? ',' : '.'].test(trimmed);
  const plain = isGrouped ? trimmed.replace(comma ? /[.' \u00a0\u202f]/g : /[,' \u00a0\u202f]/g, '') : trimmed;
  if (!comma) return normaliseDecimal(plain);
  return plain.includes('.') ? null : normaliseDecimal(plain.replace(',', '.'));
}
