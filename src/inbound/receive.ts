/**
 * Webhooks of vendors, as they come in: verified by their connector, counted once, noted and answered. What they name is read
 * again by a run; the body itself is never loaded.
 */
import { createHash } from 'node:crypto';
import type { Clock, Log, Source, WebhookRequest, WebhookVerdict } from '../connector/contract.ts';
import { asTributaryError } from '../errors.ts';
import { type NamedChange, noteChanges } from '../run/changed-ids.ts';
import type { RunStream } from '../run/deps.ts';
import type { Streams } from '../run/streams.ts';
import { type Store, sql } from '../store/store.ts';

export type InboundOutcome = 'accepted' | 'duplicate' | 'ignored' | 'refused' | 'unknown' | 'unready' | 'handshake';

/** What the vendor is told. `body` is text; only a handshake has one. */
export type InboundAnswer = {
  readonly status: number;
  readonly body: string;
  readonly outcome: InboundOutcome;
};

export type Inbound = {
  /** @param request with the address as the vendor called it */
  receive(connection: string, request: WebhookRequest): Promise<InboundAnswer>;
  /** Opens what verifies, so that the first delivery waits for nothing. */
  warm(): Promise<void>;
  close(): Promise<void>;
};

export type InboundOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly streams: Streams;
  /** Erases what records of these streams said, of people who want to be forgotten. @returns all that was erased */
  erase(streams: readonly RunStream[], named: readonly NamedChange[], actor: string): Promise<readonly NamedChange[]>;
  /** Connections that are there. */
  readonly connections: readonly { readonly name: string; readonly id: number }[];
  open(connection: string): Promise<Source>;
  /** Wakes a run; not waited for. */
  wake(run: number): void;
};

/** Longer delivery ids are hashed; longer external ids are none. */
const MAX_ID = 255;
const TOLD_EVERY_MS = 60_000;
const IDS = 1000;

export function openInbound(options: InboundOptions): Inbound {
  const { store, clock, log, streams } = options;
  const byName = new Map(options.connections.map((one) => [one.name, one.id]));
  const sources = new Map<string, Promise<Source>>();
  const told = new Map<string, number>();
  let ids: { left: number; next(): number } | null = null;

  const sourceOf = (connection: string): Promise<Source> => {
    const known = sources.get(connection);
    if (known) return known;
    const opening = options.open(connection);
    sources.set(connection, opening);
    opening.catch(() => sources.delete(connection));
    return opening;
  };
  /** Once a minute: anybody may send anything here. */
  const tell = (connection: string, message: string) => {
    const now = clock.now().getTime();
    if ((told.get(connection) ?? 0) > now - TOLD_EVERY_MS) return;
    told.set(connection, now);
    log.warn({ connection }, message);
  };

  const isNoted = async (connection: string, delivery: string): Promise<boolean> => {
    const rows = await store.rows(
      sql`select 1 from inbound_delivery where connection_id = ${byName.get(connection)} and delivery_id = ${delivery}`,
    );
    return rows.length > 0;
  };

  const note = async (connection: string, verdict: Extract<WebhookVerdict, { ok: true }>): Promise<InboundOutcome> => {
    const { tenant } = streams;
    const own = streams.all.filter((one) => one.connection === connection && one.writes === null);
    const read = new Map(own.map((one) => [one.name, one.id]));
    const named = verdict.changed.flatMap(({ stream, id, erase }) => {
      const streamId = read.get(stream);
      return streamId === undefined || id === '' || id.length > MAX_ID ? [] : [{ streamId, id, erase }];
    });
    const ignored = verdict.changed.length - named.length;
    const delivery = shortId(verdict.deliveryId);
    const forgotten = named.filter((one) => one.erase === true);
    // Before it is noted: if this breaks off, the vendor sends it again.
    if (forgotten.length > 0 && (await isNoted(connection, delivery))) return 'duplicate';
    const erased = forgotten.length > 0 ? await options.erase(own, forgotten, `webhook:${connection}`) : [];
    // What was erased along with them may still be there, like they.
    const streamsNamed = new Set(forgotten.map((one) => one.streamId));
    const changes = [...named, ...erased.filter((one) => streamsNamed.has(one.streamId))];
    const at = clock.now();
    // A run at most for each stream; taken before the transaction, and used up before more are taken.
    if (ids === null || ids.left < changes.length) {
      const blocks = await store.newIds(IDS + changes.length);
      ids = { left: IDS + changes.length, next: () => blocks.next() };
    }
    const taking = ids;
    taking.left -= changes.length;
    const runs = await store.transaction(async (tx) => {
      const taken = await tx.rows(sql`
        insert into inbound_delivery (connection_id, delivery_id, tenant, received_at, sent_at, changed, ignored)
        values (${byName.get(connection)}, ${delivery}, ${tenant}, ${at.toISOString()}::timestamptz,
          ${verdict.sentAt?.toISOString() ?? null}::timestamptz, ${named.length}, ${ignored})
        on conflict (connection_id, delivery_id) do nothing returning 1`);
      if (taken.length === 0) return null;
      return changes.length === 0 ? [] : noteChanges(tx, { tenant, at, changes, ids: taking });
    });
    if (runs === null) return 'duplicate';
    for (const run of runs) options.wake(run);
    return named.length > 0 ? 'accepted' : 'ignored';
  };

  return {
    async receive(connection, request) {
      if (!byName.has(connection)) return { status: 404, body: '', outcome: 'unknown' };
      let source: Source;
      try {
        source = await sourceOf(connection);
      } catch (thrown) {
        tell(connection, `A webhook came and cannot be verified yet: ${asTributaryError(thrown).message}`);
        return { status: 503, body: '', outcome: 'unready' };
      }
      const { webhooks } = source;
      if (!webhooks) return { status: 404, body: '', outcome: 'unknown' };
      const greeting = webhooks.handshake(request);
      if (greeting) return { ...greeting, outcome: 'handshake' };
      const verdict = await webhooks.verify(request);
      if (!verdict.ok) {
        tell(connection, `A webhook was refused: ${verdict.reason}.`);
        return { status: 401, body: '', outcome: 'refused' };
      }
      return { status: 202, body: '', outcome: await note(connection, verdict) };
    },
    async warm() {
      const subscribed = await store.rows<{ name: string }>(
        sql`select name from connection where tenant = ${streams.tenant} and removed_at is null and webhook_url is not null`,
      );
      for (const { name } of subscribed) await sourceOf(name).catch(() => undefined);
    },
    async close() {
      for (const opening of sources.values())
        await opening.then(
          (source) => source.close(),
          () => undefined, // It never opened.
        );
    },
  };
}

const shortId = (id: string): string => (id.length <= MAX_ID ? id : createHash('sha256').update(id).digest('hex'));
