/** Footer rows of a CSV file: where they begin and how many rows they promise. Read first, from the file's end. */
import type { StreamSettings } from '../config.ts';
import { parseCells } from './csv-decode.ts';
import { asUnits, type Encoding } from './encoding.ts';
import type { ReadFormat } from './format.ts';

/** Footers lie within this many bytes of the end. */
const TAIL_BYTES = 64 * 1024;

export type Footer =
  | { readonly fault: string }
  | {
      /** Byte at which the footer begins. */
      readonly at: number;
      readonly expected: number | null;
    };

export async function readFooter(
  options: ReadFormat,
  encoding: Encoding,
  footer: NonNullable<StreamSettings['footer']>,
): Promise<Footer> {
  const { input, from, settings, signal } = options;
  const start = Math.max(from.offset, input.size - TAIL_BYTES - (input.size % 2));
  const pieces: Uint8Array[] = [];
  for await (const piece of input.bytes(start, input.size, signal)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const units = encoding.unit === 1 ? bytes : asUnits(bytes, encoding);
  const at = footerStart(units, footer.rows, start === from.offset);
  if (at < 0) return { fault: `the last ${footer.rows} row(s) of the file (footer) are missing; it was probably cut` };
  const end = units.indexOf(10, at);
  const raw = bytes.subarray(at * encoding.unit, (end < 0 ? units.length : end) * encoding.unit);
  const text = encoding.isValid(raw) ? encoding.decode(raw).replace(/\r$/, '') : '';
  const cells = cellsOf(text, settings);
  if (footer.startsWith !== undefined && cells[0] !== footer.startsWith) {
    return {
      fault: `the file does not end with a footer starting with ${JSON.stringify(footer.startsWith)}; it was probably cut`,
    };
  }
  const offset = start + at * encoding.unit;
  if (footer.count === undefined) return { at: offset, expected: null };
  const count = (cells[footer.count - 1] ?? '').trim();
  if (!/^\d{1,15}$/.test(count)) return { fault: `the footer's column ${footer.count} is not a number of rows` };
  return { at: offset, expected: Number(count) };
}

function cellsOf(text: string, settings: StreamSettings): string[] {
  try {
    return parseCells(text, settings.delimiter, settings.quote);
  } catch {
    return []; // Not a footer then; the caller says so.
  }
}

// Start of the last `rows` lines that are not empty; -1: there are fewer.
function footerStart(units: Uint8Array, rows: number, isLineStart: boolean): number {
  let end = units.length;
  for (let left = rows; ; left--) {
    while (end > 0 && (units[end - 1] === 10 || units[end - 1] === 13)) end--;
    if (end === 0) return -1;
    const feed = units.lastIndexOf(10, end - 1);
    if (feed < 0 && !isLineStart) return -1;
    if (left === 1) return feed + 1;
    if (feed < 0) return -1;
    end = feed;
  }
}
