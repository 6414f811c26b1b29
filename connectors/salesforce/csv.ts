/** CSV as the Bulk API writes it: commas, line feeds, quotes doubled inside quotes. */
import { TributaryError } from '../../src/errors.ts';

/** @throws TributaryError `ERR_CONNECTOR_UNREACHABLE` when a quote is left open: the text was cut */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = text.charAt(at) === '"' ? quoted(text, at) : bare(text, at);
    row.push(cell.value);
    at = cell.end;
    const mark = text.charAt(at);
    at += 1;
    if (mark === ',') {
      // A comma at the very end is followed by one more, empty cell.
      if (at === text.length) row.push('');
      continue;
    }
    if (mark === '\r' && text.charAt(at) === '\n') at += 1;
    rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

type Cell = { readonly value: string; readonly end: number };

function quoted(text: string, start: number): Cell {
  let value = '';
  for (let from = start + 1; ; ) {
    const end = text.indexOf('"', from);
    if (end < 0) throw new TributaryError('ERR_CONNECTOR_UNREACHABLE', 'A bulk result ends within a value.');
    value += text.slice(from, end);
    if (text.charAt(end + 1) !== '"') return { value, end: end + 1 };
    value += '"';
    from = end + 2;
  }
}

function bare(text: string, start: number): Cell {
  let end = start;
  while (end < text.length && !',\r\n'.includes(text.charAt(end))) end += 1;
  return { value: text.slice(start, end), end };
}
