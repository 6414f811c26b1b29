/**
 * The contract between Tributary and a connector: what a connector declares and what it is given.
 * A connector reads and writes one vendor system. It never maps, stores, schedules or retries.
 *
 * Data goes this way: `open()` gives a `Source`; `source.read()` yields pages; a page's records are kept exactly as
 * they came (`raw`), turned into values by the connector's pure `decode()`, and mapped by files.
 */
import type { z } from 'zod';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Where to read on. Only the connector understands it; it must survive `JSON.stringify`. */
export type Cursor = JsonObject;

/** Injected time. Nothing else may ask the machine for it. */
export type Clock = {
  now(): Date;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
};

export type Log = {
  debug(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
};

/** Who goes first when a budget is short: in this order. */
export type TrafficClass = 'webhook' | 'write' | 'poll' | 'backfill';

/** What a vendor said about its limits, in its own unit. */
export type LimitObservation = {
  /** Window it speaks of, such as `10s`, `daily`, `points`. */
  readonly window: string;
  readonly limit?: number;
  readonly remaining?: number;
  /** Units that come back per second (leaky buckets). */
  readonly restorePerSecond?: number;
  /** Nothing may be sent before this time (Retry-After). */
  readonly notBefore?: Date;
  /** Budget it speaks of, as `permit` names it. Absent: the connection's general one. */
  readonly budget?: string;
};

/** What a vendor documents about its limits: where a budget starts before the first answer corrects it. */
export type BudgetDeclaration = {
  /** `general`, or a name for calls that are counted apart (`search`, `bulk`). */
  readonly name: string;
  /** Units at most in each window. */
  readonly limit: number;
  readonly windowMs: number;
  /** Calls in flight at most. */
  readonly concurrency?: number;
  readonly about: string;
};

/** What is there to get a new access token with, beside the configuration. */
export type TokenGrant = {
  /** The refresh token last issued; `null`: start from the configuration. */
  readonly refreshToken: string | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly fetch?: Fetch;
};

/** An access token as the vendor issued it. Kept encrypted before it is used. */
export type IssuedToken = {
  readonly accessToken: string;
  /** Some vendors rotate it with each use: the old one is dead from here on. */
  readonly refreshToken: string | null;
  /** `null`: the vendor names no end. */
  readonly expiresAt: Date | null;
};

/** `fetch` behind the program's own guards (address check after DNS and on redirects, timeouts, proxy). */
export type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** What a connection is given. All of it belongs to one account of one tenant. */
export type ConnectionContext = {
  readonly tenant: string;
  readonly connection: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the connection's work; every call to a vendor must obey it. */
  readonly signal: AbortSignal;
  /**
   * Resolves when `cost` units may be spent. To be awaited right before every call, also where the vendor's SDK owns the HTTP.
   * @param over ends when the call was answered: calls in flight are counted with it (`permitted` does so)
   */
  permit(cost: number, trafficClass: TrafficClass, budget?: string, over?: AbortSignal): Promise<void>;
  /** Tells the budget what the vendor answered. */
  observeLimits(observation: LimitObservation): void;
  /** A valid access token; refreshed once across processes. `rejected` is the token the vendor just refused. */
  token(rejected?: string): Promise<string>;
  /** A folder for this connection's spill files; emptied at every start. */
  readonly scratchDir: string;
  /** Folder that relative paths in the configuration start from. */
  readonly baseDir: string;
  /** Local folders this connection may read; a path outside is refused. */
  readonly allowedRoots: readonly string[];
  /** To be used for every call whose address the operator chose. Absent: the machine's own `fetch`. */
  readonly fetch?: Fetch;
};

/** One finding of `check()`, in words an operator understands. */
export type CheckFinding = {
  /** What was looked at: `reach`, `credentials`, `scope`, `version`, `clock`, `plan`, `stream:<name>` … */
  readonly subject: string;
  readonly ok: boolean;
  readonly message: string;
  /** What to do when not ok. */
  readonly remedy?: string;
};

/** A field of a record as the source declares it, for checking mappings. Path as mappings write it (`variants[].price`). */
export type DeclaredField = {
  readonly path: string;
  readonly type: 'text' | 'integer' | 'decimal' | 'boolean' | 'timestamp' | 'date' | 'json' | 'list';
  readonly nullable: boolean;
  readonly about?: string;
};

/**
 * What may be written into a stream. Names of fields are the connector's own and flat (`Email`, `quantity`); an outgoing mapping
 * fills them, `Connector.writable` tells what a record that was read says about the same ones.
 */
export type WriteDeclaration = {
  readonly actions: readonly WriteIntent['action'][];
  /** Fields a write may name; `nullable`: may be cleared. */
  readonly fields: readonly DeclaredField[];
  /** Fields without which the vendor creates nothing. */
  readonly requiredOnCreate: readonly string[];
  /** Fields the vendor finds an existing record by, when its id is not known (e-mail, external id). */
  readonly matchBy: readonly string[];
  /** Intents that `write` takes at once, at most. */
  readonly batch: number;
  /** How the id of a target is written, where it is more than the id of a record (`<item>/<location>`). */
  readonly id: string;
  /**
   * How long after it was sent a create may still be carried out, when its answer was lost: a slow vendor goes on when whoever stands
   * before it has given up. It is not sent again before that. Absent: what is made twice is one record there, by a key.
   */
  readonly madeWithinMs?: number;
};

/** One kind of record of a source. */
export type StreamDeclaration = {
  readonly name: string;
  readonly about: string;
  /** `complete`: a field that is absent is gone. `patch`: absent means no opinion. */
  readonly mode: 'complete' | 'patch';
  /** How reading goes on: a (time, id) keyset with overlap, an opaque token, or no cursor (always read whole). */
  readonly cursor: 'keyset' | 'token' | 'none';
  /** How long after a change the source may still reveal it under an older time; the upper bound of a window stays this far behind now. */
  readonly visibilityLagMs: number;
  /** How far each read goes back behind the last cursor. */
  readonly overlapMs: number;
  /** Fields whose change does not move the cursor; re-read by a rotating sweep. */
  readonly blindFields: readonly string[];
  /** Paths left out of the content hash because the source changes them without a reason (`related_ids`). */
  readonly volatilePaths: readonly string[];
  /** Words of a page's context left out as well: they say where a record came from (a file's name), not what its bytes mean. */
  readonly volatileContext?: readonly string[];
  /** Where deletes come from. */
  readonly deletes: readonly ('tombstone' | 'absence')[];
  /** Declared fields; `null` when they are only known from samples (files). */
  readonly fields: readonly DeclaredField[] | null;
  /** Paths of the external id's parts. */
  readonly key: readonly string[];
  /** Children arrive as records of their own (`parent` set), in any order, and are joined before mapping. */
  readonly children?: boolean;
  /** Streams read record by record out of this one (`products` -> `variations`). */
  readonly childStreams?: readonly string[];
  /** How far back the source still names its deletes. After a longer gap only a full read finds them. Absent: for ever, or never. */
  readonly tombstoneHorizonMs?: number;
  /** Absent: nothing can be written into it. */
  readonly writes?: WriteDeclaration;
};

/**
 * What came from the source, untouched.
 * `raw` is what is hashed and kept; `Connector.decode` turns it into values.
 */
export type SourceRecord = {
  readonly raw: Uint8Array;
  /** External id, normalised by `externalId`. `null`: the mapping's key decides after decoding (files). */
  readonly id: string | null;
  /** Set on a child: the id of the record it belongs to. Parts with the same root become one record. */
  readonly parent?: string;
  /** Source version: greater is newer (epoch milliseconds, revision number). `null`: only `observedAt` orders. */
  readonly version: number | null;
  /** Line (files) or place in the answer, from 1; for messages. */
  readonly position: number;
};

/** A delete the source itself reported. */
export type Tombstone = {
  readonly id: string;
  readonly version: number | null;
  /** The record it was merged into: links move there instead of ending. */
  readonly mergedInto?: string;
};

/** A part of the input that could not be read as records. It taints its window: nothing is deleted by absence there. */
export type SourceProblem = {
  readonly message: string;
  readonly position: number | null;
  readonly raw: Uint8Array | null;
  /** External id where it is known: the dead letter can then be read again by id. */
  readonly id?: string;
};

/**
 * The stretch of a source that a page belongs to: one file, one location, one pass over the stream.
 * A record absent from a `snapshot` window that was read to its end without a gap is deleted within `scope`.
 */
export type Window = {
  readonly id: string;
  readonly kind: 'snapshot' | 'delta';
  /** Records of one scope replace each other; deletes never reach beyond it. */
  readonly scope: string;
};

/** Records plus where to read on: the unit of work. Committed in one transaction. */
export type Page = {
  readonly records: readonly SourceRecord[];
  readonly tombstones: readonly Tombstone[];
  readonly problems: readonly SourceProblem[];
  /** Made durable together with the page. `null`: the stream is read to its end for now, and the last cursor stands. */
  readonly next: Cursor | null;
  readonly window: Window;
  /** True on the last page of a window that the source proved complete. */
  readonly complete: boolean;
  /** When the request was sent, the export started, or the file's own as-of. */
  readonly observedAt: Date;
  /** What the source promised for the whole window, where it says so. */
  readonly expected: number | null;
  /** Ask again not before this time. */
  readonly notBefore: Date | null;
  /**
   * What `decode` needs beside the bytes: format, header, file name. Kept once per page. `notes`: what was left alone, as
   * `{file, reason, by | of}`; told in the run's log.
   */
  readonly context: JsonObject;
  /**
   * Run after the page is committed (archive a file, acknowledge); must bear repetition. A process that dies in between does
   * not come back to it: what must not stay undone is done by the next `read`, whose cursor says that the page is in.
   */
  readonly afterCommit?: () => Promise<void>;
};

export type ReadRequest = {
  readonly stream: string;
  /** The last durable cursor; `null` at the first read, after a reset, and at the start of a full read. */
  readonly cursor: Cursor | null;
  /** `full`: everything there is, as a snapshot. `incremental`: what changed since the cursor. `sweep`: re-read blind fields. */
  readonly mode: 'full' | 'incremental' | 'sweep';
  /** Records per page at most. */
  readonly pageSize: number;
  /** Column whose equal values make rows one record; files only, from the mapping. */
  readonly groupBy: string | null;
  readonly trafficClass: TrafficClass;
};

/** One record to be written to a vendor. */
export type WriteIntent = {
  readonly stream: string;
  readonly action: 'create' | 'update' | 'upsert' | 'delete';
  /** Our key for this intent; the same on every try. Sent as idempotency key where the vendor has one. */
  readonly idempotencyKey: string;
  /** The vendor's id where known. */
  readonly id: string | null;
  readonly values: JsonObject;
  /** The vendor's values we last saw, for compare-and-set where the vendor has it. */
  readonly expected: JsonObject | null;
};

/**
 * What became of one intent. `unknown`: the answer was lost; it must be looked up with `find` before any retry.
 */
export type WriteOutcome =
  | {
      readonly state: 'ok';
      readonly id: string;
      readonly version: number | null;
      /** What the vendor says it kept, which may differ from what was sent; echoes are recognised by it. */
      readonly stored?: JsonObject;
    }
  | {
      readonly state: 'rejected';
      readonly code: string;
      readonly message: string;
      readonly fields: readonly string[];
      readonly retry: 'transient' | 'terminal';
      /** The vendor's record that stands in the way of a create. */
      readonly existingId?: string;
      /** The record that the vendor made all the same, but not as it was told: a person has to look, and no other may be made. */
      readonly madeId?: string;
    }
  | { readonly state: 'unknown'; readonly message: string };

/** A webhook request as it came, before anything was parsed. */
export type WebhookRequest = {
  readonly method: string;
  /** The public address the vendor called, with its query exactly as sent; some vendors sign it. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

export type WebhookVerdict =
  | {
      readonly ok: true;
      /** For de-duplication. */
      readonly deliveryId: string;
      readonly sentAt: Date | null;
      /** What to read again; the body itself is not trusted. */
      readonly changed: readonly {
        readonly stream: string;
        readonly id: string;
        readonly deleted: boolean;
        /** The subject asked to be forgotten: history too, not only the current row. */
        readonly erase?: true;
      }[];
    }
  | { readonly ok: false; readonly reason: string };

export type WebhookSubscription = {
  readonly id: string;
  readonly topic: string;
  readonly url: string;
  readonly state: 'active' | 'disabled';
  readonly note: string | null;
};

export type Webhooks = {
  /** Signature over the raw bytes, in constant time; replay window. */
  verify(request: WebhookRequest): Promise<WebhookVerdict>;
  /** The answer a vendor wants to a ping or challenge; `null` when the request is none. */
  handshake(request: WebhookRequest): { status: number; body: string } | null;
  /** Makes what is missing, for every stream that webhooks can speak of; called again it changes nothing that is in order. */
  subscribe(url: string): Promise<readonly WebhookSubscription[]>;
  unsubscribe(): Promise<void>;
  /** What the vendor has on record: finds hooks it switched off. */
  inspect(): Promise<readonly WebhookSubscription[]>;
};

/** An open connection to one account. Opened and closed by the run that uses it. */
export type Source = {
  streams(): readonly StreamDeclaration[];
  check(): Promise<readonly CheckFinding[]>;
  /** Pages in order, from the cursor to the end for now. Lazily: the next page is asked for while the last is committed. */
  read(request: ReadRequest): AsyncIterable<Page>;
  /** Reads these records again (webhooks, replays, samples). Ids that are gone come back as tombstones. */
  readIds(stream: string, ids: readonly string[]): Promise<Page>;
  /** The same id whichever way a record came (poll, webhook, file). */
  externalId(stream: string, raw: Json): string;
  /** One outcome for each intent, in the same order. In `values`, `null` clears a field and an absent one is left alone. */
  write?(intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]>;
  /** Looks an intent of unknown outcome up; `null`: it was not carried out. */
  find?(intent: WriteIntent): Promise<WriteOutcome | null>;
  /** The fields of a stream as this account has them (custom fields, properties). */
  describe?(stream: string): Promise<readonly DeclaredField[]>;
  readonly webhooks?: Webhooks;
  close(): Promise<void>;
};

/**
 * A connector: the default export of `connectors/<name>/index.ts`.
 * Found by being there; nothing else has to be edited.
 */
export type Connector<Config = unknown> = {
  readonly name: string;
  readonly title: string;
  /** Where its vendor's documentation is. */
  readonly docs: string;
  /** `out` needs `write` and `find`. */
  readonly directions: readonly ('in' | 'out')[];
  /** Settings of a connection; secrets are made with `secret()`. */
  readonly config: z.ZodType<Config>;
  open(config: Config, context: ConnectionContext): Promise<Source>;
  /** The streams known before any account is: for the catalogue and for checking mappings. Absent: the configuration names them. */
  readonly streams?: readonly StreamDeclaration[];
  /** What the vendor documents of its limits, for this configuration. */
  budgets?(config: Config): readonly BudgetDeclaration[];
  /** Gets a new access token; called by one process at a time. `null`: the configured one is all there is. */
  issueToken?(config: Config, grant: TokenGrant): Promise<IssuedToken | null>;
  /** Calls `onChange` with a stream's name soon after there is something new to read in it; ends with the signal. Absent: only the schedule knows. */
  watch?(config: Config, context: ConnectionContext, onChange: (stream: string) => void): Promise<void>;
  /** Pure: what `raw` says, given its page's context. Absent: `raw` is JSON. Grouped parts arrive together, in order. */
  decode?(parts: readonly Uint8Array[], context: JsonObject): Json;
  /**
   * Each part of `raw` is one JSON value although there is a `decode`: it is hashed as JSON (key order, `volatilePaths`).
   * Without `decode` that is so anyway.
   */
  readonly isRawJson?: true;
  /**
   * Pure: what a decoded record says about the fields that may be written into its stream, by target: mostly one, for stock one
   * per location. Echoes are recognised and both sides merged by it. Needed where a stream has `writes`.
   */
  writable?(stream: string, record: Json): readonly WriteTarget[];
  /** The vendor account behind a configuration (shop, portal, org): connections of one account share its budgets. */
  account?(config: Config): string;
  /** Lets a person log in and grant access (OAuth authorization code with PKCE). Absent: credentials come from the configuration. */
  readonly oauth?: {
    /** Where to send the person. `redirectUri` must come back exactly as given here. */
    authorizeUrl(config: Config, request: AuthorizeRequest): string;
    /** Trades the code for a token. Checks what the vendor signs of the callback. */
    exchange(config: Config, grant: CodeGrant): Promise<IssuedToken>;
  };
};

/**
 * A place that can be written to, with what it holds. `id` as in `WriteIntent.id`. `madeBy`: key of the intent that made it, where the
 * vendor keeps one: a record may be read before it is known that it was made.
 */
export type WriteTarget = { readonly id: string; readonly values: JsonObject; readonly madeBy?: string | undefined };

export type AuthorizeRequest = {
  readonly redirectUri: string;
  readonly state: string;
  /** S256 of the verifier, base64url. */
  readonly codeChallenge: string;
};

export type CodeGrant = {
  readonly code: string;
  readonly redirectUri: string;
  readonly codeVerifier: string;
  /** All parameters of the callback, as they came. */
  readonly query: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly fetch?: Fetch;
};
