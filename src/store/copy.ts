/**
 * PostgreSQL's COPY text format. Encoders are built once per table and give a row as one string.
 */
const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text value as a COPY field; `null` and `undefined` are NULL. */
export function copyText(value: string | null | undefined): string {
  if (value === null || value === undefined) return '\\N';
  return SPECIAL.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character] ?? character) : value;
}

/** A number, boolean or other value whose text needs no escaping. */
export function copyPlain(value: number | string | boolean | null | undefined): string {
  return value === null || value === undefined ? '\\N' : `${value}`;
}

export function copyJson(value: unknown): string {
  return value === null || value === undefined ? '\\N' : copyText(JSON.stringify(value));
}

export function copyBytes(value: Uint8Array): string {
  return `\\\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`;
}

const FIRST_BYTES = 1 << 18;

/** Lines for a COPY, encoded as they come: one flat buffer instead of a rope of millions of pieces. */
export class CopyLines {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #used = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** @param line with its line end */
  push(line: string): void {
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    const most = this.#used + line.length * 3;
    if (most > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(most, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#used);
      this.#bytes = grown;
    }
    this.#used += this.#bytes.write(line, this.#used);
    this.#count += 1;
  }
}
