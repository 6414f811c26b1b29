/**
 * Patch streams: a record is what its patches say together, newest first, field by field. A stored version is the patch that
 * came and, before or behind it, all others that still stand behind a field; so whatever reads a version reads the record
 * whole, and what stands behind a value is kept with it. Top-level fields are merged, their values are replaced.
 */
import type { Json, JsonObject } from '../connector/contract.ts';

type Decode = (parts: readonly Uint8Array[], context: JsonObject) => Json;

/** Where something stands among the patches of a record. */
export type Stamp = { readonly version: number | null; readonly observed: number };

/** One patch as it came. */
export type Patch = Stamp & {
  readonly parts: readonly Uint8Array[];
  readonly context: JsonObject;
  /** Hash of its content, hex. */
  readonly hash: string;
  /** When it was observed first; `observed` is the last time that it was said again. */
  readonly since: number;
  /** The page and the place in it that brought it. */
  readonly page: number;
  readonly slot: number;
  readonly run: number;
};

/** The patches a version consists of, the oldest first. */
export type Patches = {
  readonly patches: readonly Patch[];
  /** Place of the one that the version brought. */
  readonly said: number;
  /** The last delete among them: what is older says nothing. */
  readonly gone: Stamp | null;
};

/** A version as mappings get it. */
export type Reading = {
  readonly record: Json;
  /** Context of the newest patch. */
  readonly context: JsonObject;
  /** Set where the version is made of patches: who stands behind a path of the record. */
  readonly behind: ((path: string) => Patch | null) | null;
  /** Set where the version is made of patches: the version of the patch that came. */
  readonly version: number | null | undefined;
};

// No text that a vendor sends begins with a NUL.
const MARK = Buffer.from('\0patches\n');
const isPacked = (parts: readonly Uint8Array[]): boolean =>
  parts[0]?.[0] === 0 && Buffer.compare(parts[0].subarray(0, MARK.length), MARK) === 0;

/** Makes a version of patches: what they are first, then their parts. */
export function packPatches({ patches, said, gone }: Patches): readonly Uint8Array[] {
  const heads = patches.map(({ parts, ...head }) => ({ ...head, parts: parts.length }));
  const head = Buffer.concat([MARK, Buffer.from(JSON.stringify({ patches: heads, said, gone }))]);
  return [head, ...patches.flatMap(({ parts }) => parts)];
}

type Head = Omit<Patches, 'patches'> & { readonly patches: readonly (Omit<Patch, 'parts'> & { parts: number })[] };

/** The patches of a stored version; `null`: it was stored whole. */
export function unpackPatches(parts: readonly Uint8Array[]): Patches | null {
  const [first] = parts;
  if (!first || !isPacked(parts)) return null;
  const { patches, ...rest }: Head = JSON.parse(Buffer.from(first.subarray(MARK.length)).toString('utf8'));
  let at = 1;
  return {
    ...rest,
    patches: patches.map((head) => {
      at += head.parts;
      return { ...head, parts: parts.slice(at - head.parts, at) };
    }),
  };
}

/** What came with a version, without what it was merged with. */
export function saidParts(parts: readonly Uint8Array[], context: JsonObject): Pick<Patch, 'parts' | 'context'> {
  const packed = unpackPatches(parts);
  return packed?.patches[packed.said] ?? { parts, context };
}

/** Reads a stored version: patches are decoded each by itself and merged. */
export function readVersion(decode: Decode, parts: readonly Uint8Array[], context: JsonObject): Reading {
  const packed = unpackPatches(parts);
  if (!packed) return { record: decode(parts, context), context, behind: null, version: undefined };
  return readPatches(
    packed,
    packed.patches.map((patch) => decode(patch.parts, patch.context)),
  );
}

/** @param records what the patches say, decoded */
export function readPatches({ patches, said }: Patches, records: readonly Json[]): Reading {
  const { record, owners } = merge(records);
  return {
    record,
    context: patches.at(-1)?.context ?? {},
    behind: (path) => patches[ownerOf(owners, path)] ?? null,
    version: patches[said]?.version ?? null,
  };
}

/** A record that is no object has no fields to keep: it replaces all. */
function merge(records: readonly Json[]): { readonly record: Json; readonly owners: ReadonlyMap<string, number> } {
  let record: Json = {};
  let owners = new Map<string, number>();
  for (const [at, next] of records.entries()) {
    if (!isObject(next) || !isObject(record)) {
      record = next;
      owners = new Map();
    } else record = { ...record, ...next };
    for (const field of isObject(next) ? Object.keys(next) : ['']) owners.set(field, at);
  }
  return { record, owners };
}

/** Places of the patches that stand behind a field; the newest always stands. */
export function standing(records: readonly Json[]): ReadonlySet<number> {
  return new Set([...merge(records).owners.values(), records.length - 1]);
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function ownerOf(owners: ReadonlyMap<string, number>, path: string): number {
  let best = '';
  for (const field of owners.keys())
    if (field.length > best.length && [field, JSON.stringify(field)].some((name) => isUnder(path, name))) best = field;
  return owners.get(best) ?? -1;
}

const isUnder = (path: string, field: string): boolean =>
  path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);
