import { type Json, missingId } from '../../src/connector/index.ts';

const SUFFIX = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ012345';

/**
 * The id in its long form. Reports, files and old code carry the first 15 characters, which differ only by upper and
 * lower case between two records; the three behind them say which letters are upper.
 * @throws TributaryError `ERR_LOAD_KEY_MISSING` when there is none
 */
export function externalId(stream: string, raw: Json): string {
  const id = typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? raw.Id : raw;
  if (typeof id !== 'string' || !/^(?:[A-Za-z0-9]{15}|[A-Za-z0-9]{18})$/.test(id))
    throw missingId('salesforce', stream);
  return id.length === 15 ? lengthen(id) : restoreCase(id);
}

function lengthen(id: string): string {
  let suffix = '';
  for (const start of [0, 5, 10]) {
    let bits = 0;
    for (let at = 0; at < 5; at++) if (/[A-Z]/.test(id.charAt(start + at))) bits |= 1 << at;
    suffix += SUFFIX.charAt(bits);
  }
  return id + suffix;
}

// Something on the way may have changed the case of a long id; its suffix still knows it.
function restoreCase(id: string): string {
  let restored = '';
  for (let at = 0; at < 15; at++) {
    const bits = SUFFIX.indexOf(id.charAt(15 + Math.floor(at / 5)).toUpperCase());
    const isUpper = ((bits >> (at % 5)) & 1) === 1;
    restored += isUpper ? id.charAt(at).toUpperCase() : id.charAt(at).toLowerCase();
  }
  return lengthen(restored);
}
