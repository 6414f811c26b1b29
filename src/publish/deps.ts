import type { WriteConfig } from '../config/types.ts';
import type { Clock, Connector, Log, Source } from '../connector/contract.ts';
import type { LoadDeps } from '../load/deps.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import type { Store } from '../store/store.ts';

/** A stream that is written to, as pushing needs it. */
export type PushStream = {
  readonly tenant: number;
  readonly id: number;
  readonly connectionId: number;
  readonly connection: string;
  readonly name: string;
  readonly connector: Connector;
  readonly writes: WriteConfig | null;
  /** The stream of the same records that is read; `null`: there is none. */
  readonly twin: number | null;
};

/** The run that a push counts in, and its right to write. */
export type PushRun = { readonly id: number; readonly tenant: number; readonly lease_epoch: number; seq: number };

/** What pushing needs from outside; `app.ts` makes it. */
export type PublishDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly load: LoadDeps;
  /** The stream's outgoing mapping as its file says now. @throws ERR_MAPPING_INVALID, ERR_MAPPING_UNKNOWN */
  readonly outgoing: (stream: PushStream) => Outgoing;
  /** Opens the stream's source. The caller closes it. */
  readonly open: (stream: PushStream, signal: AbortSignal) => Promise<Source>;
};
