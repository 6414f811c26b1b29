import type { EntityName } from '../canonical/entities.ts';
import type { Clock, JsonObject } from '../connector/contract.ts';
import type { Store, Tx } from '../store/store.ts';
import type { MappingSet } from './types.ts';

/** A record as it arrived. */
export type ArrivedRecord = {
  readonly id: string;
  readonly version: number | null;
  readonly parts: readonly Uint8Array[];
  readonly context: JsonObject;
};

/** What a record is of our own writing. */
export type Echo = {
  /** Canonical fields in which it only gives back what we wrote. */
  readonly fields: ReadonlySet<string>;
  /** When the rest was said at the earliest (epoch milliseconds), where its version tells no more than the second of our write. */
  readonly notBefore: number | null;
};

/** Records of read streams that we have written, or whose entities we know because we have. */
export type WrittenRecords = {
  /** Whether records of the stream may be among them; false spares the look-up. */
  has(streamId: number): boolean;
  /** The entities that records are, by external id. */
  entitiesOf(
    tx: Tx,
    streamId: number,
    records: readonly ArrivedRecord[],
  ): Promise<ReadonlyMap<string, { readonly entity: EntityName; readonly id: number }>>;
  /** What records give back of what we wrote, by external id. What somebody changed there is no longer ours after it. */
  echoesIn(
    tx: Tx,
    streamId: number,
    records: readonly ArrivedRecord[],
    observedAt: Date,
  ): Promise<ReadonlyMap<string, Echo>>;
};

/** What loading needs from outside: where to write, the time, and any mapping set that was ever registered. */
export type LoadDeps = {
  readonly store: Store;
  readonly clock: Clock;
  /** A mapping set as a stream's records were mapped with it (decoded by the stream's connector). Inside a transaction it is given that. */
  readonly mappingSet: (streamId: number, setId: number, tx?: Tx) => Promise<MappingSet>;
  /** What was written to the vendors that are read. */
  readonly written: WrittenRecords;
  /** Whether a stream belongs to the built-in connection `platform`. */
  readonly isPlatform: (streamId: number) => boolean;
};
