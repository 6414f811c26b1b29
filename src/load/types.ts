/** What the load room is given and what it gives back. */
import type { EntityName } from '../canonical/entities.ts';
import type { Cursor, Json, JsonObject, Window } from '../connector/contract.ts';
import type { Conflict, EntityOutput, MapResult, RecordProblem, StockOutput } from '../mapping/types.ts';
import type { Reading } from './patches.ts';

/** A stream as the loader knows it. */
export type LoadStream = {
  readonly tenant: number;
  readonly id: number;
  readonly connectionId: number;
  readonly name: string;
  /** `complete`: an absent field is gone. `patch`: absent means no opinion. */
  readonly mode: 'complete' | 'patch';
  readonly stockAuthority: boolean;
  readonly clockSkewMs: number;
};

/** An output of one of the stream's mappings. */
export type Tagged<Output> = Output & { readonly mappingId: number };

/** An entity output. `refersByKey`: a reference of it names its target by a key, not by an output of the same record. */
export type TaggedEntity = Tagged<EntityOutput> & { readonly refersByKey: boolean };

/** What all mappings of a stream together say about one record. */
export type RecordOutcome =
  | {
      readonly kind: 'mapped';
      readonly entities: readonly TaggedEntity[];
      readonly stock: readonly Tagged<StockOutput>[];
    }
  | Exclude<Simplified<MapResult>, { kind: 'mapped' }>;

type Simplified<Result> = Result extends { kind: infer Kind }
  ? Omit<Result, 'id' | 'version'> & { readonly kind: Kind }
  : never;

/** Mappings and policy of a stream, registered in the store. */
export type MappingSet = {
  readonly id: number;
  readonly groupBy: string | null;
  /** Maps a decoded record. `id` and `version` as the first mapping that gives them says. */
  readonly map: (parts: readonly Uint8Array[], context: JsonObject, position: number) => MappedRecord;
  /** Maps a record that was read. */
  readonly mapReading: (reading: Reading, position: number) => MappedRecord;
  /** Decodes what came, as the stream's connector does. */
  readonly decode: (parts: readonly Uint8Array[], context: JsonObject) => Json;
  readonly conflict: (mappingId: number, entity: EntityName, field: string) => Conflict;
  /** Fields of the entity that an output of a mapping can fill. */
  readonly fills: (mappingId: number, output: string) => readonly string[];
};

/** What the patches of one record in a page did. */
export type PatchSteps = {
  /** What the record said after each of them. `isLate`: newer ones stood already. */
  readonly steps: readonly { readonly outcome: RecordOutcome; readonly when: number; readonly isLate: boolean }[];
  /** Mentions of the record beside the one that stands for it. */
  readonly more: number;
  /** Its dead letter, which is merged in. */
  readonly letter: number | null;
  /** When the newest was observed. */
  readonly observed: number;
};

export type MappedRecord = {
  readonly id: string | null;
  readonly version: number | null;
  readonly outcome: RecordOutcome;
};

/** A record of a page that is not known to be unchanged. */
export type Candidate = {
  /** External id; `null` only when it could not be told (then it is a dead letter). */
  readonly id: string | null;
  readonly hash: Uint8Array;
  readonly parts: readonly Uint8Array[];
  readonly version: number | null;
  /** Line or place at the source, for messages. */
  readonly position: number;
  /** Order among the page's records. */
  readonly place: number;
  readonly outcome: RecordOutcome;
  /** The dead letter without an external id that it was. */
  readonly letter?: number;
  /** Of a tombstone: external id of the record it was merged into. */
  readonly mergedInto?: string;
};

/** A record whose bytes are those that last ended loaded (or filtered) under the same mapping set. */
export type Recognised = {
  readonly no: number;
  /** Why the mapping leaves it out; `null`: it does not. */
  readonly filtered: string | null;
  /** Order among the page's records. */
  readonly place: number;
  /** The source's version where it comes beside the bytes: it may have risen although they did not change. */
  readonly version: number | null;
};

/** A delete the source reported, or one by absence (`no` known, no longer counted as read). */
export type Gone = { readonly id: string; readonly version: number | null; readonly mergedInto?: string };

/** A part of the input that could not be read as records; `id` where it is known which record it was. */
export type PageProblem = {
  readonly message: string;
  readonly position: number | null;
  /** Its bytes as they came, where they are at hand. */
  readonly raw: Uint8Array | null;
  readonly id?: string;
};

export type PreparedPage = {
  readonly candidates: readonly Candidate[];
  readonly recognised: readonly Recognised[];
  readonly tombstones: readonly Gone[];
  readonly problems: readonly PageProblem[];
  /** Rows the source had, where records are groups of rows. */
  readonly rows: number;
  readonly window: Window;
  readonly complete: boolean;
  readonly expected: number | null;
  readonly observedAt: Date;
  readonly context: JsonObject;
  readonly next: Cursor | null;
  /** Stored versions, mapped anew: nothing in it can be stale, and no version is replaced. */
  readonly again: boolean;
  /** Versions out of the store (mapped anew, or dead letters tried again), not what a source says. */
  readonly isStored: boolean;
};

/** The run's right to write: pages move its sequence under the lease epoch, or nothing is written. */
export type Fence = { readonly runId: number; readonly epoch: number; readonly seq: number };

export type Counts = {
  read: number;
  rows: number;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  deadLettered: number;
  deleted: number;
  tombstones: number;
  skippedBy: Record<string, number>;
  /** `product.created` … */
  entities: Record<string, number>;
};

export const noCounts = (): Counts => ({
  read: 0,
  rows: 0,
  created: 0,
  updated: 0,
  unchanged: 0,
  skipped: 0,
  deadLettered: 0,
  deleted: 0,
  tombstones: 0,
  skippedBy: {},
  entities: {},
});

export const count = (of: Record<string, number>, key: string, by = 1): void => {
  of[key] = (of[key] ?? 0) + by;
};

/** What a committed page did; the run's known records are brought up to date from it. */
export type PageOutcome = {
  readonly counts: Counts;
  readonly pageId: number;
  /** Records whose content is now `hash`; `hash` null: not to be recognised by content. */
  readonly learned: readonly {
    readonly id: string;
    readonly no: number;
    readonly hash: Uint8Array | null;
    readonly oldHash: Uint8Array | null;
    readonly filtered: boolean;
  }[];
  readonly deadLetters: readonly {
    readonly position: number;
    readonly id: string | null;
    readonly problems: readonly RecordProblem[];
  }[];
  /** Why nothing may be deleted by absence in this window; `null`: nothing speaks against it. */
  readonly tainted: string | null;
  readonly cancelRequested: boolean;
};

export type CommitRequest = {
  readonly stream: LoadStream;
  readonly set: MappingSet;
  readonly fence: Fence;
  readonly page: PreparedPage;
  /** Whether a record of this id may be stored; false spares the look-up. */
  readonly mayExist: (id: string) => boolean;
  /** Records of the stream may stand in another scope than the page's; false spares the look-up. */
  readonly otherScopes: boolean;
  /** Where the cursor is kept: the stream's checkpoint moves only in incremental runs, others keep it with the run. */
  readonly moveCheckpoint: boolean;
  /**
   * Somebody outside is told that the page is in (a file is moved, a webhook was acknowledged). Otherwise a database that
   * crashes may forget the last pages, data and checkpoint together, and they are read again.
   */
  readonly durable: boolean;
  /** Called when most of the page is on its way to the server: what takes a while here can be done meanwhile. */
  readonly whenSent?: () => void;
};

/** Leaves a record out, with its reason. */
export function skip(counts: Counts, reason: string): void {
  counts.skipped += 1;
  count(counts.skippedBy, reason);
}
