import type { Clock } from '../connector/contract.ts';
import type { Store, Tx } from '../store/store.ts';
import type { MappingSet } from './types.ts';

/** What loading needs from outside: where to write, the time, and any mapping set that was ever registered. */
export type LoadDeps = {
  readonly store: Store;
  readonly clock: Clock;
  /** A mapping set as a stream's records were mapped with it (decoded by the stream's connector). Inside a transaction it is given that. */
  readonly mappingSet: (streamId: number, setId: number, tx?: Tx) => Promise<MappingSet>;
  /** Whether a stream belongs to the built-in connection `platform`. */
  readonly isPlatform: (streamId: number) => boolean;
};
