/** Parts of SOQL, written by hand: jsforce's builder leaves a literal open behind a backslash, and prints dates as text. */

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text as a literal, in quotes. */
export function literal(text: string): string {
  // The backslash is in the same pass, so that no escape is escaped again.
  return `'${text.replace(/[\\'\n\r\t]/g, (mark) => ESCAPES[mark] ?? mark)}'`;
}

/** A time as a literal; SOQL takes milliseconds and Z. */
export const instant = (time: Date): string => time.toISOString();

/** `field IN (…)`; the list must not be empty. */
export const isOneOf = (field: string, texts: readonly string[]): string =>
  `${field} IN (${texts.map(literal).join(', ')})`;

/** Path of a query, with the deleted rows or without. */
export function queryPath(soql: string, withDeleted: boolean): string {
  // Not by URLSearchParams: a plus sign for a blank is not understood everywhere on the way.
  return `/${withDeleted ? 'queryAll' : 'query'}?q=${encodeURIComponent(soql)}`;
}
