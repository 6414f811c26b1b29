/**
 * Rows for PostgreSQL's COPY in binary format: the server takes them as they are, where it would have to parse text. Each
 * value is written as the type of its column, in the order of the columns; a type that differs is refused by the server.
 */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const END = Buffer.from([0xff, 0xff]);
const FIRST_BYTES = 1 << 18;
const TWO_32 = 2 ** 32;
/** PostgreSQL counts time from 2000. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 86_400_000;
/** Texts up to here are written here, longer ones by the engine's own routine. */
const SHORT = 48;
/** A fixed value with its length takes no more. */
const FIXED_BYTES = 12;

export class CopyRows {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #used = SIGNATURE.copy(this.#bytes);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** All rows, and the end of the COPY. */
  get bytes(): Uint8Array {
    this.#reserve(END.length);
    END.copy(this.#bytes, this.#used);
    return this.#bytes.subarray(0, this.#used + END.length);
  }

  /** Begins a row of so many columns. */
  row(columns: number): this {
    this.#reserve(2 + columns * FIXED_BYTES);
    this.#bytes[this.#used] = columns >> 8;
    this.#bytes[this.#used + 1] = columns;
    this.#used += 2;
    this.#count += 1;
    return this;
  }

  null(): this {
    return this.#word(-1);
  }

  int2(value: number): this {
    this.#word(2);
    this.#bytes[this.#used] = value >> 8;
    this.#bytes[this.#used + 1] = value;
    this.#used += 2;
    return this;
  }

  int4(value: number): this {
    return this.#word(4).#word(value);
  }

  int8(value: number | null): this {
    if (value === null) return this.#word(-1);
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no whole number that can be kept`);
    return this.#word(8)
      .#word(Math.floor(value / TWO_32))
      .#word(value);
  }

  bool(value: boolean): this {
    this.#word(1);
    this.#bytes[this.#used++] = value ? 1 : 0;
    return this;
  }

  /** A point in time. @param value milliseconds since 1970 */
  time(value: number): this {
    const micros = (value - EPOCH_MS) * 1000;
    if (Number.isSafeInteger(micros)) return this.int8(micros);
    this.#word(8);
    this.#used = this.#bytes.writeBigInt64BE(BigInt(value - EPOCH_MS) * 1000n, this.#used);
    return this;
  }

  /** A day. @param value `YYYY-MM-DD` */
  date(value: string): this {
    const at = Date.parse(`${value}T00:00:00Z`);
    if (!Number.isFinite(at)) throw new RangeError(`${value} is no day`);
    return this.int4((at - EPOCH_MS) / DAY_MS);
  }

  text(value: string | null): this {
    if (value === null) return this.#word(-1);
    this.#reserve(4 + value.length * 3);
    const at = this.#used;
    this.#used += 4;
    this.#write(value);
    this.#bytes.writeInt32BE(this.#used - at - 4, at);
    return this;
  }

  json(value: unknown): this {
    const text = JSON.stringify(value);
    this.#reserve(5 + text.length * 3);
    const at = this.#used;
    this.#bytes[at + 4] = 1;
    this.#used += 5;
    this.#write(text);
    this.#bytes.writeInt32BE(this.#used - at - 4, at);
    return this;
  }

  raw(value: Uint8Array): this {
    this.#reserve(4 + value.length);
    this.#word(value.length);
    this.#bytes.set(value, this.#used);
    this.#used += value.length;
    return this;
  }

  /** @param value digits, with a sign and a point where there are any */
  decimal(value: string): this {
    const isNegative = value.charCodeAt(0) === MINUS;
    const first = isNegative ? 1 : 0;
    const found = value.indexOf('.');
    const point = found < 0 ? value.length : found;
    const scale = found < 0 ? 0 : value.length - found - 1;
    // Groups of four digits, counted from the point to both sides.
    const before = Math.ceil((point - first) / 4);
    const after = Math.ceil(scale / 4);
    this.#reserve(FIXED_BYTES + (before + after) * 2);
    const head = this.#used;
    this.#used += FIXED_BYTES;
    let weight = before - 1;
    let last = this.#used;
    for (let group = -before; group < after; group += 1) {
      const digits =
        group < 0
          ? groupAt(value, point + group * 4, first, point)
          : groupAt(value, point + 1 + group * 4, point + 1, value.length);
      if (digits === 0 && this.#used === head + FIXED_BYTES) {
        weight -= 1;
        continue;
      }
      this.#half(digits);
      if (digits !== 0) last = this.#used;
    }
    const end = Math.max(last, head + FIXED_BYTES);
    const groups = (end - head - FIXED_BYTES) / 2;
    this.#used = head;
    this.#word(end - head - 4);
    this.#half(groups);
    this.#half(groups === 0 ? 0 : weight);
    this.#half(isNegative && groups > 0 ? 0x4000 : 0);
    this.#half(scale);
    this.#used = end;
    return this;
  }

  #word(value: number): this {
    const bytes = this.#bytes;
    const at = this.#used;
    bytes[at] = value >> 24;
    bytes[at + 1] = value >> 16;
    bytes[at + 2] = value >> 8;
    bytes[at + 3] = value;
    this.#used = at + 4;
    return this;
  }

  #half(value: number): void {
    this.#bytes[this.#used] = value >> 8;
    this.#bytes[this.#used + 1] = value;
    this.#used += 2;
  }

  #write(text: string): void {
    const bytes = this.#bytes;
    const from = this.#used;
    const length = text.length;
    if (length <= SHORT) {
      let at = 0;
      for (; at < length; at += 1) {
        const unit = text.charCodeAt(at);
        if (unit > 127) break;
        bytes[from + at] = unit;
      }
      if (at === length) {
        this.#used = from + length;
        return;
      }
    }
    this.#used = from + bytes.write(text, from);
  }

  /** Room for `more` bytes, and for the fixed values of the row behind them. */
  #reserve(more: number): void {
    const needed = this.#used + more + ROW_BYTES;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}

const MINUS = 45;
/** More than the fixed values of a row take. */
const ROW_BYTES = 4096;

/** Four digits from `at`; what lies outside of `from` and `to` is 0. */
function groupAt(text: string, at: number, from: number, to: number): number {
  let digits = 0;
  for (let place = at; place < at + 4; place += 1) {
    let digit = 0;
    if (place >= from && place < to) {
      digit = text.charCodeAt(place) - 48;
      if (!(digit >= 0 && digit <= 9)) throw new RangeError(`${text} is no number`);
    }
    digits = digits * 10 + digit;
  }
  return digits;
}
