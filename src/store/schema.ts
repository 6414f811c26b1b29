/**
 * The declared schema: one for PGlite and PostgreSQL. `drizzle/` holds the migrations made from it
 * (`npx drizzle-kit generate`), and a test proves that both say the same.
 *
 * No foreign keys and few indexes on the hot path: what belongs together is written in one transaction.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  date,
  index,
  integer,
  jsonb,
  numeric,
  PgColumn,
  type PgColumnBuilderBase,
  pgSequence,
  pgTable,
  primaryKey,
  serial,
  smallint,
  text,
  timestamp,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { ENTITIES, type Entity, type EntityName, type Field } from '../canonical/entities.ts';
import { columnOf, matchFields, tableOf } from './columns.ts';
import { ID_BLOCK } from './store.ts';

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });
/** Text that is only compared for equality and bytewise order: an index on it costs half of one under a language's rules. */
const code = customType<{ data: string }>({ dataType: () => 'text collate "C"' });
const ranges = customType<{ data: string }>({ dataType: () => 'int8multirange' });
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' });
const id = (name: string) => bigint(name, { mode: 'number' });
const time = (name: string) => timestamp(name, { withTimezone: true });

/** Ids are taken from it in blocks. */
export const idSequence = pgSequence('id_block', { startWith: ID_BLOCK, increment: ID_BLOCK });

export const tenant = pgTable('tenant', {
  id: serial().primaryKey(),
  name: text().notNull().unique(),
  created_at: time('created_at').notNull().defaultNow(),
});

/** One configured account of a tenant. `settings` are kept without secrets. */
export const connection = pgTable(
  'connection',
  {
    id: serial().primaryKey(),
    tenant: integer().notNull(),
    name: text().notNull(),
    connector: text().notNull(),
    direction: text().notNull().default('in'),
    settings: jsonb().notNull(),
    /** Speaks for stock quantities. */
    stock_authority: boolean().notNull().default(true),
    paused_at: time('paused_at'),
    writes_approved_at: time('writes_approved_at'),
    /** Where the vendor was told to send webhooks; `null`: nowhere. */
    webhook_url: text('webhook_url'),
    /** What it was to send, as it names it. */
    webhook_topics: text('webhook_topics').array().notNull().default([]),
    webhooks_inspected_at: time('webhooks_inspected_at'),
    /** What is wrong with its webhooks, in words. */
    webhooks_problem: text('webhooks_problem'),
    /** When the configuration last named it; absent ones are kept, not scheduled. */
    removed_at: time('removed_at'),
  },
  (t) => [uniqueIndex('connection_name').on(t.tenant, t.name)],
);

/** Secrets of a connection, sealed with AES-256-GCM; a token among them is replaced by whoever holds its claim. */
export const credential = pgTable(
  'credential',
  {
    tenant: integer().notNull(),
    connection_id: integer('connection_id').notNull(),
    name: text().notNull(),
    /** `null`: the first one is on its way. */
    sealed: text(),
    key_id: text('key_id'),
    expires_at: time('expires_at'),
    updated_at: time('updated_at').notNull(),
    /** Moves with every claim and every value: who was given up writes nothing. */
    epoch: integer().notNull().default(1),
    /** Somebody is getting the next value; `null`: nobody. */
    refreshing_until: time('refreshing_until'),
  },
  (t) => [primaryKey({ columns: [t.connection_id, t.name] })],
);

/** A person's login that was begun: good once, and for minutes. */
export const login = pgTable('login', {
  /** SHA-256 of the state in the vendor's address, hex. */
  state_hash: text('state_hash').primaryKey(),
  tenant: integer().notNull(),
  connection_id: integer('connection_id').notNull(),
  sealed_verifier: text('sealed_verifier').notNull(),
  redirect_uri: text('redirect_uri').notNull(),
  expires_at: time('expires_at').notNull(),
  used_at: time('used_at'),
  finished_at: time('finished_at'),
  /** Why it failed, in words; `null`: it did not. */
  problem: text(),
});

/** Deliveries of vendors' webhooks that were taken, so that each counts once. */
export const inboundDelivery = pgTable(
  'inbound_delivery',
  {
    connection_id: integer('connection_id').notNull(),
    delivery_id: text('delivery_id').notNull(),
    tenant: integer().notNull(),
    received_at: time('received_at').notNull(),
    sent_at: time('sent_at'),
    /** Records it named in streams that are read, and in others. */
    changed: integer().notNull(),
    ignored: integer().notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.connection_id, t.delivery_id] }),
    index('inbound_delivery_received').on(t.tenant, t.received_at),
  ],
);

/** Records that a webhook named and that are still to be read again. */
export const inboundChange = pgTable(
  'inbound_change',
  {
    stream_id: integer('stream_id').notNull(),
    external_id: code('external_id').notNull(),
    tenant: integer().notNull(),
    received_at: time('received_at').notNull(),
    /** Times it was named since it was last read. */
    times: integer().notNull().default(1),
  },
  (t) => [primaryKey({ columns: [t.stream_id, t.external_id] })],
);

/** What is left of a vendor account's limits; connections of several tenants may share one. */
export const rateBudget = pgTable('rate_budget', {
  key: text().primaryKey(),
  state: jsonb().notNull(),
});

/** One kind of record of a connection, with its checkpoint and schedule. */
export const stream = pgTable(
  'stream',
  {
    id: serial().primaryKey(),
    tenant: integer().notNull(),
    connection_id: integer('connection_id').notNull(),
    /** That of a stream which is written to ends with `:out`. */
    name: text().notNull(),
    /** in · out */
    direction: text().notNull().default('in'),
    /** The checkpoint: where to read on; moves only together with the data. */
    cursor: jsonb(),
    /** Number of the next record that is seen for the first time. */
    next_no: id('next_no').notNull().default(1),
    mapping_set: integer('mapping_set'),
    every: text().notNull(),
    timezone: text().notNull().default('UTC'),
    next_due_at: time('next_due_at'),
    /** When everything is read again, to find deletes and what was missed. */
    reconcile: text().notNull().default('manual'),
    next_reconcile_at: time('next_reconcile_at'),
    /** When fields that the cursor cannot see are read again, and how far that has come. */
    sweep: text().notNull().default('manual'),
    next_sweep_at: time('next_sweep_at'),
    sweep_cursor: jsonb('sweep_cursor'),
    removed_at: time('removed_at'),
  },
  (t) => [uniqueIndex('stream_name').on(t.connection_id, t.name)],
);

/** Names of mapping files, numbered so that contributions can carry the number. */
export const mapping = pgTable(
  'mapping',
  { id: serial().primaryKey(), tenant: integer().notNull(), name: text().notNull() },
  (t) => [uniqueIndex('mapping_name').on(t.tenant, t.name)],
);

/** Every text a mapping ever had; what stands behind a current row is never removed. */
export const mappingVersion = pgTable(
  'mapping_version',
  {
    tenant: integer().notNull(),
    version: text().notNull(),
    mapping_id: integer('mapping_id').notNull(),
    source: text().notNull(),
    created_at: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.mapping_id, t.version] })],
);

/** The mapping versions and conflict policy that a stream's records were loaded under; "unchanged" is said against it. */
export const mappingSet = pgTable(
  'mapping_set',
  {
    id: serial().primaryKey(),
    tenant: integer().notNull(),
    /** SHA-256 over members and policy. */
    hash: text().notNull(),
    /** `[{id, version}]` in order. */
    members: jsonb().notNull(),
    policy: jsonb().notNull(),
    created_at: time('created_at').notNull(),
  },
  (t) => [uniqueIndex('mapping_set_hash').on(t.tenant, t.hash)],
);

/** One pass over one stream. The row is the truth; a queue job only wakes it. */
export const run = pgTable(
  'run',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    state: text().notNull(),
    mode: text().notNull(),
    trigger: text().notNull(),
    due_at: time('due_at').notNull(),
    mapping_set: integer('mapping_set'),
    /** Moves by one with every committed page, under the lease epoch. */
    seq: integer().notNull().default(0),
    lease_epoch: integer('lease_epoch').notNull().default(0),
    lease_until: time('lease_until'),
    /** Rows of the source, where records are groups of rows. */
    rows: id('rows').notNull().default(0),
    read: id('read').notNull().default(0),
    created: id('created').notNull().default(0),
    updated: id('updated').notNull().default(0),
    unchanged: id('unchanged').notNull().default(0),
    skipped: id('skipped').notNull().default(0),
    dead_lettered: id('dead_lettered').notNull().default(0),
    deleted: id('deleted').notNull().default(0),
    /** Tombstones read: counted in `read` and in one outcome. */
    tombstones: id('tombstones').notNull().default(0),
    /** Reason to count. */
    skipped_by: jsonb('skipped_by').notNull().default({}),
    /** `entity.change` to count. */
    entities: jsonb().notNull().default({}),
    /** Where a full read stands; the stream's cursor stays until it is through. */
    cursor: jsonb(),
    /** A window that was read to its end and whose absent records are still to be dealt with. */
    closing: jsonb(),
    /** Something kept the source from being read whole; nothing is deleted by absence. */
    tainted: text(),
    /** Deletes wait for approval. */
    held: boolean().notNull().default(false),
    /** Set by `runs cancel`; obeyed at the next page. */
    cancel_requested: boolean('cancel_requested').notNull().default(false),
    error: jsonb(),
    attempts: integer().notNull().default(0),
    next_attempt_at: time('next_attempt_at'),
    started_at: time('started_at'),
    finished_at: time('finished_at'),
  },
  (t) => [
    uniqueIndex('run_due').on(t.stream_id, t.due_at),
    index('run_open').on(t.state, t.next_attempt_at).where(sql`state in ('queued', 'running')`),
  ],
);

export const runLog = pgTable(
  'run_log',
  {
    tenant: integer().notNull(),
    run_id: id('run_id').notNull(),
    at: time('at').notNull(),
    level: text().notNull(),
    message: text().notNull(),
    fields: jsonb().notNull(),
  },
  (t) => [index('run_log_run').on(t.run_id, t.at)],
);

/** A committed page: the raw bytes of what was new or changed in it, and the numbers of all records seen. */
export const page = pgTable(
  'page',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    run_id: id('run_id').notNull(),
    seq: integer().notNull(),
    window_id: text('window_id').notNull(),
    scope: text().notNull(),
    observed_at: time('observed_at').notNull(),
    read: integer().notNull(),
    /** What `decode` needs. */
    context: jsonb().notNull(),
    /** zstd over the records' parts; empty when nothing was new. */
    payload: bytea().notNull(),
    /** Bytes of `payload` before compression. */
    bytes: integer().notNull(),
    seen: ranges().notNull(),
    /** Numbers of records that were there in an older version: not seen as they are kept, but not absent either. */
    stale: ranges().notNull().default('{}'),
    /** A part of it could not be read: nothing is deleted by absence in its window. */
    tainted: boolean().notNull().default(false),
  },
  (t) => [
    index('page_window').on(t.stream_id, t.window_id),
    index('page_observed').on(t.stream_id, t.observed_at),
    index('page_run').on(t.run_id),
  ],
);

/** The latest version of each record of a source. */
export const record = pgTable(
  'record',
  {
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    tenant: integer().notNull(),
    external_id: code('external_id').notNull(),
    /** 128 bits over the raw bytes and the context that gives them meaning. */
    hash: bytea().notNull(),
    page_id: id('page_id').notNull(),
    /** Place in the page's payload. */
    slot: integer().notNull(),
    version: id('version'),
    mapping_set: integer('mapping_set').notNull(),
    state: smallint().notNull(),
    scope: text().notNull(),
    /** In patch streams: when the version was seen again, by a page that is later than its own. */
    confirmed_at: time('confirmed_at'),
  },
  (t) => [primaryKey({ columns: [t.stream_id, t.no] }), uniqueIndex('record_external').on(t.stream_id, t.external_id)],
);

/** Records whose source merged them into others: who names one by its id means the other. */
export const mergedRecord = pgTable(
  'merged_record',
  {
    stream_id: integer('stream_id').notNull(),
    external_id: code('external_id').notNull(),
    tenant: integer().notNull(),
    /** External id of the record that took its place; it may be unknown yet, or merged itself. */
    merged_into: code('merged_into').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.stream_id, t.external_id] }),
    index('merged_record_survivor').on(t.stream_id, t.merged_into),
  ],
);

/** Earlier versions of records. */
export const recordHistory = pgTable(
  'record_history',
  {
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    tenant: integer().notNull(),
    hash: bytea().notNull(),
    page_id: id('page_id').notNull(),
    slot: integer().notNull(),
    version: id('version'),
    mapping_set: integer('mapping_set').notNull(),
    state: smallint().notNull(),
    /** Page that brought the next version. */
    replaced_by: id('replaced_by').notNull(),
  },
  (t) => [index('record_history_record').on(t.stream_id, t.no)],
);

/** What one record says about one entity. Its values are not stored: they are the mapping applied to the raw record. */
export const contribution = pgTable(
  'contribution',
  {
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    tenant: integer().notNull(),
    entity_id: id('entity_id').notNull(),
    mapping_id: integer('mapping_id').notNull(),
    output: text().notNull(),
    entity: text().notNull(),
    /** live · withdrawn */
    state: text().notNull(),
    /** Field to epoch milliseconds of its last change; a field that is not named never changed since `since`. */
    changed: jsonb(),
    /** Epoch milliseconds of the first observation. */
    since: id('since').notNull(),
    /** The raw version and the mapping versions behind it. */
    page_id: id('page_id').notNull(),
    slot: integer().notNull(),
    mapping_set: integer('mapping_set').notNull(),
  },
  (t) => [
    // Not unique, because a key with the output's text in it costs more than the row; the stream's row lock keeps doubles out.
    index('contribution_record').on(t.stream_id, t.no),
    index('contribution_entity').on(t.entity_id),
  ],
);

/** A field a person decided: outranks every contribution until it is taken back. */
export const decision = pgTable(
  'decision',
  {
    tenant: integer().notNull(),
    entity_id: id('entity_id').notNull(),
    field: text().notNull(),
    value: jsonb(),
    decided_by: text('decided_by').notNull(),
    at: time('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.entity_id, t.field] })],
);

/** A reference by key that an entity's winning contribution makes; `target_id` is null while it waits for its target. */
export const reference = pgTable(
  'reference',
  {
    tenant: integer().notNull(),
    entity: text().notNull(),
    entity_id: id('entity_id').notNull(),
    field: text().notNull(),
    target: text().notNull(),
    /** `match:<field>` or `external:<connection id>:<stream or *>` */
    key: text().notNull(),
    value: text().notNull(),
    target_id: id('target_id'),
  },
  (t) => [
    primaryKey({ columns: [t.entity_id, t.field] }),
    index('reference_waiting').on(t.tenant, t.target, t.value).where(sql`target_id is null`),
  ],
);

export const deadLetter = pgTable(
  'dead_letter',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    run_id: id('run_id').notNull(),
    page_id: id('page_id').notNull(),
    slot: integer(),
    /** Place in the page's payload of bytes that could not be read as a record. */
    kept: integer(),
    external_id: text('external_id'),
    /** Source version of the record; a lower one that loads does not put it right. */
    version: id('version'),
    position: id('position'),
    code: text().notNull(),
    problems: jsonb().notNull(),
    /** open · replayed · accepted */
    state: text().notNull(),
    times: integer().notNull().default(1),
    first_at: time('first_at').notNull(),
    last_at: time('last_at').notNull(),
  },
  (t) => [
    uniqueIndex('dead_letter_record')
      .on(t.stream_id, t.external_id)
      .where(sql`state = 'open' and external_id is not null`),
    index('dead_letter_open').on(t.tenant, t.stream_id).where(sql`state = 'open'`),
  ],
);

/** Deletes that wait for somebody to approve them. */
export const heldDelete = pgTable(
  'held_delete',
  {
    tenant: integer().notNull(),
    run_id: id('run_id').notNull(),
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    external_id: text('external_id').notNull(),
    /** held · applied · void (the record was seen again) */
    state: text().notNull(),
    /** Written when it was listed; what later pages see has come back. */
    page_id: id('page_id').notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.run_id, t.no] })],
);

/** Sum of the movements of a variant at a location (a location's code). */
export const stockLevel = pgTable(
  'stock_level',
  {
    variant_id: id('variant_id').notNull(),
    location: code().notNull(),
    tenant: integer().notNull(),
    quantity: id('quantity').notNull(),
    /** Open reservations. */
    reserved: id('reserved').notNull().default(0),
    /** Sold here, not yet confirmed by the authority. */
    committed: id('committed').notNull().default(0),
    /** The authority's quantity is true as of this time (its clock skew taken off). */
    as_of: time('as_of').notNull(),
    /** Record that last set it; `null`: the platform. `no` alone is null where that record says nothing about it any more. */
    stream_id: integer('stream_id'),
    no: id('no'),
  },
  (t) => [
    primaryKey({ columns: [t.variant_id, t.location] }),
    index('stock_level_awaiting').on(t.stream_id, t.no).where(sql`committed > 0`),
  ],
);

/** Append-only. */
export const stockMovement = pgTable(
  'stock_movement',
  {
    id: id('id').notNull(),
    tenant: integer().notNull(),
    variant_id: id('variant_id').notNull(),
    location: code().notNull(),
    delta: id('delta').notNull(),
    /** set · adjust · sale · withdrawn · undo */
    reason: text().notNull(),
    /** Page that brought it to the level. */
    page_id: id('page_id'),
    /** Stream and number of the record that counted; `null`: the platform. */
    stream_id: integer('stream_id'),
    no: id('no'),
    note: text(),
    as_of: time('as_of').notNull(),
  },
  (t) => [index('stock_movement_variant').using('brin', t.variant_id)],
);

/** What a source that is not the authority reports: shown as drift, never added up. */
export const stockObservation = pgTable(
  'stock_observation',
  {
    variant_id: id('variant_id').notNull(),
    location: code().notNull(),
    stream_id: integer('stream_id').notNull(),
    tenant: integer().notNull(),
    quantity: id('quantity').notNull(),
    as_of: time('as_of').notNull(),
    no: id('no').notNull(),
  },
  (t) => [primaryKey({ columns: [t.variant_id, t.location, t.stream_id] })],
);

/** Figures for variants nobody knows yet. */
export const stockWaiting = pgTable(
  'stock_waiting',
  {
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    output: text().notNull(),
    key: text().notNull(),
    value: text().notNull(),
    location: code().notNull(),
    quantity: id('quantity').notNull(),
    as_of: time('as_of').notNull(),
    page_id: id('page_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.stream_id, t.no, t.output] }), index('stock_waiting_value').on(t.tenant, t.value)],
);

export const reservation = pgTable(
  'reservation',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    variant_id: id('variant_id').notNull(),
    location: code().notNull(),
    quantity: id('quantity').notNull(),
    order_ref: text('order_ref').notNull(),
    /** open · committed (sold, not yet confirmed) · confirmed · released · expired */
    state: text().notNull(),
    created_at: time('created_at').notNull(),
    expires_at: time('expires_at').notNull(),
    committed_at: time('committed_at'),
  },
  (t) => [
    index('reservation_expiry').on(t.expires_at).where(sql`state = 'open'`),
    index('reservation_level').on(t.variant_id, t.location).where(sql`state in ('open', 'committed')`),
  ],
);

/** Changes to be published: one row per page, entity and kind of change. */
export const outbox = pgTable(
  'outbox',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    page_id: id('page_id'),
    entity: text().notNull(),
    /** created · updated · archived · restored · linked (a vendor has it now); of `stock`: updated, and the ids are those of variants */
    change: text().notNull(),
    ids: bigint({ mode: 'number' }).array().notNull(),
    at: time('at').notNull(),
    published_at: time('published_at'),
    /** The transaction that wrote it: ids are taken before they are written, so only this tells what a reader has not seen. */
    xact: xid8('xact').notNull().default(sql`pg_current_xact_id()`),
  },
  (t) => [
    index('outbox_open').on(t.id).where(sql`published_at is null`),
    index('outbox_xact').on(t.tenant, t.xact, t.id),
  ],
);

/** Which record of a vendor an entity (or a stock level, by location) is, and what both sides said when they last agreed. */
export const writeState = pgTable(
  'write_state',
  {
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    entity: text().notNull(),
    entity_id: id('entity_id').notNull(),
    /** Location code of a stock level; else empty. */
    part: code().notNull().default(''),
    external_id: code('external_id').notNull(),
    /** live · gone (the vendor has it no more) */
    state: text().notNull(),
    /** What the mapping said, by the vendor's fields. */
    ours: jsonb().notNull(),
    /** What the vendor held. */
    theirs: jsonb().notNull(),
    /** What the vendor made of values that we wrote and that nobody changed there since: these are echoes when they come back. */
    written: jsonb().notNull(),
    synced_at: time('synced_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.stream_id, t.entity_id, t.part] }),
    index('write_state_external').on(t.stream_id, t.external_id),
  ],
);

/** Every write that was meant: committed before the call, and what became of it after. */
export const writeLedger = pgTable(
  'write_ledger',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    run_id: id('run_id').notNull(),
    entity: text().notNull(),
    entity_id: id('entity_id').notNull(),
    part: code().notNull().default(''),
    /** create · update · upsert · delete */
    action: text().notNull(),
    external_id: text('external_id'),
    /** Sent as the idempotency key; the same on every try. */
    key: text().notNull(),
    values: jsonb().notNull(),
    expected: jsonb(),
    /** All that the mapping said, and all that the vendor held when it was planned. */
    ours: jsonb().notNull(),
    theirs: jsonb().notNull(),
    /** Fields that both sides had changed, with the policy and who won. */
    conflicts: jsonb().notNull().default([]),
    /** listed (waits for approval) · planned · sent · ok · rejected · retry (to be planned anew) · superseded */
    state: text().notNull(),
    outcome: jsonb(),
    attempts: integer().notNull().default(0),
    next_attempt_at: time('next_attempt_at'),
    created_at: time('created_at').notNull(),
    sent_at: time('sent_at'),
    done_at: time('done_at'),
  },
  (t) => [
    index('write_ledger_open').on(t.stream_id, t.id).where(sql`state in ('listed', 'planned', 'sent', 'retry')`),
    index('write_ledger_entity').on(t.entity_id),
  ],
);

/** A version of a record that brought back what we had written: these canonical fields are not its own word. */
export const echo = pgTable(
  'echo',
  {
    tenant: integer().notNull(),
    stream_id: integer('stream_id').notNull(),
    no: id('no').notNull(),
    page_id: id('page_id').notNull(),
    fields: text().array().notNull(),
    /** When the rest of it was said at the earliest (epoch milliseconds), where its version tells the second alone. */
    not_before: id('not_before'),
  },
  (t) => [primaryKey({ columns: [t.stream_id, t.no, t.page_id] })],
);

export const webhookSubscription = pgTable('webhook_subscription', {
  id: id('id').primaryKey(),
  tenant: integer().notNull(),
  url: text().notNull(),
  events: text().array().notNull(),
  sealed_secret: text('sealed_secret').notNull(),
  key_id: text('key_id').notNull(),
  active: boolean().notNull(),
  created_at: time('created_at').notNull(),
});

export const delivery = pgTable(
  'delivery',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    subscription_id: id('subscription_id').notNull(),
    outbox_id: id('outbox_id').notNull(),
    entity_id: id('entity_id').notNull(),
    state: text().notNull(),
    attempts: integer().notNull().default(0),
    next_attempt_at: time('next_attempt_at'),
    answer: jsonb(),
  },
  (t) => [index('delivery_due').on(t.next_attempt_at).where(sql`state = 'pending'`)],
);

export const apiKey = pgTable('api_key', {
  id: id('id').primaryKey(),
  tenant: integer().notNull(),
  name: text().notNull(),
  /** First characters, for people. */
  prefix: text().notNull(),
  /** SHA-256 of the key, hex. */
  hash: text().notNull().unique(),
  scopes: text().array().notNull(),
  created_at: time('created_at').notNull(),
  revoked_at: time('revoked_at'),
});

export const usageLog = pgTable(
  'usage_log',
  {
    tenant: integer().notNull(),
    key_id: id('key_id').notNull(),
    hour: time('hour').notNull(),
    route: text().notNull(),
    requests: integer().notNull(),
    errors: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.key_id, t.hour, t.route] })],
);

/** One row per cause that somebody was told about. */
export const alert = pgTable(
  'alert',
  {
    tenant: integer().notNull(),
    /** `<connection>/<stream>:<what>` */
    cause: text().notNull(),
    message: text().notNull(),
    opened_at: time('opened_at').notNull(),
    recovered_at: time('recovered_at'),
    /** Told about the opening, and about the recovery. */
    told: integer().notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.cause, t.opened_at] })],
);

export const audit = pgTable(
  'audit',
  {
    id: id('id').primaryKey(),
    tenant: integer().notNull(),
    at: time('at').notNull(),
    actor: text().notNull(),
    action: text().notNull(),
    subject: text().notNull(),
    details: jsonb().notNull(),
  },
  (t) => [index('audit_at').on(t.tenant, t.at)],
);

export const product = entityTable('product');
export const variant = entityTable('variant');
export const location = entityTable('location');
export const customer = entityTable('customer');
export const order = entityTable('order');
export const campaign = entityTable('campaign');
export const lead = entityTable('lead');
export const opportunity = entityTable('opportunity');

/** A canonical entity's table: its fields, a normalised key column per match field, and when it changed. */
function entityTable(name: EntityName) {
  const entity: Entity = ENTITIES[name];
  const columns: Record<string, PgColumnBuilderBase> = { id: id('id').primaryKey(), tenant: integer().notNull() };
  for (const [field, of] of Object.entries(entity.fields)) columns[columnOf(field, of)] = fieldColumn(field, of);
  for (const field of matchFields(name)) columns[`${field}_key`] = code();
  columns['created_at'] = time('created_at').notNull().defaultNow();
  columns['updated_at'] = time('updated_at').notNull().defaultNow();
  columns['archived_at'] = time('archived_at');
  columns['merged_into'] = id('merged_into');
  const column = (t: Record<string, unknown>, name: string) => {
    const found = t[name];
    if (!(found instanceof PgColumn)) throw new Error(`no column ${name}`);
    return found;
  };
  return pgTable(tableOf(name), columns, (t) => [
    ...matchFields(name).map((field) => {
      const key = column(t, `${field}_key`);
      // The key first: nobody looks for all of a tenant's by it, and a server without statistics would.
      return index(`${name}_${field}_key`).on(key, column(t, 'tenant')).where(sql`${key} is not null`);
    }),
    ...Object.entries(entity.fields).flatMap(([field, of]) =>
      of.type === 'reference' ? [index(`${name}_${field}`).on(column(t, columnOf(field, of)))] : [],
    ),
  ]);
}

function fieldColumn(name: string, field: Field): PgColumnBuilderBase {
  switch (field.type) {
    case 'text':
      return text();
    case 'integer':
      return id(name);
    case 'decimal':
      return numeric();
    case 'boolean':
      return boolean();
    case 'timestamp':
      return time(name);
    case 'date':
      return date();
    case 'json':
    case 'list':
      return jsonb();
    case 'reference':
      return id(`${name}_id`);
  }
}
