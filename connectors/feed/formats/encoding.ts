/** Text encodings of feeds: strict checks on bytes, decoding of cells, byte order marks. */
import { isAscii, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';

export type Encoding = {
  readonly name: string;
  /** Bytes per code unit: 2 for UTF-16, else 1 (every byte below 0x80 that stands alone is ASCII). */
  readonly unit: 1 | 2;
  readonly mark: Uint8Array;
  isValid(bytes: Uint8Array): boolean;
  decode(bytes: Uint8Array): string;
};

const NONE = new Uint8Array(0);
const MARKS = [
  { name: 'utf-8', bytes: Uint8Array.of(0xef, 0xbb, 0xbf) },
  { name: 'utf-16le', bytes: Uint8Array.of(0xff, 0xfe) },
  { name: 'utf-16be', bytes: Uint8Array.of(0xfe, 0xff) },
] as const;

const known = new Map<string, Encoding | null>();

/** The encoding of that name (`utf-8`, `utf-16le`, `win1252`, `latin1`, `shift_jis` …), or `null` when it cannot be used. */
export function encodingOf(name: string): Encoding | null {
  const key = name.toLowerCase().replaceAll('_', '-');
  const found = known.get(key);
  if (found !== undefined) return found;
  const made = makeEncoding(key);
  known.set(key, made);
  return made;
}

/** Which encoding a byte order mark at the start of the file names; `null`: there is none. */
export function markedEncoding(head: Uint8Array): string | null {
  return MARKS.find((mark) => startsWith(head, mark.bytes))?.name ?? null;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return bytes.length >= start.length && start.every((byte, at) => bytes[at] === byte);
}

function makeEncoding(name: string): Encoding | null {
  if (name === 'utf-8' || name === 'utf8') {
    return {
      name: 'utf-8',
      unit: 1,
      mark: MARKS[0].bytes,
      isValid: isUtf8,
      decode: (bytes) => view(bytes).toString('utf8'),
    };
  }
  if (name === 'ascii' || name === 'us-ascii') {
    return { name: 'ascii', unit: 1, mark: NONE, isValid: isAscii, decode: (bytes) => view(bytes).toString('latin1') };
  }
  if (name === 'utf-16' || name === 'utf16' || name === 'utf-16le' || name === 'utf16le')
    return utf16('utf-16le', MARKS[1].bytes);
  if (name === 'utf-16be' || name === 'utf16be') return utf16('utf-16be', MARKS[2].bytes);
  return codePage(name);
}

function utf16(name: 'utf-16le' | 'utf-16be', mark: Uint8Array): Encoding {
  const strict = new TextDecoder(name, { fatal: true, ignoreBOM: true });
  const isValid = (bytes: Uint8Array) => {
    try {
      strict.decode(bytes);
      return true;
    } catch {
      return false; // The decoder has no other way to say so.
    }
  };
  return { name, unit: 2, mark, isValid, decode: (bytes) => strict.decode(bytes) };
}

// A code page is usable when ASCII means ASCII in it, so that delimiters and line ends can be found in the bytes.
function codePage(name: string): Encoding | null {
  if (/^(utf|ucs|iso-?2022|hz)/.test(name) || !iconv.encodingExists(name)) return null;
  const ascii = Buffer.from(Array.from({ length: 127 }, (_, at) => at));
  if (iconv.decode(ascii, name) !== ascii.toString('latin1')) return null;
  const decode = (bytes: Uint8Array) =>
    isAscii(bytes) ? view(bytes).toString('latin1') : iconv.decode(view(bytes), name);
  const isValid = (bytes: Uint8Array) => isAscii(bytes) || !iconv.decode(view(bytes), name).includes('\ufffd');
  return { name, unit: 1, mark: NONE, isValid, decode };
}

/** The same bytes as a Buffer, without a copy. */
export function view(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** One byte per UTF-16 unit, everything beyond ASCII as 255: what looks for delimiters and line ends can then work on bytes. */
export function asUnits(bytes: Buffer, encoding: Encoding): Uint8Array {
  const units = new Uint8Array(bytes.length >> 1);
  const [low, high] = encoding.name === 'utf-16le' ? [0, 1] : [1, 0];
  for (let at = 0; at < units.length; at++) {
    const byte = bytes[at * 2 + low] as number;
    units[at] = bytes[at * 2 + high] === 0 && byte < 128 ? byte : 255;
  }
  return units;
}
