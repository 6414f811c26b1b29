/** Regular expressions of mapping files: RE2 syntax, so that no text can make one run longer than linear time. */
import { RE2JS } from 're2js';

const compiled = new Map<string, RE2JS>();

/** @throws what RE2 says about a bad pattern; the checks have called {@link patternFault} before. */
export function compilePattern(source: string): RE2JS {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const pattern = RE2JS.compile(source);
  if (compiled.size < 1000) compiled.set(source, pattern);
  return pattern;
}

/** What is wrong with a pattern, or `null`. */
export function patternFault(source: string): string | null {
  if (source.length > 1000) return 'it is longer than 1000 characters';
  try {
    compilePattern(source);
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
