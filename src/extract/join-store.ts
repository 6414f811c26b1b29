/**
 * Collects parts and gives them back as logical records, joined by root. Small windows stay in memory; larger ones are spread
 * by the hash of the root over spill files, and then joined one file at a time, so that memory stays flat.
 */
import { hash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { LogicalRecord } from './types.ts';

export type Part = {
  readonly raw: Uint8Array;
  /** What its parts share; `null`: a record of its own. */
  readonly root: string | null;
  /** The record the others belong to: it comes first. For rows all are equal and stay in order. */
  readonly isRoot: boolean;
  /** A row of a file: the root is no external id. */
  readonly isRow: boolean;
  readonly version: number | null;
  readonly position: number;
};

const MOST_BYTES = 64 * 1024 * 1024;
/** What a part costs in memory beside its bytes. */
const PART_BYTES = 250;
const FILES = 128;
const WRITE_BYTES = 128 * 1024;

type Spill = { readonly dir: string; readonly files: { fd: number; pieces: Uint8Array[]; bytes: number }[] };

export class JoinStore {
  readonly #scratchDir: string;
  readonly #mostBytes: number;
  #parts: Part[] = [];
  #bytes = 0;
  #count = 0;
  #spill: Spill | null = null;

  /** @param isSpilled spill from the start, because the same window was spilled before: the order must be the same */
  constructor(scratchDir: string, isSpilled: boolean, mostBytes = MOST_BYTES) {
    this.#scratchDir = scratchDir;
    this.#mostBytes = mostBytes;
    if (isSpilled) this.#open();
  }

  get isSpilled(): boolean {
    return this.#spill !== null;
  }

  async add(part: Part): Promise<void> {
    if (this.#spill !== null) return this.#write(this.#spill, part);
    this.#parts.push(part);
    this.#bytes += part.raw.length + PART_BYTES;
    if (this.#bytes <= this.#mostBytes) return;
    const spill = this.#open();
    for (const held of this.#parts) this.#write(spill, held);
    this.#parts = [];
  }

  /** In an order that depends on the parts alone: by first part, or by file and then by first part. */
  async *records(): AsyncGenerator<LogicalRecord> {
    if (this.#spill === null) {
      yield* joinParts(this.#parts);
      return;
    }
    for (const file of this.#spill.files) flush(file);
    for (let number = 0; number < FILES; number++) yield* joinParts(readParts(join(this.#spill.dir, String(number))));
  }

  async close(): Promise<void> {
    this.#parts = [];
    if (this.#spill === null) return;
    for (const file of this.#spill.files) closeSync(file.fd);
    rmSync(this.#spill.dir, { recursive: true, force: true });
    this.#spill = null;
  }

  #open(): Spill {
    mkdirSync(this.#scratchDir, { recursive: true });
    const dir = mkdtempSync(join(this.#scratchDir, 'join-'));
    const files = Array.from({ length: FILES }, (_, number) => ({
      fd: openSync(join(dir, String(number)), 'wx', 0o600),
      pieces: [],
      bytes: 0,
    }));
    this.#spill = { dir, files };
    return this.#spill;
  }

  // Synchronous: a write into the page cache takes less time than handing it to a thread.
  #write(spill: Spill, part: Part): void {
    const { raw, root, isRoot, isRow, version, position } = part;
    const head = Buffer.from(JSON.stringify([root, isRoot, isRow, version, position]));
    const sizes = Buffer.alloc(8);
    sizes.writeUInt32LE(head.length, 0);
    sizes.writeUInt32LE(raw.length, 4);
    this.#count++;
    const number = hash('md5', root ?? `\n${this.#count}`, 'buffer').readUInt16LE(0) % FILES;
    const file = spill.files[number];
    if (file === undefined) throw new RangeError(`there is no spill file ${number}`);
    file.pieces.push(sizes, head, raw);
    file.bytes += sizes.length + head.length + raw.length;
    if (file.bytes >= WRITE_BYTES) flush(file);
  }
}

function flush(file: { fd: number; pieces: Uint8Array[]; bytes: number }): void {
  const all = Buffer.concat(file.pieces);
  for (let at = 0; at < all.length; ) at += writeSync(file.fd, all, at);
  file.pieces = [];
  file.bytes = 0;
}

function* readParts(path: string): Generator<Part> {
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; ) {
    const headEnd = at + 8 + bytes.readUInt32LE(at);
    const end = headEnd + bytes.readUInt32LE(at + 4);
    const [root, isRoot, isRow, version, position] = JSON.parse(bytes.toString('utf8', at + 8, headEnd));
    yield { raw: bytes.subarray(headEnd, end), root, isRoot, isRow, version, position };
    at = end;
  }
}

function* joinParts(parts: Iterable<Part>): Generator<LogicalRecord> {
  const groups = new Map<string | symbol, Part[]>();
  for (const part of parts) {
    const key = part.root ?? Symbol('alone');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [part]);
    else group.push(part);
  }
  for (const group of groups.values()) yield* toRecords(group);
}

/** A parent that came more than once is a record each time, so that each is accounted for. */
function* toRecords(group: readonly Part[]): Generator<LogicalRecord> {
  const parents = group.filter((part) => part.isRoot && !part.isRow);
  if (parents.length < 2) return yield toRecord(group);
  const children = group.filter((part) => !part.isRoot);
  for (const parent of parents) yield toRecord([parent, ...children]);
}

function toRecord(group: readonly Part[]): LogicalRecord {
  const first = group.find((part) => part.isRoot) ?? group[0];
  if (first === undefined) throw new RangeError('a record has no parts');
  const others = group.filter((part) => part !== first);
  // Children arrive in any order, rows in that of their file: another order of children is no change.
  if (!first.isRow) others.sort((a, b) => Buffer.compare(a.raw, b.raw));
  const ordered = [first, ...others];
  return {
    parts: ordered.map((part) => part.raw),
    id: first.isRow ? null : first.root,
    // The parent's own, as a webhook or a read by id gives it; a changed child changes the content hash.
    version: first.version,
    position: first.position,
  };
}
