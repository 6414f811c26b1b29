/** Records of a vendor system in memory, with the time they carry and the time from which a reader sees them. */
import type { Json, JsonObject } from '../connector/contract.ts';

/** One version of a record. `values` `null`: deleted. */
export type Version = {
  readonly id: string;
  readonly values: JsonObject | null;
  /** Epoch milliseconds the record was created. */
  readonly createdAt: number;
  /** The update time it carries, epoch milliseconds. */
  readonly updatedAt: number;
  /** Seen from then on; before, the version before it is. */
  readonly visibleAt: number;
};

export class Table {
  readonly #records = new Map<string, Version[]>();

  /** Adds a version; `at` is the time it carries. */
  put(id: string, values: JsonObject | null, times: { at: number; visibleAt?: number; createdAt?: number }): void {
    const versions = this.#records.get(id) ?? [];
    const createdAt = times.createdAt ?? versions.at(-1)?.createdAt ?? times.at;
    const made = { id, values, createdAt, updatedAt: times.at, visibleAt: times.visibleAt ?? times.at };
    // Older versions are kept only while a reader may still see them.
    this.#records.set(id, [...versions.slice(-1), made]);
  }

  /** The version a reader sees now, deleted ones included. */
  seen(id: string, now: number): Version | null {
    return this.#records.get(id)?.findLast((version) => version.visibleAt <= now) ?? null;
  }

  /** A record that is there; `null` when it is not, not yet, or deleted. */
  get(id: string, now: number): (Version & { readonly values: JsonObject }) | null {
    const seen = this.seen(id, now);
    return isThere(seen) ? seen : null;
  }

  /** The newest values whoever sees them; `null`: deleted or never there. What writers build on. */
  latest(id: string): JsonObject | null {
    return this.#records.get(id)?.at(-1)?.values ?? null;
  }

  /** Ids of all records that ever were. */
  ids(): string[] {
    return [...this.#records.keys()];
  }

  /** Records that are there now, in order of their making. */
  *all(now: number): Generator<Version & { readonly values: JsonObject }> {
    for (const id of this.#records.keys()) {
      const seen = this.get(id, now);
      if (seen) yield seen;
    }
  }

  /** Records that are deleted now. */
  *deleted(now: number): Generator<Version> {
    for (const id of this.#records.keys()) {
      const seen = this.seen(id, now);
      if (seen?.values === null) yield seen;
    }
  }

  save(): Json {
    return [...this.#records.values()].map((versions) => versions.map((version) => ({ ...version })));
  }

  load(saved: Json): void {
    this.#records.clear();
    for (const versions of Array.isArray(saved) ? saved : []) {
      const read = (Array.isArray(versions) ? versions : []) as unknown as Version[];
      const [first] = read;
      if (first) this.#records.set(first.id, read);
    }
  }
}

function isThere(version: Version | null): version is Version & { readonly values: JsonObject } {
  return version !== null && version.values !== null;
}
