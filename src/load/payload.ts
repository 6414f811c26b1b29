/**
 * Raw bytes of records, compressed per page: `count` parts, each with its length before it, record after record.
 * Lengths are unsigned 32-bit little-endian.
 */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const U32 = 4;

export type Payload = { readonly compressed: Uint8Array; readonly bytes: number };

/** Packs records; their slots are their places in `records`. */
export async function pack(records: readonly (readonly Uint8Array[])[]): Promise<Payload> {
  let bytes = 0;
  for (const parts of records) {
    bytes += U32;
    for (const part of parts) bytes += U32 + part.length;
  }
  if (bytes === 0) return { compressed: new Uint8Array(), bytes };
  const flat = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const parts of records) {
    at = flat.writeUInt32LE(parts.length, at);
    for (const part of parts) {
      at = flat.writeUInt32LE(part.length, at);
      flat.set(part, at);
      at += part.length;
    }
  }
  return { compressed: await compress(flat, LEVEL), bytes };
}

/** The records of a payload; a slot's parts are cut out when they are asked for. */
export type Unpacked = {
  readonly size: number;
  /** `undefined` when there is no such slot. */
  at(slot: number): readonly Uint8Array[] | undefined;
};

export async function unpack(compressed: Uint8Array): Promise<Unpacked> {
  const flat = compressed.length === 0 ? Buffer.alloc(0) : await decompress(compressed);
  const starts: number[] = [];
  for (let at = 0; at < flat.length; ) {
    starts.push(at);
    let left = flat.readUInt32LE(at);
    at += U32;
    for (; left > 0; left -= 1) at += U32 + flat.readUInt32LE(at);
  }
  return {
    size: starts.length,
    at(slot) {
      let at = starts[slot];
      if (at === undefined) return undefined;
      const parts: Uint8Array[] = [];
      let left = flat.readUInt32LE(at);
      at += U32;
      for (; left > 0; left -= 1) {
        const length = flat.readUInt32LE(at);
        at += U32;
        parts.push(flat.subarray(at, at + length));
        at += length;
      }
      return parts;
    },
  };
}

/** Whether nothing is left of a record, because its subject asked to be forgotten. */
export const isErased = (parts: readonly Uint8Array[] | undefined): boolean => parts?.length === 0;

/** Packs a payload anew without the slots that are not kept; the others stay where they are. `null`: nothing had to go. */
export async function eraseSlots(
  compressed: Uint8Array,
  isKept: (slot: number) => boolean,
): Promise<(Payload & { readonly erased: number }) | null> {
  const held = await unpack(compressed);
  let erased = 0;
  const records = Array.from({ length: held.size }, (_, slot) => {
    const parts = held.at(slot) ?? [];
    if (isKept(slot) || isErased(parts)) return parts;
    erased += 1;
    return [];
  });
  return erased === 0 ? null : { ...(await pack(records)), erased };
}
