/**
 * A compact map from 128-bit hashes to record numbers: what a stream's records were last loaded as. 24 bytes a slot, at most
 * two thirds full, so some 36 bytes a record: a million records in 40 MB, where a Map of strings takes 150 MB.
 */
import { randomInt } from 'node:crypto';
import { HASH_BYTES } from './hash.ts';

export type KnownRecord = {
  /** Number of the record, from 1. */
  readonly no: number;
  /** 0 to 255, the caller's own. */
  readonly flags: number;
};

// Four words of hash, then the number: low word, and high 21 bits over 8 bits of flags. Number 0: the slot is free.
const WORDS = 6;
const LEAST_SLOTS = 1024;
const TWO_32 = 2 ** 32;

/** Open addressing with linear probing; the hashes are random already, so their first word is the place to look. */
export class KnownRecords {
  #slots: number;
  #words: Uint32Array;
  #size = 0;

  /** @param expected records to come, where known: spares growing */
  constructor(expected = 0) {
    this.#slots = LEAST_SLOTS;
    while (this.#slots * 2 < expected * 3) this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * WORDS);
  }

  get size(): number {
    return this.#size;
  }

  /** @param hash 16 bytes from `from` on, or 32 hexadecimal digits. A hash that is there already gets the new number and flags. */
  add(hash: Uint8Array | string, no: number, flags = 0, from = 0): void {
    if (!Number.isSafeInteger(no) || no < 1) throw new RangeError(`${no} is no record number`);
    if ((this.#size + 1) * 3 > this.#slots * 2) this.#grow();
    const bytes = asBytes(hash, from);
    const at = this.#place(bytes, from);
    const words = this.#words;
    if (isFree(words, at)) this.#size++;
    for (let word = 0; word < 4; word++) words[at + word] = wordOf(bytes, from + word * 4);
    words[at + 4] = no % TWO_32;
    words[at + 5] = ((Math.floor(no / TWO_32) << 8) | (flags & 255)) >>> 0;
  }

  find(hash: Uint8Array | string, from = 0): KnownRecord | null {
    const at = this.#place(asBytes(hash, from), from);
    const words = this.#words;
    if (isFree(words, at)) return null;
    const high = words[at + 5] as number;
    return { no: (high >>> 8) * TWO_32 + (words[at + 4] as number), flags: high & 255 };
  }

  /** Forgets a hash, but only while it stands for this record. */
  forget(hash: Uint8Array | string, no: number): void {
    const bytes = asBytes(hash, 0);
    if (this.find(bytes)?.no !== no) return;
    this.#size--;
    const words = this.#words;
    let hole = this.#place(bytes, 0);
    // What was pushed on by the one that goes moves back, so that no search ends early.
    for (let at = this.#next(hole); !isFree(words, at); at = this.#next(at)) {
      const home = ((words[at] as number) & (this.#slots - 1)) * WORDS;
      const isBetween = hole < at ? home > hole && home <= at : home > hole || home <= at;
      if (isBetween) continue;
      words.copyWithin(hole, at, at + WORDS);
      hole = at;
    }
    words.fill(0, hole, hole + WORDS);
  }

  /** The slot of a hash, or the free one where it belongs. */
  #place(bytes: Uint8Array, offset: number): number {
    const words = this.#words;
    const one = wordOf(bytes, offset);
    const two = wordOf(bytes, offset + 4);
    const three = wordOf(bytes, offset + 8);
    const four = wordOf(bytes, offset + 12);
    let at = (one & (this.#slots - 1)) * WORDS;
    while (!isFree(words, at)) {
      if (words[at] === one && words[at + 1] === two && words[at + 2] === three && words[at + 3] === four) return at;
      at = this.#next(at);
    }
    return at;
  }

  #next(at: number): number {
    const next = at + WORDS;
    return next === this.#words.length ? 0 : next;
  }

  #grow(): void {
    const old = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * WORDS);
    for (let from = 0; from < old.length; from += WORDS) {
      if (isFree(old, from)) continue;
      let at = ((old[from] as number) & (this.#slots - 1)) * WORDS;
      while (!isFree(this.#words, at)) at = this.#next(at);
      for (let word = 0; word < WORDS; word++) this.#words[at + word] = old[from + word] as number;
    }
  }
}

function isFree(words: Uint32Array, at: number): boolean {
  return words[at + 4] === 0 && (words[at + 5] as number) >>> 8 === 0;
}

function wordOf(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

function asBytes(hash: Uint8Array | string, from: number): Uint8Array {
  const bytes = typeof hash === 'string' ? Buffer.from(hash, 'hex') : hash;
  const length = bytes.length - from;
  if (length < HASH_BYTES) throw new RangeError(`a hash has ${HASH_BYTES} bytes, not ${length}`);
  return bytes;
}

/** Differs from process to process, so that nobody can send ids that all want one slot. */
const SEED = randomInt(2 ** 32);
/** Ids by 32 bits of each, for those who can bear to be told of an id that is not there. Some 6 bytes an id. */
export class LikelyIds {
  #words = new Uint32Array(LEAST_SLOTS);
  #size = 0;

  add(id: string): void {
    if ((this.#size + 1) * 3 > this.#words.length * 2) this.#grow();
    const hash = hashOf(id);
    const at = place(this.#words, hash);
    if (this.#words[at] === 0) this.#size++;
    this.#words[at] = hash;
  }

  /** False: it was not added. */
  mayHave(id: string): boolean {
    const hash = hashOf(id);
    return this.#words[place(this.#words, hash)] === hash;
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    for (const hash of this.#words) if (hash !== 0) words[place(words, hash)] = hash;
    this.#words = words;
  }
}

/** The slot of a hash, or the free one where it belongs. */
function place(words: Uint32Array, hash: number): number {
  const last = words.length - 1;
  let at = hash & last;
  while (words[at] !== 0 && words[at] !== hash) at = (at + 1) & last;
  return at;
}

/**
 * 32 bits that two lanes of multiplication leave of a text; never 0, which is a free slot. One lane of 32 bits would do for
 * random ids, but counted ones (SKU-1, SKU-2 …) meet each other in it under some seeds.
 */
function hashOf(text: string): number {
  let one = SEED;
  let two = 0x41c6ce57;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 0x9e3779b1);
    two = Math.imul(two ^ unit, 0x5f356495);
  }
  let hash = one ^ Math.imul(two ^ (two >>> 15), 0x735a2d97);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 || 1;
}
