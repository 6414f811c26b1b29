/** Normalisers of match keys: two spellings of one thing become one text. A blank one never matches. */
import type { Field } from './entities.ts';

/** Compares exactly, but for surrounding space and Unicode composition. */
export function normaliseExact(value: string): string {
  return value.trim().normalize('NFC');
}

/** SKUs differ by accident in case and surrounding space, on purpose in everything else. */
export function normaliseSku(value: string): string {
  return value.trim().normalize('NFC').toLowerCase();
}

/** Digits padded to 14, so that UPC, EAN and GTIN of one thing meet; blank when it is no valid GTIN. */
export function normaliseGtin(value: string): string {
  const digits = gtinDigits(value);
  return digits === null ? '' : digits.padStart(14, '0');
}

/** The digits of an EAN-8, UPC-A, EAN-13 or GTIN-14 whose check digit is right, leading zeros kept; else `null`. */
export function gtinDigits(value: string): string | null {
  const digits = value.replace(/[\s-]/g, '');
  if (!/^(?:\d{8}|\d{12}|\d{13}|\d{14})$/.test(digits)) return null;
  const padded = digits.padStart(14, '0');
  let sum = 0;
  for (let at = 0; at < 13; at += 1) sum += (padded.charCodeAt(at) - 48) * (at % 2 === 0 ? 3 : 1);
  return (10 - (sum % 10)) % 10 === padded.charCodeAt(13) - 48 ? digits : null;
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
  return at > 0 && dot > 0 && dot < host.length - 1 && !host.includes('@') && !/[\s\p{Cc}]/u.test(address) && !host.includes('..');
}

/** The normaliser each kind of match key uses. */
export const NORMALISERS: Readonly<Record<NonNullable<Field['match']>, (value: string) => string>> = {
  exact: normaliseExact,
  sku: normaliseSku,
  gtin: normaliseGtin,
  email: normaliseEmail,
};
