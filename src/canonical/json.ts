/** JSON without loss: a number a float cannot hold exactly stays what was written, as text. */

/** What JSON can say. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

type Source = { readonly source?: string };

/** Parses JSON; numbers beyond a float's precision (long ids, "0.1000000000000000001") come back as strings. */
export function parseJson(text: string): JsonValue {
  // TypeScript's lib does not yet know the third argument (ECMAScript 2025, JSON.parse source text access).
  const revive: (this: unknown, key: string, value: unknown, context?: Source) => unknown = (_key, value, context) =>
    typeof value === 'number' ? exact(value, context?.source ?? '') : value;
  // Only texts with a long run of digits can lose anything; the reviver is slow.
  return /\d{16}|\d[eE][+-]?\d|\d{8}\.\d{8}/.test(text) || /\d\.\d{15}/.test(text)
    ? JSON.parse(text, revive)
    : JSON.parse(text);
}

function exact(value: number, source: string): number | string {
  if (Number.isSafeInteger(value) && /^-?\d+$/.test(source)) return value;
  if (!/[eE]/.test(source) && source.replace(/[-.]/g, '').replace(/^0+/, '').length <= 15) return value;
  return source;
}
