/** Makes the table of docs/errors.md anew from src/errors.ts: `node scripts/error-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS, type ErrorFacts } from '../src/errors.ts';

const BEGIN = '<!-- errors: made by scripts/error-docs.ts, do not edit -->';
const END = '<!-- errors end -->';

/** The document with its table made anew. */
export function documentErrors(text: string): string {
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new RangeError('docs/errors.md has lost the marks around its table');
  const rows = Object.entries(ERRORS).map(([code, facts]) => row(code, facts));
  const head = '| code | cause | remedy | again? | exit | HTTP |\n|---|---|---|---|---|---|';
  return `${text.slice(0, start)}${BEGIN}\n\n${head}\n${rows.join('\n')}\n\n${text.slice(end)}`;
}

const row = (code: string, { cause, remedy, retry, exit, status }: ErrorFacts): string =>
  `| \`${code}\` | ${cell(cause)} | ${cell(remedy)} | ${retry === 'transient' ? 'by itself' : 'after a change'} | ${exit} | ${status} |`;

/** Text that a table's cell and Markdown leave as it is. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

if (import.meta.main) {
  const file = join(import.meta.dirname, '..', 'docs', 'errors.md');
  writeFileSync(file, documentErrors(readFileSync(file, 'utf8')));
}
