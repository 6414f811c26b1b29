/** Normalisers of match keys: two spellings of one thing become one text. A blank one never matches. */
import type { Field } from './entities.ts';
import { composeText, trimText } from './text.ts';

/** Compares exactly, but for surrounding space and Unicode composition. */
export function normaliseExact(value: string): string {
  return composeText(trimText(value));
}

/** SKUs differ by accident in case and surrounding space, on purpose in everything else. */
export function normaliseSku(value: string): string {
  return composeText(trimText(value)).toLowerCase();
}

/** Digits padded to 14, so that UPC, EAN and GTIN of one thing meet; blank when it is no valid GTIN. */
export function normaliseGtin(value: string): string {
  const digits = gtinDigits(value);
  return digits === null ? '' : digits.padStart(14, '0');
}

/** The digits of an EAN-8, UPC-A, EAN-13 or GTIN-14 whose check digit is right, leading zeros kept; else `null`. */
export function gtinDigits(value: string): string | null {
  const digits = isDigits(value) ? value : value.replace(/[\s-]/g, '');
  const { length } = digits;
  if ((length !== 8 && length !== 12 && length !== 13 && length !== 14) || !isDigits(digits)) return null;
  let sum = 0;
  // Weights go from the right: the check digit counts once, its neighbour three times.
  for (let at = 0; at < length; at += 1) sum += (digits.charCodeAt(at) - 48) * ((length - at) % 2 === 0 ? 3 : 1);
  // Zeros alone are what people type where there is none.
  return sum > 0 && sum % 10 === 0 ? digits : null;
}

function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 48 || unit > 57) return false;
  }
  return true;
}

/** Lower case without surrounding space; blank when it is no address. */
export function normaliseEmail(value: string): string {
  const address = value.trim().normalize('NFC').toLowerCase();
  return isEmail(address) ? address : '';
}

/** One @, something on both sides, a dot in the host, no space or control character. */
export function isEmail(address: string): boolean {
  if (address.length > 320) return false;
  const at = address.indexOf('@');
  const host = address.slice(at + 1);
  const dot = host.lastIndexOf('.');
  return (
    at > 0 &&
    dot > 0 &&
    dot < host.length - 1 &&
    !host.includes('@') &&
    !/[\s\p{Cc}]/u.test(address) &&
    !host.includes('..')
  );
}

/** The normaliser each kind of match key uses. */
export const NORMALISERS: Readonly<Record<NonNullable<Field['match']>, (value: string) => string>> = {
  exact: normaliseExact,
  sku: normaliseSku,
  gtin: normaliseGtin,
  email: normaliseEmail,
};
