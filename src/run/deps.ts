import type { StreamConfig, WriteConfig } from '../config/types.ts';
import type { Clock, Connector, Log, Source, StreamDeclaration, TrafficClass } from '../connector/contract.ts';
import type { Brake } from '../load/deletes.ts';
import type { LoadDeps } from '../load/deps.ts';
import type { LoadStream, MappingSet } from '../load/types.ts';
import type { Store } from '../store/store.ts';
import type { RunRow } from './runs.ts';

/** A stream of a connection as runs need it. */
export type RunStream = LoadStream & {
  readonly name: string;
  readonly connection: string;
  readonly config: StreamConfig;
  readonly connector: Connector;
  /** Set where it is written to. */
  readonly writes: WriteConfig | null;
};

/** An open source with the declaration of the stream that is read. */
export type OpenStream = {
  readonly source: Source;
  readonly declaration: StreamDeclaration;
  readonly scratchDir: string;
};

/** What running needs from outside; `app.ts` makes it. */
export type RunDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly load: LoadDeps;
  readonly leaseMs: number;
  readonly sliceMs: number;
  readonly pageSize: number;
  readonly brake: Brake;
  readonly stream: (id: number) => Promise<RunStream>;
  /** Registers the stream's mappings as they are now and gives them compiled. */
  readonly currentSet: (stream: RunStream) => Promise<MappingSet>;
  readonly open: (stream: RunStream, signal: AbortSignal, trafficClass: TrafficClass) => Promise<OpenStream>;
  /**
   * Writes what changed to the stream's vendor until `until` (epoch milliseconds). `later`: there is more to do, not before
   * `notBefore` where it says so.
   */
  readonly push: (run: RunRow, stream: RunStream, until: number, signal: AbortSignal) => Promise<Pushed>;
  /** Told after each committed page and each end of a run. */
  readonly onProgress: (run: RunRow, stream: RunStream, event: RunEvent) => void;
};

export type Pushed = { readonly state: 'done' | 'later' | 'cancelled'; readonly notBefore: Date | null };

export type RunEvent =
  | {
      readonly kind: 'page';
      readonly read: number;
      readonly deadLettered: number;
      readonly seconds: number;
      readonly counts: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'end'; readonly state: string };
