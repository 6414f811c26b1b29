/** The frozen, checked configuration; what every room may know of it. */
import type { JsonObject } from '../connector/contract.ts';
import type { Conflict } from '../mapping/types.ts';

/** One stream of a connection as the operator enabled it. */
export type StreamConfig = {
  readonly name: string;
  /** Names of mapping files, in order. */
  readonly mappings: readonly string[];
  /** `real_time`, `15m`, `30m`, `hourly`, `daily`, a cron expression, or `manual`. */
  readonly every: string;
  /** When everything is read again; words as in `every`. Absent: as the stream needs it. */
  readonly reconcile?: string | undefined;
  /** When fields are read again that the cursor cannot see. Absent: as the stream needs it. */
  readonly sweep?: string | undefined;
  /** IANA zone of the schedules. @defaultValue UTC */
  readonly timezone: string;
  /** Settings of the stream that the connector reads (file pattern, format …). */
  readonly settings: JsonObject;
};

/** One stream of a connection that is written to. */
export type WriteConfig = {
  /** The stream's name at the vendor. */
  readonly to: string;
  /** Name of an outgoing mapping file. */
  readonly mapping: string;
  /** As in {@link StreamConfig}. @defaultValue real_time */
  readonly every: string;
  readonly timezone: string;
  /** Who wins where both sides changed a field since they last agreed. @defaultValue the connection's */
  readonly conflict: Conflict;
};

export type ConnectionConfig = {
  readonly name: string;
  readonly connector: string;
  readonly direction: 'in' | 'out' | 'both';
  readonly conflictResolution: Conflict;
  /** Speaks for stock quantities; at most one connection per (variant, location). @defaultValue true for the first */
  readonly stockAuthority: boolean;
  /** How far this source's clock may be off. */
  readonly clockSkewMs: number;
  /** What the connector's own schema takes, secrets included. Never printed. */
  readonly settings: JsonObject;
  readonly streams: readonly StreamConfig[];
  /** What is written to it; empty while its direction is `in`. */
  readonly writes: readonly WriteConfig[];
};

/** Where a key and its value stand; line and column from 1. */
export type Position = {
  readonly key: Place;
  readonly value: Place;
  /** The value came from the environment: it is text whatever the setting's type, and never shown. */
  readonly fromEnv: boolean;
};
export type Place = { readonly line: number; readonly column: number };
export type Positions = Readonly<Record<string, Position>>;

export type DeleteBrake = { readonly share: number; readonly count: number };

export type Config = {
  /** Folder of `.tributary/`, mappings and relative paths. */
  readonly dir: string;
  /** File it was read from; `null`: the sandbox. */
  readonly file: string | null;
  readonly tenant: string;
  /** PostgreSQL address; `null`: PGlite in `.tributary/store`. */
  readonly databaseUrl: string | null;
  /** Redis address; `null`: BullMQ on the database. */
  readonly redisUrl: string | null;
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | null;
  readonly secretKey: string | null;
  readonly currency: string;
  readonly mappingsDir: string;
  readonly connections: readonly ConnectionConfig[];
  readonly deleteBrake: DeleteBrake;
  readonly pageSize: number;
  readonly sliceMs: number;
  readonly leaseMs: number;
  readonly retention: { readonly rawDays: number; readonly outboxDays: number; readonly runDays: number };
  readonly alerts: readonly { readonly kind: 'webhook' | 'slack' | 'email'; readonly to: string }[];
  readonly smtpUrl: string | null;
  readonly allowedRoots: readonly string[];
  /** At most this many available units count as low stock. */
  readonly lowStock: number;
  /** How long a reservation holds stock. */
  readonly reservationMs: number;
  /** Requests an API key may make to one route in a minute. */
  readonly requestsPerMinute: number;
  /** Where each value was written, by JSON pointer (`/connections/feeds/path`). Empty without a file. */
  readonly positions: Positions;
};
